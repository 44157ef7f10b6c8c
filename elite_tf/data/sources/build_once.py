"""Folders that are made once, by one process, and are whole or not there."""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.system import lock

_FULL = (errno.ENOSPC, errno.EDQUOT)


def keep(
  root: Path,
  key: str,
  build: Callable[[Path], None],
  valid: Callable[[Path], bool],
) -> Path:
  """Returns the folder `root`/`key`, built now if it is not there.

  Of several processes that ask at once, one builds and the others wait. It is
  built in a folder beside, written through to the disk and renamed; what a
  process that was killed has left half built is removed by the next one.

  Args:
    root: Folder of the cache; made if need be.
    key: Of what decides the content.
    build: Writes the content into the empty folder that it is given.
    valid: Whether a folder holds what `build` writes; one that does not is
      built again.

  Raises:
    ConfigError: The disk is full or the folder cannot be used; and whatever
      `build` raises. Nothing half built is left.
  """
  folder = root / key
  if valid(folder):
    return folder
  with _explained(root):
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f".{key}.lock"):
      if valid(folder):
        return folder
      beside = root / f".{key}.half"
      for remains in (beside, folder):
        shutil.rmtree(remains, ignore_errors=True)
      try:
        beside.mkdir()
        build(beside)
        for path in (*beside.iterdir(), beside):
          _sync(path)
        os.replace(beside, folder)
        _sync(root)
      finally:
        shutil.rmtree(beside, ignore_errors=True)
  return folder


def check_room(folder: Path, needed: int, what: str) -> None:
  """Checks that a disk has room before anything is written to it.

  Args:
    folder: On the disk.
    needed: Bytes, an estimate.
    what: What takes them, for the message.

  Raises:
    ConfigError: It has not.
  """
  free = shutil.disk_usage(folder).free
  if free < needed:
    raise ConfigError(
      f"--cache_dir: {what} take about {needed >> 20} MiB."
      f" Received: {str(folder)!r}, where {free >> 20} MiB are free"
    )


@contextlib.contextmanager
def _explained(root: Path) -> Iterator[None]:
  try:
    yield
  except OSError as error:
    if error.errno in _FULL:
      raise ConfigError(
        "--cache_dir: the disk is full; what was half written is removed."
        f" Received: {str(root)!r}"
      ) from error
    raise ConfigError(
      f"--cache_dir: this folder cannot be used ({error.strerror or error})."
      f" Received: {str(root)!r}"
    ) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
  """Holds a lock that ends with the process; its file goes with it."""
  while True:
    with open(path, "wb") as file:
      fcntl.flock(file, fcntl.LOCK_EX)
      # Whoever held the lock before has removed the file: then it is another,
      # or none, that processes which come now lock.
      if not lock.is_still(file.fileno(), path):
        continue
      try:
        yield
      finally:
        path.unlink(missing_ok=True)
      return


def _sync(path: Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)
