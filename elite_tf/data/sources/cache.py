"""The decoded cache: every picture is decoded once.

Each data set has a folder with

    pixels.bin    uint8, the pixels of all pictures, one after the other
    places.npy    int64, (n, 3): first byte, height and width of each picture
    labels.npy    int32, (n,)
    hashes.npy    uint64, (n,), of the pixels of each picture
    meta.json     the description, the number of pictures per part, the pictures
                  that could not be decoded

All workers map the same files, so that memory holds them once.
"""

import array
import collections
import concurrent.futures
import dataclasses
import fractions
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from elite_tf.data.sources import (
  brightness,
  build_once,
  cache_meta,
  hashes,
  pictures,
  splits,
)
from elite_tf.data.sources.cache_meta import Meta
from elite_tf.data.sources.ragged import Pixels, Ragged
from elite_tf.data.sources.types import Dataset, Description, Split, Store
from elite_tf.errors import ConfigError

logger = logging.getLogger(__name__)

# A larger share of broken pictures is a mistake in the data.
MOST_BROKEN = fractions.Fraction(1, 20)

NAMED_BROKEN = 10

# What a thread decodes at a time. Handing over small pictures one by one costs
# more than decoding them; many large pictures take too much memory.
_CHUNK = 16
_CHUNK_BYTES = 1 << 20

_MOST_THREADS = 16

_TELL_EVERY = 100_000


@dataclasses.dataclass(frozen=True)
class Picture:
  """A picture before it is decoded.

  Attributes:
    name: Name for messages.
    label: Number of the class.
    source: Path of the file, or its encoded bytes.
  """

  name: str
  label: int
  source: str | bytes


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
  """A data set in the cache.

  Attributes:
    description: Its description; broken pictures are not counted.
    parts: The pictures by part: train, and val and test if the source has them.
    notes: Notes of the description, broken pictures, size of the cache.
    folder: Folder of the cache.
  """

  description: Description
  parts: dict[str, Split]
  notes: tuple[str, ...]
  folder: Path

  def divide(self, seed: int) -> Dataset:
    """Cuts the parts that the source does not have.

    Args:
      seed: Seed of the validation cut, 0 or more.

    Raises:
      ConfigError: A class has too few pictures, or the seed is invalid.
    """
    return splits.divide(
      self.description,
      self.parts["train"],
      self.parts.get("test"),
      seed,
      val=self.parts.get("val"),
      notes=self.notes,
    )


def decoded(
  store: Store,
  key: str,
  description: Description,
  read: Callable[[], Mapping[str, Iterable[Picture]]],
  fingerprint: str = "",
) -> Decoded:
  """Returns a data set from the cache; decodes it if it is not there.

  Args:
    store: Folder of the cache, and short side of the decoded pictures.
    key: Name of the folder; stands for everything that decides the pixels.
    description: Description of the data set.
    read: Returns the pictures by part, always in the same order; called only if
      they have to be decoded. The pictures are read one by one.
    fingerprint: Digest of the source's files, if the key does not contain it.
      With another fingerprint the data set is decoded again.

  Raises:
    ConfigError: Too many pictures are broken, or the cache cannot be written.
  """

  def build(folder: Path) -> None:
    needed = description.images * pictures.typical_bytes(
      description, store.side
    )
    build_once.check_room(folder, needed, "the decoded pictures")
    logger.info(
      f"decodes {description.images:,} pictures, about {needed >> 20} MiB,"
      f" into {folder.parent}; this is done once"
    )
    _build(folder, description, read(), store, fingerprint)

  def valid(folder: Path) -> bool:
    meta = cache_meta.read(folder)
    return meta is not None and fingerprint in ("", meta.fingerprint)

  if store.root is None:
    temporary = Path(tempfile.mkdtemp(prefix="elite_tf-pictures-"))
    try:
      # Removed files stay readable through their maps until the process ends.
      folder = build_once.build_once(temporary, key, build, valid)
      return _load(folder, description)
    finally:
      shutil.rmtree(temporary, ignore_errors=True)
  return _load(
    build_once.build_once(store.root, key, build, valid), description
  )


def _load(folder: Path, description: Description) -> Decoded:
  """Reads a folder of the cache; the pictures stay on the disk."""
  meta = cache_meta.read(folder)
  images = Ragged(
    Pixels(folder / "pixels.bin"),
    np.load(folder / "places.npy"),
    description.channels,
  )
  labels = np.load(folder / "labels.npy")
  hashed = np.load(folder / "hashes.npy")
  parts, start = {}, 0
  for part, count in meta.parts.items():
    stop = start + count
    here = slice(start, stop)
    parts[part] = Split(images[here], labels[here], hashed[here])
    start = stop
  size = sum(file.stat().st_size for file in folder.iterdir())
  notes = (
    *description.notes,
    *_broken_notes(meta, len(labels)),
    *_coloured_notes(meta, len(labels)),
    *brightness.check(*meta.pixels, _pictures_of(description)),
    f"decoded pictures: {size / 2**20:.1f} MiB in {folder}",
  )
  description = _counted(description, labels)
  return Decoded(description, parts, notes, folder)


