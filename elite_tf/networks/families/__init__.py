"""The families of networks that a search can take its candidates from.

To add a family: one file here with a `Family`, and one line in `FAMILIES`.
"""

from elite_tf.errors import ConfigError
from elite_tf.networks.families import elite, hf, lite, mobilenet_v2
from elite_tf.networks.families.base import Family
from elite_tf.networks.families.custom import CustomFamily

FAMILIES: dict[str, Family] = {
  family.name: family
  for family in (elite.FAMILY, hf.FAMILY, lite.FAMILY, mobilenet_v2.FAMILY)
}


def get_family(name: str) -> Family:
  """Returns the family called `name`.

  Args:
    name: A key of `FAMILIES`, or `module:function` for a custom family, whose
      module is not imported.

  Raises:
    ConfigError: There is no such family; the error names all.
  """
  if CustomFamily.is_name(name):
    return CustomFamily(name)
  if name not in FAMILIES:
    raise ConfigError(
      f"--pool must be one of {', '.join(sorted(FAMILIES))}, or"
      f" module:function of your own. Received: {name!r}"
    )
  return FAMILIES[name]
