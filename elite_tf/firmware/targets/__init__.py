"""The registry of targets: what firmware can be made for.

A family of targets is a module with `TARGETS`, a tuple of `base.Target`. To add
one: one file, and one entry in `_FAMILIES`. Importing this package loads
neither NumPy nor TensorFlow.
"""

import difflib

from elite_tf.errors import ConfigError
from elite_tf.firmware.targets import c, tflm
from elite_tf.firmware.targets.base import Figures, Project, Target, require_fit

__all__ = (
    "TARGETS", "Figures", "Project", "Target", "describe", "get_target",
    "require_fit",
)  # fmt: skip

_FAMILIES = (c, tflm)

TARGETS: dict[str, Target] = {
  target.name: target for family in _FAMILIES for target in family.TARGETS
}


def get_target(name: str) -> Target:
  """Returns a target.

  Args:
    name: As for `--target`.

  Raises:
    ConfigError: There is no such target.
  """
  if name not in TARGETS:
    near = difflib.get_close_matches(name, TARGETS, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(
      f"--target must be one of {', '.join(TARGETS)}; --target=list explains"
      f" them. Received: {name!r}{hint}"
    )
  return TARGETS[name]


def describe() -> str:
  """Returns a line of text for every target."""
  width = max(map(len, TARGETS))
  return "\n".join(
    f"{name:{width}}  {target.title}" for name, target in TARGETS.items()
  )
