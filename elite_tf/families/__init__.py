"""The families of networks that a search can draw its pool from."""

from types import ModuleType

from elite_tf.errors import ConfigError
from elite_tf.families import elite, hf, lite

# A family is a module with `plan(candidate)` -> layers, `resolutions(base,
# coefficients)` -> input sizes by level, `default_resolution(side)` -> base for
# images of that size, DEFAULT_RESOLUTION, its base for photographs, and
# DEFAULT_ACTIVATION, one of `efficientnet.ACTIVATIONS`.
FAMILIES: dict[str, ModuleType] = {"elite": elite, "hf": hf, "lite": lite}


def get_family(name: str) -> ModuleType:
  """Returns the family called `name`.

  Raises:
    ConfigError: There is none; names those there are.
  """
  if name not in FAMILIES:
    raise ConfigError(
        f"--pool must be one of {', '.join(sorted(FAMILIES))}."
        f" Received: {name!r}"
    )
  return FAMILIES[name]
