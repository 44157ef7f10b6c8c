"""Network Candidate Search for vision on microcontrollers.

    run_search      runs a search, or continues it, and returns its result
    plan            plans a search: candidates, costs and groups
    preprocess      images -> input of a network
    ConfigError     an argument, a setting or a file is wrong
    EfficientNetELite0 to 9, EfficientNetHF0 to 5
                    networks of the paper, as in keras.applications

A name is loaded when it is first used: importing the package loads neither
TensorFlow nor Keras nor NumPy.
"""

import importlib
import logging

__version__ = "0.2.0"

# A library is silent; the commands, and `run_search`, show what it logs.
logging.getLogger(__name__).addHandler(logging.NullHandler())

# Public name -> module that defines it.
_HOMES = {
  "ConfigError": "elite_tf.errors",
  "plan": "elite_tf.runs.plan_json",
  "preprocess": "elite_tf.data.preprocess",
  "run_search": "elite_tf.search",
  **dict.fromkeys(
    [f"EfficientNetELite{i}" for i in range(10)]
    + [f"EfficientNetHF{i}" for i in range(6)]
    + ["EfficientNetLite0"],
    "elite_tf.networks.applications",
  ),
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
  if name not in _HOMES:
    raise AttributeError(f"module 'elite_tf' has no attribute {name!r}")
  return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
  return sorted([*globals(), *_HOMES])
