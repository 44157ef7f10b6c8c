"""Folders of the cache: each is built once, by one process, as a whole."""

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.system import lock
from elite_tf.system.atomic_files import replace_folder
from elite_tf.system.text import one_line

_FULL = (errno.ENOSPC, errno.EDQUOT)


def build_once(
  root: Path,
  key: str,
  build: Callable[[Path], None],
  valid: Callable[[Path], bool],
) -> Path:
  """Returns the folder `root`/`key`; builds it if it is not there.

  Of several processes that ask at once, one builds and the others wait. What a
  killed process has left half built is removed by the next one.

  Args:
    root: Folder of the cache; made if it is missing.
    key: Stands for everything that decides the content.
    build: Writes the content into the empty folder that it is given.
    valid: Whether a folder holds what `build` writes; an invalid folder is
      built again.

  Raises:
    ConfigError: The disk is full or the folder cannot be used. Whatever `build`
      raises is raised too; nothing half built is left.
  """
  folder = root / key
  if valid(folder):
    return folder
  with _explained(root):
    root.mkdir(parents=True, exist_ok=True)
    with lock.hold(root / f".{key}.lock", "--cache_dir", wait=True):
      if not valid(folder):
        with replace_folder(folder, beside=root / f".{key}.half") as beside:
          build(beside)
  return folder


def check_room(folder: Path, needed: int, what: str) -> None:
  """Checks that a disk has room before anything is written to it.

  Args:
    folder: Any folder on the disk.
    needed: Estimated size, in bytes.
    what: Plural noun for what will be written, for the message.

  Raises:
    ConfigError: The disk has less room.
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
      f"--cache_dir: this folder cannot be used ({one_line(error)})."
      f" Received: {str(root)!r}"
    ) from error