def _pictures_of(description: Description) -> str:
  return f"the pictures of {description.name!r}"


def _counted(description: Description, labels: np.ndarray) -> Description:
  """Returns a description without the pictures that could not be decoded."""
  counts = description.class_images
  if counts:
    found = np.bincount(labels, minlength=description.classes)
    counts = tuple(found.tolist())
  return dataclasses.replace(
    description, images=len(labels), class_images=counts
  )


def _build(
  folder: Path,
  description: Description,
  parts: Mapping[str, Iterable[Picture]],
  store: Store,
  fingerprint: str,
) -> None:
  """Decodes all pictures into an empty folder."""
  places, labels = array.array("q"), array.array("i")
  hashed, low, high, coloured = array.array("Q"), 255, 0, 0
  broken: list[tuple[str, str]] = []
  counts, start, seen = {}, 0, 0
  with open(folder / "pixels.bin", "wb", buffering=1 << 20) as file:
    for part, items in parts.items():
      counts[part] = -len(labels)
      for picture, pixels, greyed in _decode_all(
        items, description, store.side
      ):
        seen += 1
        if seen % _TELL_EVERY == 0:
          logger.info(f"{seen:,} of {description.images:,} pictures decoded")
        if isinstance(pixels, pictures.Broken):
          broken.append((picture.name, str(pixels)))
          _check_broken(broken, description)
          continue
        file.write(pixels)
        places.extend((start, *pixels.shape[:2]))
        labels.append(picture.label)
        hashed.append(hashes.hash_image(pixels))
        low, high = min(low, int(pixels.min())), max(high, int(pixels.max()))
        start += pixels.size
        coloured += greyed
      counts[part] += len(labels)
  brightness.check(low, high, _pictures_of(description))
  np.save(folder / "places.npy", np.array(places, np.int64).reshape(-1, 3))
  np.save(folder / "labels.npy", np.array(labels, np.int32))
  np.save(folder / "hashes.npy", np.array(hashed, np.uint64))
  meta = Meta(
    _counted(description, np.array(labels, np.int32)),
    counts,
    len(broken),
    tuple(broken[:NAMED_BROKEN]),
    fingerprint,
    {file.name: file.stat().st_size for file in folder.iterdir()},
    (low, high),
    coloured,
  )
  (folder / cache_meta.FILE).write_text(meta.to_json(), "utf-8")


def _decode_all(
  items: Iterable[Picture], description: Description, side: int
) -> Iterator[tuple[Picture, "np.ndarray | pictures.Broken", bool]]:
  """Decodes pictures in order, with one thread per core.

  Yields:
    A picture, its pixels or why it is broken, and whether it lost its colours.
  """

  def decode(chunk: tuple[Picture, ...]) -> list:
    found = []
    for picture in chunk:
      coloured = False
      try:
        pixels = pictures.decode(picture.source, description.channels, side)
        if description.channels == 1:
          coloured = not pictures.header(picture.source)[2]
      except pictures.Broken as error:
        pixels = error
      found.append((picture, pixels, coloured))
    return found

  threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
  count = _CHUNK_BYTES // pictures.typical_bytes(description, side)
  count = max(1, min(count, _CHUNK))
  pending: collections.deque = collections.deque()
  with (
    pictures.pillow(),
    concurrent.futures.ThreadPoolExecutor(threads) as executor,
  ):
    try:
      for chunk in _chunks(items, count):
        pending.append(executor.submit(decode, chunk))
        if len(pending) > 2 * threads:
          yield from pending.popleft().result()
      while pending:
        yield from pending.popleft().result()
    finally:
      executor.shutdown(cancel_futures=True)


def _chunks(
  items: Iterable[Picture], count: int
) -> Iterator[tuple[Picture, ...]]:
  items = iter(items)
  while chunk := tuple(itertools.islice(items, count)):
    yield chunk


def _check_broken(
  broken: list[tuple[str, str]], description: Description
) -> None:
  if len(broken) > description.images * MOST_BROKEN:
    name, reason = broken[0]
    raise ConfigError(
      f"--data: more than 5 % of the {description.images} pictures of"
      f" {description.name!r} cannot be read. Received: {name!r} ({reason})"
      + (f" and {len(broken) - 1} others" if len(broken) > 1 else "")
    )


def _coloured_notes(meta: Meta, images: int) -> list[str]:
  """Returns a note about pictures that lost their colours."""
  if not meta.coloured:
    return []
  return [
    f"{meta.coloured:,} of {images:,} pictures are in colour and are made grey,"
    " because all that were looked at first are grey"
  ]


def _broken_notes(meta: Meta, images: int) -> list[str]:
  """Returns the notes about broken pictures."""
  if not meta.broken:
    return []
  lines = [
    f"{meta.broken:,} of {images + meta.broken:,} pictures cannot be read and"
    " are left out:",
    *(f"  {name!r}: {reason}" for name, reason in meta.first_broken),
  ]
  if meta.broken > len(meta.first_broken):
    lines.append(f"  and {meta.broken - len(meta.first_broken):,} more")
  return lines
