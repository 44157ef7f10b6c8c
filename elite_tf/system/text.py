"""Durations and errors as text for people."""

# Errors of other libraries can be pages long.
LONGEST_LINE = 300


def duration(seconds: float) -> str:
  """Returns a duration in the unit that suits it: 42 s, 7 min, 3.5 h, 4.2 d."""
  for unit, size, limit in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
    if seconds < limit * size:
      value = seconds / size
      return f"{value:.1f} {unit}" if unit == "h" else f"{value:.0f} {unit}"
  return f"{seconds / 86400:.1f} d"


def one_line(error: BaseException | str, with_type: bool = False) -> str:
  """Returns an error as one line of at most 300 characters.

  Of an error of the operating system this is the reason alone, without number
  and file name: the caller's message names the file.

  Args:
    error: The error, or its text.
    with_type: Whether to begin with the name of the error's type and to give
      the whole text, for errors that nobody foresaw.
  """
  text = str(error)
  if isinstance(error, OSError) and error.strerror and not with_type:
    text = error.strerror
  line = " ".join(text.split())
  if with_type:
    line = f"{type(error).__name__}: {line or 'no reason given'}"
  return (line or type(error).__name__)[:LONGEST_LINE]
