"""The families of networks that a search can take its candidates from.

To add a family: one file here with a `Family`, and one line in `FAMILIES`.
"""

from elite_tf.errors import ConfigError
from elite_tf.networks.families import edge, elite, hf, lite, mobilenet_v2
from elite_tf.networks.families.base import Family
from elite_tf.networks.families.custom import CustomFamily

FAMILIES: dict[str, Family] = {
  family.name: family
  for family in (
    edge.FAMILY,
    elite.FAMILY,
    hf.FAMILY,
    lite.FAMILY,
    mobilenet_v2.FAMILY,
  )
}


# The family of the paper, where none is named.
DEFAULT = "elite"


def get_families(pool: str) -> tuple[Family, ...]:
  """Returns the families that `--pool` names, in that order.

  Args:
    pool: Keys of `FAMILIES`, separated by commas, or one `module:function`;
      empty: `DEFAULT`.

  Raises:
    ConfigError: A family is unknown or named twice, or a custom family is one
      of several.
  """
  names = [name.strip() for name in (pool or DEFAULT).split(",")]
  if not all(names):
    raise ConfigError(
      f"--pool must be names separated by commas. Received: {pool!r}"
    )
  families = tuple(get_family(name) for name in names)
  if len(set(names)) < len(names):
    raise ConfigError(f"--pool names a family twice. Received: {pool!r}")
  if len(families) > 1 and not all(each.has_layers for each in families):
    # What a custom network costs is counted in another way.
    raise ConfigError(
      f"--pool: a custom family competes alone. Received: {pool!r}"
    )
  return families


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
