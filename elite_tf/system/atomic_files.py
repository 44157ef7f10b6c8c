"""Files and folders that are there as a whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def write_file(
  path: Path, data: str | bytes | memoryview, keep: Path | None = None
) -> None:
  """Writes a file as a whole: it is there with all its bytes or not at all.

  Args:
    path: The file; missing folders above it are made.
    data: What the file will hold; text is written as UTF-8.
    keep: Where the file that is replaced is moved; None keeps none.

  Raises:
    OSError: The file cannot be written; nothing is left behind.
  """
  data = data.encode() if isinstance(data, str) else data
  make_folder(path.parent)
  beside = _beside(path)
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
  sync(path.parent)


@contextlib.contextmanager
def replace_folder(path: Path, beside: Path | None = None) -> Iterator[Path]:
  """Writes a folder as a whole: it is there with all its files or not at all.

  The body fills an empty folder beside `path`. When the body ends, that folder
  is written through to the disk and takes the place of `path`; when the body
  raises, `path` stays as it was and nothing is left behind.

  Args:
    path: The folder; missing folders above it are made.
    beside: The folder to fill, on the same disk; what a killed process has left
      there is removed. None takes a name with the number of this process;
      where a lock admits one process at a time, a fixed name can be given.

  Yields:
    The empty folder to fill.

  Raises:
    OSError: The folder cannot be written.
  """
  path = path.absolute()
  beside = beside or _beside(path)
  shutil.rmtree(beside, ignore_errors=True)
  try:
    make_folder(path.parent)
    beside.mkdir()
    yield beside
    for folder, _, names in os.walk(beside):
      for name in names:
        sync(Path(folder, name))
      sync(Path(folder))
    if path.exists():
      shutil.rmtree(path)
    os.replace(beside, path)
    sync(path.parent)
  finally:
    shutil.rmtree(beside, ignore_errors=True)


def make_folder(path: Path) -> None:
  """Makes a folder and those above it, and writes their names to the disk.

  Raises:
    OSError: A folder cannot be made.
  """
  if path.is_dir():
    return
  make_folder(path.absolute().parent)
  path.mkdir(exist_ok=True)
  sync(path.absolute().parent)


def sync(path: Path) -> None:
  """Writes a file, or the names in a folder, through to the disk.

  Raises:
    OSError: The file or folder cannot be opened.
  """
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _beside(path: Path) -> Path:
  return path.with_name(f".{path.name}.{os.getpid()}")


def previous(path: Path) -> Path:
  """Returns the path of the checkpoint that was written before this one."""
  return path.with_suffix(f".previous{path.suffix}")
