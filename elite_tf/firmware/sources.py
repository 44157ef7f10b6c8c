"""Where the C files of the folder `tflite` are."""

import importlib.metadata
from pathlib import Path

from elite_tf.errors import ConfigError


def tflite_folder() -> Path:
  """Returns the folder `tflite`, of the checkout or as a wheel installs it.

  Raises:
    ConfigError: There is no such folder.
  """
  # Beside an installed package there may be a Python package named tflite.
  folders = [Path(__file__).parents[2] / "tflite"]
  for package in importlib.metadata.distributions(name="elite-tf"):
    folders += [
      Path(file.locate()).resolve().parents[1]
      for file in package.files or ()
      if file.match("share/elite_tf/tflite/kernels/dsp.h")
    ]
  for folder in folders:
    if (folder / "kernels").is_dir():
      return folder
  raise ConfigError(
    "the C files of elite_tf are missing: install elite_tf again, or run it"
    f" from its repository. Received: {', '.join(map(str, folders))}"
  )


def read_files(*paths: str) -> dict[str, bytes]:
  """Returns the contents of files by name.

  Args:
    *paths: Files and folders in `tflite`. A folder stands for all files in it.
  """
  found = {}
  for path in paths:
    place = tflite_folder() / path
    for file in sorted(place.iterdir()) if place.is_dir() else [place]:
      found[file.name] = file.read_bytes()
  return found


def read_tree(path: str) -> dict[str, bytes]:
  """Returns the contents of all files below a folder of `tflite`.

  Their keys are paths relative to the folder.
  """
  top = tflite_folder() / path
  return {
    file.relative_to(top).as_posix(): file.read_bytes()
    for file in sorted(top.rglob("*"))
    if file.is_file()
  }
