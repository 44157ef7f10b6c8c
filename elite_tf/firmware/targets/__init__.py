"""The registry of targets of the firmware.

A module of this package defines `TARGETS`, a tuple of `base.Target`. To add a
module, write one file and add one entry to `_MODULES`. Importing this package
loads neither NumPy nor TensorFlow.
"""

import difflib

from elite_tf.errors import ConfigError
from elite_tf.firmware.targets import c, tflm
from elite_tf.firmware.targets.base import Figures, Project, Target, require_fit

__all__ = (
    "TARGETS", "Figures", "Project", "Target", "describe_targets", "get_target",
    "require_fit",
)  # fmt: skip

_MODULES = (c, tflm)

TARGETS: dict[str, Target] = {
  target.name: target for module in _MODULES for target in module.TARGETS
}


def get_target(name: str) -> Target:
  """Returns a target.

  Args:
    name: `--target`.

  Raises:
    ConfigError: There is no such target.
  """
  if name not in TARGETS:
    near = difflib.get_close_matches(name, TARGETS, 1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ConfigError(
      f"--target must be one of {', '.join(TARGETS)}, or list to print their"
      f" descriptions{hint}. Received: {name!r}"
    )
  return TARGETS[name]


def describe_targets() -> str:
  """Returns a text with one line per target."""
  width = max(map(len, TARGETS))
  return "\n".join(
    f"{name:{width}}  {target.title}" for name, target in TARGETS.items()
  )
