"""Files that are there with all their bytes or not at all."""

import contextlib
import os
from pathlib import Path


def write_file(
  path: Path, data: str | bytes | memoryview, keep: Path | None = None
) -> None:
  """Writes a file as a whole: it is there with all its bytes or not at all.

  Args:
    path: The file; its folder is made if it is missing.
    data: What it will hold.
    keep: Where the file goes whose place it takes; None keeps none.

  Raises:
    OSError: It cannot be written; nothing is left behind.
  """
  data = data.encode() if isinstance(data, str) else data
  path.parent.mkdir(parents=True, exist_ok=True)
  beside = path.with_name(f".{path.name}.{os.getpid()}")
  try:
    with open(beside, "wb") as file:
      file.write(data)
      file.flush()
      os.fsync(file.fileno())
    if keep is not None:
      with contextlib.suppress(FileNotFoundError):
        os.replace(path, keep)
    os.replace(beside, path)
  finally:
    beside.unlink(missing_ok=True)
  sync_folder(path.parent)


def sync_folder(path: Path) -> None:
  """Makes the names in a folder durable: what was written, renamed, removed.

  Raises:
    OSError: It cannot be opened.
  """
  folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
  try:
    os.fsync(folder)
  finally:
    os.close(folder)


def previous(path: Path) -> Path:
  """Returns where the checkpoint lies that was written before this one."""
  return path.with_suffix(f".previous{path.suffix}")
