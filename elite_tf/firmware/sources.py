"""The C sources of the folder `tflite`, which firmware is made of."""

from pathlib import Path

# In the repository it is a link to the folder beside the package; a wheel holds
# the files themselves.
FOLDER = Path(__file__).with_name("tflite")


def read(*paths: str) -> dict[str, bytes]:
  """Returns the contents of files by their names, without folders.

  Args:
    *paths: Of files in the folder; the path of a subfolder means all files in
      it.
  """
  found = {}
  for path in paths:
    place = FOLDER / path
    for file in sorted(place.iterdir()) if place.is_dir() else [place]:
      found[file.name] = file.read_bytes()
  return found


def read_tree(path: str) -> dict[str, bytes]:
  """Returns the contents of all files below a subfolder, by their paths in it.

  Args:
    path: Of the subfolder.
  """
  top = FOLDER / path
  return {
    file.relative_to(top).as_posix(): file.read_bytes()
    for file in sorted(top.rglob("*"))
    if file.is_file()
  }
