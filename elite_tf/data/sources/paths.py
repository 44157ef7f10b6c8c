"""Files and folders of data sets, where what is wrong is the user's to mend."""

import contextlib
import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from elite_tf.errors import ConfigError
from elite_tf.system.text import one_line


def name_of(path: str) -> str:
  """Makes the name of a data set from that of its file or folder.

  Args:
    path: The file, without its extension, or the folder; it may be relative.

  Returns:
    Its last part, with '-' for what is awkward in the name of a folder.
  """
  # abspath: '.' and 'data/' have a last part too.
  last = os.path.basename(os.path.abspath(path))
  return re.sub(r"[^\w.-]+", "-", last, flags=re.ASCII).strip(".-") or "data"


def unreadable(path: str, error: OSError) -> ConfigError:
  """Puts a failure of the operating system in one line.

  Args:
    path: The file or folder.
    error: What opening or reading it raised.

  Returns:
    The error to raise.
  """
  return ConfigError(
    f"--data: cannot read this path: {one_line(error)}. Received: {path!r}"
  )


def listing(folder: str) -> frozenset[str]:
  """Lists a folder.

  Args:
    folder: Its path.

  Returns:
    The names in it.

  Raises:
    ConfigError: If there is no such folder, or it cannot be read.
  """
  try:
    return frozenset(os.listdir(folder))
  except OSError as error:
    raise unreadable(folder, error) from error


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
  """Opens a file to read its bytes.

  Args:
    path: Its path.

  Yields:
    The open file.

  Raises:
    ConfigError: If it is empty or cannot be read, now or later in the block.
  """
  try:
    with open(path, "rb") as file:
      if not os.fstat(file.fileno()).st_size:
        raise ConfigError(f"--data: the file is empty. Received: {path!r}")
      yield file
  except OSError as error:
    raise unreadable(path, error) from error
