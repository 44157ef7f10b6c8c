"""Network Candidate Search for vision on microcontrollers.

Public names are loaded when they are first used: importing the package loads
neither TensorFlow nor Keras.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
  "plan": ("elite_tf.runs.plan_json", "plan"),
  "preprocess": ("elite_tf.data.preprocess", "preprocess"),
  "search": ("elite_tf.search", None),
  **{
    f"EfficientNetELite{i}": (
      "elite_tf.networks.applications",
      f"EfficientNetELite{i}",
    )
    for i in range(10)
  },
  **{
    f"EfficientNetHF{i}": (
      "elite_tf.networks.applications",
      f"EfficientNetHF{i}",
    )
    for i in range(6)
  },
}


def __getattr__(name: str):
  if name not in _HOMES:
    raise AttributeError(f"module 'elite_tf' has no attribute {name!r}")
  home, attribute = _HOMES[name]
  module = importlib.import_module(home)
  return getattr(module, attribute) if attribute else module


def __dir__() -> list[str]:
  return sorted([*globals(), *_HOMES])
