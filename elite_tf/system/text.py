"""Numbers and errors as a person reads them."""


def duration(seconds: float) -> str:
  """Returns seconds as a person reads them: 42 s, 7 min, 3.5 h, 4.2 d."""
  for unit, size, limit in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
    if seconds < limit * size:
      value = seconds / size
      return f"{value:.1f} {unit}" if unit == "h" else f"{value:.0f} {unit}"
  return f"{seconds / 86400:.1f} d"
