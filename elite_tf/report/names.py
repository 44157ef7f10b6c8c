"""How candidates are called where there is little room."""

from collections.abc import Iterable


def prefix_of(names: Iterable[str]) -> str:
  """Returns the family that all names begin with, `elite-`; or nothing."""
  heads = {name.partition("-")[0] for name in names}
  if len(heads) != 1 or any("-" not in name for name in names):
    return ""
  return f"{heads.pop()}-"
