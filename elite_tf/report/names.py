"""Short names of candidates."""

from collections.abc import Iterable


def prefix_of(names: Iterable[str]) -> str:
  """Returns the prefix that all names share, as "elite-"; "" if none."""
  heads = {name.partition("-")[0] for name in names}
  if len(heads) != 1 or any("-" not in name for name in names):
    return ""
  return f"{heads.pop()}-"
