"""The families of networks that a search can draw its pool from."""

from types import ModuleType

from elite_tf.errors import ConfigError
from elite_tf.networks.families import elite, hf, lite, mobilenet_v2, own
from elite_tf.networks.families.own import is_own

__all__ = ["FAMILIES", "get_family", "is_own"]

# A family is a module with `plan(candidate)` -> layers, `resolutions(base,
# coefficients)` -> input sizes by level, `default_resolution(side)` -> base for
# images of that size, DEFAULT_RESOLUTION, its base for photographs, and
# DEFAULT_ACTIVATION, one of `efficientnet.ACTIVATIONS`.
FAMILIES: dict[str, ModuleType] = {
  "elite": elite,
  "hf": hf,
  "lite": lite,
  "mobilenet_v2": mobilenet_v2,
}


def get_family(name: str) -> ModuleType:
  """Returns the family called `name`.

  That of the user's own, `module:function`, is all but `plan`: it has no rows.

  Raises:
    ConfigError: There is none; names those there are.
  """
  if is_own(name):
    return own
  if name not in FAMILIES:
    raise ConfigError(
      f"--pool must be one of {', '.join(sorted(FAMILIES))}, or"
      f" module:function of your own. Received: {name!r}"
    )
  return FAMILIES[name]
