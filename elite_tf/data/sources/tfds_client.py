"""Starts the process that reads TensorFlow Datasets, and talks to it."""

import contextlib
import logging
import statistics
import subprocess
from collections.abc import Iterator
from multiprocessing.connection import Connection

from elite_tf.data.sources.cache import Picture
from elite_tf.data.sources.tfds_worker import Info, Pictures, Request
from elite_tf.data.sources.types import PHOTOGRAPH_SIDE, Description, Store
from elite_tf.errors import ConfigError
from elite_tf.system import processes

logger = logging.getLogger(__name__)


class Child:
  """The process that reads TensorFlow Datasets, seen from its parent."""

  def __init__(
    self,
    name: str,
    slug: str,
    connection: Connection,
    process: subprocess.Popen,
  ):
    self._name = name
    self._slug = slug
    self._connection = connection
    self._process = process
    self.info: Info = self._receive()

  def description(self) -> Description:
    """Returns the description of the data set."""
    info = self.info
    short = statistics.median_low(min(h[:2]) for h in info.headers)
    height, width, _ = next(h for h in info.headers if min(h[:2]) == short)
    grey = all(grey for *_, grey in info.headers)
    return Description(
      name=self._slug,
      classes=len(info.class_names),
      channels=info.channels or (1 if grey else 3),
      height=height,
      width=width,
      class_names=info.class_names,
      images=sum(count for _, count in info.splits.values()),
      photographs=short >= PHOTOGRAPH_SIDE,
      notes=(_split_note(info),),
    )

  def parts(self) -> dict[str, Iterator]:
    """Returns the pictures by part; read the parts in this order."""
    return {part: self._pictures(part) for part in self.info.splits}

  def _pictures(self, part: str) -> Iterator:
    self._connection.send(part)
    number = 0
    while (message := self._receive()).pictures:
      for label, encoded in message.pictures:
        yield Picture(f"{part} {number}", label, encoded)
        number += 1

  def _receive(self) -> Info | Pictures:
    try:
      message = self._connection.recv()
    except (EOFError, ConnectionResetError) as error:
      reason = processes.how_it_ended(self._process.wait())
      raise ConfigError(
        f"--data=tfds:{self._name}: the process that reads it {reason}"
      ) from error
    if isinstance(message, ConfigError):
      raise message
    return message


@contextlib.contextmanager
def opened(name: str, slug: str, store: Store) -> Iterator[Child]:
  """Starts the process, which ends with the context.

  Args:
    name: Name of the data set in TensorFlow Datasets.
    slug: Name for the description.
    store: The folder of the data, and whether to download them.

  Raises:
    ConfigError: The data set is unknown, not prepared, or has no pictures with
      one label each.
  """
  logger.info(f"tfds:{name} is read through TensorFlow Datasets")
  process, connection = processes.start_connected(
    "elite_tf.data.sources.tfds_worker",
    stdout=subprocess.DEVNULL,
    # Errors come as messages; only a download shows its progress.
    stderr=None if store.download else subprocess.DEVNULL,
    env=processes.WITHOUT_ACCELERATOR,
  )
  with connection:
    try:
      connection.send(Request(name, store.tfds_dir, store.download))
      yield Child(name, slug, connection, process)
    finally:
      processes.end(process)


def _split_note(info: Info) -> str:
  """Returns a note that says which split is which part."""
  texts = [
    f"{part} is {split!r} ({count:,})"
    for part, (split, count) in info.splits.items()
  ]
  if "test" not in info.splits:
    texts.append("test is a fifth of every class of train")
  if "val" not in info.splits:
    texts.append("val is a tenth of every class of train")
  return "splits: " + ", ".join(texts)
