"""Where a command writes: checked before any work is done."""

from pathlib import Path

from elite_tf.errors import ConfigError


def check_new_file(path: str, overwrite: bool) -> Path:
  """Returns the file that `--out` names.

  Args:
    path: Value of the flag.
    overwrite: Whether the file may exist.

  Raises:
    ConfigError: The path is empty, the file exists, or its folder does not.
  """
  if not path:
    raise ConfigError("--out must name the file to write. Received: ''")
  out = Path(path)
  if out.exists() and not overwrite:
    raise ConfigError(
      f"--out must name a new file, or --overwrite must be given."
      f" Received: --out={path}, which exists"
    )
  _check_parent(out, path)
  return out


def check_new_folder(path: str) -> Path:
  """Returns the folder that `--out` names.

  Args:
    path: Value of the flag.

  Raises:
    ConfigError: The path is empty, something is there, or the folder that it
      is in does not exist.
  """
  if not path:
    raise ConfigError("--out must name the folder to write. Received: ''")
  out = Path(path)
  if out.exists() and (not out.is_dir() or any(out.iterdir())):
    raise ConfigError(f"--out={path} must be a new or empty folder")
  _check_parent(out, path)
  return out


def _check_parent(out: Path, path: str) -> None:
  parent = out.absolute().parent
  if not parent.is_dir():
    raise ConfigError(f"--out={path}: there is no folder {parent}")
