"""Where the C files of the folder `tflite` are."""

import importlib.metadata
from pathlib import Path

from elite_tf.errors import ConfigError

_CHECKOUT = Path(__file__).parents[2] / "tflite"

# Where setup.cfg has them installed.
_INSTALLED = "share/elite_tf/tflite"


def folder() -> Path:
  """Returns the folder `tflite`, of the checkout or as installed.

  Raises:
    ConfigError: It is not there.
  """
  if (_CHECKOUT / "kernels").is_dir():
    return _CHECKOUT
  try:
    files = importlib.metadata.files("elite-tf") or ()
  except importlib.metadata.PackageNotFoundError:
    files = ()
  for file in files:
    if file.as_posix().endswith(f"{_INSTALLED}/kernels/fixed_point.h"):
      return Path(file.locate()).resolve().parents[1]
  raise ConfigError(
    "The C files of elite_tf are missing: install it again, or run it from"
    " its repository"
  )


def read(*paths: str) -> dict[str, bytes]:
  """Returns files of the folder, by their names alone.

  Args:
    *paths: In the folder; a folder in it means all files in that.
  """
  found = {}
  for path in paths:
    place = folder() / path
    for file in sorted(place.iterdir()) if place.is_dir() else [place]:
      found[file.name] = file.read_bytes()
  return found


def tree(path: str) -> dict[str, bytes]:
  """Returns all files below a folder, by their paths in it."""
  top = folder() / path
  return {
    file.relative_to(top).as_posix(): file.read_bytes()
    for file in sorted(top.rglob("*"))
    if file.is_file()
  }
