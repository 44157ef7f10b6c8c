"""The data of a search that begins or is resumed: looked at before it goes on."""

import contextlib
import dataclasses
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from elite_tf.data import sources
from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.runs.config import check_same_crop, check_same_training
from elite_tf.runs.fingerprint import (
  Fingerprint,
  check_same,
  fingerprint,
  fingerprint_of,
)
from elite_tf.runs.folder import RunFolder, no_cache_on_error, store_of
from elite_tf.runs.settings import Settings
from elite_tf.training.recipe import PAPER_BATCH, left_out

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class OpenedData:
  """What is known of the data after a look at them.

  Attributes:
    description: Complete with notes, if the images were read.
    fingerprint: Of the images.
  """

  description: Description
  fingerprint: Fingerprint


def open_data(
  settings: Settings, description: Description, folder: RunFolder
) -> OpenedData:
  """Checks that the data are right, and those that the search began with.

  The images are read, unless the search has ended and nothing has changed.

  Args:
    settings: Complete, with a run folder.
    description: As `elite_tf.data.sources.describe` returns it.
    folder: The run folder, which may not exist yet.

  Raises:
    ConfigError: The data are wrong, or not those of the search. Nothing of a
      new search is left.
  """
  if not folder.config.exists():
    with no_cache_on_error(folder):
      return _read(settings)
  key = sources.key(settings.data, store_of(settings))
  config = folder.read_config()
  there = config.data
  here = OpenedData(description, fingerprint(description, key))
  result = folder.read_result()
  ended = result is not None and folder.is_final(result)
  if not ended:
    check_same_crop(folder.path, config, description.photographs)
    check_same_training(folder.path, config, description.images)
  if there is None:
    if ended:
      return here
    logger.warning(
      f"{folder.path}: begun by a version that did not record which images it"
      " had; that they are still the same is taken for granted"
    )
    return _read(settings)
  check_same(settings.run_dir, there, here.fingerprint)
  if ended and there.key == key:
    return here
  with _no_new_cache_on_error(folder):
    read = _read(settings)
    check_same(settings.run_dir, there, read.fingerprint)
  if there.key != key:
    logger.info(
      "the data lie in other files than when the search began, or these have"
      " other times; the images are the same"
    )
  return read


def _read(settings: Settings) -> OpenedData:
  from elite_tf.data.sources import hashes

  store = store_of(settings)
  data = sources.load(settings.data, settings.seed, store)
  parts = hashes.hashed(data)
  rest = left_out(len(data.train.labels), settings.batch_size or PAPER_BATCH)
  notes = (*data.notes, *hashes.duplicates(parts), *([rest] if rest else []))
  return OpenedData(
    dataclasses.replace(data.description, notes=notes),
    fingerprint_of(settings.data, store, parts),
  )


@contextlib.contextmanager
def _no_new_cache_on_error(folder: RunFolder) -> Iterator[None]:
  """Removes what was decoded of data that are not those of the search."""

  def entries() -> set[Path]:
    return set(folder.cache.iterdir()) if folder.cache.is_dir() else set()

  before = entries()
  try:
    yield
  except ConfigError:
    for path in entries() - before:
      if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
      else:
        path.unlink(missing_ok=True)
    raise
