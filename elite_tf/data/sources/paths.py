"""Files and folders of data sets; their errors are `ConfigError`."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from elite_tf.errors import ConfigError
from elite_tf.system.text import one_line


def name_of(path: str) -> str:
  """Returns the name of a data set: the last part of its path.

  Characters that are awkward in the name of a folder become '-'.

  Args:
    path: Folder, or file without its extension; may be relative.
  """
  # abspath gives '.' and 'data/' a last part too.
  last = os.path.basename(os.path.abspath(path))
  return re.sub(r"[^\w.-]+", "-", last, flags=re.ASCII).strip(".-") or "data"


def unreadable(path: str, error: OSError) -> ConfigError:
  """Returns the error to raise if a file or folder cannot be read."""
  return ConfigError(
    f"--data: cannot read this path: {one_line(error)}. Received: {path!r}"
  )


def listing(folder: str) -> frozenset[str]:
  """Returns the names in a folder.

  Raises:
    ConfigError: There is no such folder, or it cannot be read.
  """
  try:
    return frozenset(os.listdir(folder))
  except OSError as error:
    raise unreadable(folder, error) from error


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
  """Opens a file to read its bytes.

  Raises:
    ConfigError: The file is empty or cannot be read, now or later in the body.
  """
  try:
    with open(path, "rb") as file:
      if not os.fstat(file.fileno()).st_size:
        raise ConfigError(f"--data: the file is empty. Received: {path!r}")
      yield file
  except OSError as error:
    raise unreadable(path, error) from error


def digest(names: Iterable[str]) -> str:
  """Returns a digest of the bytes of files, in the order given.

  Raises:
    ConfigError: A file is empty or cannot be read.
  """
  found = hashlib.sha256()
  for name in names:
    with opened(name) as file:
      found.update(hashlib.file_digest(file, "sha256").digest())
  return found.hexdigest()[:16]
