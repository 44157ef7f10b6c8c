"""The decoded cache: every picture is decoded once, by whoever comes first.

A folder of it holds

    pixels.bin    uint8, the pixels of all pictures, one after the other
    places.npy    int64, (n, 3): where each begins, its height and its width
    labels.npy    int32, (n,)
    meta.json     the description, how many pictures each part has, which
                  pictures could not be decoded

All workers map the same files, so that memory holds them once.
"""

import array
import collections
import concurrent.futures
import dataclasses
import fractions
import itertools
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from elite_tf.data.sources import build_once, pictures, splits
from elite_tf.data.sources.ragged import Pixels, Ragged
from elite_tf.data.sources.types import Dataset, Description, Split, Store
from elite_tf.errors import ConfigError

logger = logging.getLogger(__name__)

# Part of every key: another number and older folders are not read any more.
FORMAT = 1

# More than this is not a few bad files but a mistake in the data.
MOST_BROKEN = fractions.Fraction(1, 20)

NAMED_BROKEN = 10

# What a thread decodes at a time: to hand over small pictures one by one costs
# more than to decode them, and large ones are not to be held in number.
_CHUNK = 16
_CHUNK_BYTES = 1 << 20

_MOST_THREADS = 16

_TELL_EVERY = 100_000


@dataclasses.dataclass(frozen=True)
class Picture:
  """A picture before it is decoded.

  Attributes:
    name: For messages.
    label: Its class.
    source: Its path, or its encoded bytes.
  """

  name: str
  label: int
  source: str | bytes


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
  """A data set as the cache has it.

  Attributes:
    description: What it is; pictures that could not be decoded are not counted.
    parts: The pictures by part: train, and val and test if the source has them.
    notes: The description's, what was left out and what the cache takes.
    folder: Where it lies.
  """

  description: Description
  parts: dict[str, Split]
  notes: tuple[str, ...]
  folder: Path

  def divide(self, seed: int) -> Dataset:
    """Cuts the parts that the source does not have.

    Args:
      seed: Of the validation cut.

    Raises:
      ConfigError: A class cannot be in each part, or the seed is no seed.
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
    store: Where, and how large.
    key: Of all that decides the pixels.
    description: Of the data set.
    read: Called only if it has to be decoded; gives the pictures by part, in
      an order that is always the same. They are read one by one.
    fingerprint: Of the source's files, where the key does not hold it: another
      one and they are decoded again.

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

  if store.root is None:
    temporary = Path(tempfile.mkdtemp(prefix="elite_tf-pictures-"))
    try:
      # Mapped files live on until the process ends, without a name.
      folder = build_once.keep(temporary, key, build, _whole)
      return _load(folder, description)
    finally:
      shutil.rmtree(temporary, ignore_errors=True)
  folder = build_once.keep(
    store.root,
    key,
    build,
    lambda f: _whole(f) and fingerprint in ("", _meta(f)["fingerprint"]),
  )
  return _load(folder, description)


def _load(folder: Path, description: Description) -> Decoded:
  """Reads a folder of the cache; the pictures stay on the disk."""
  meta = _meta(folder)
  images = Ragged(
    Pixels(folder / "pixels.bin"),
    np.load(folder / "places.npy"),
    description.channels,
  )
  labels = np.load(folder / "labels.npy")
  parts, start = {}, 0
  for part, count in meta["parts"].items():
    stop = start + count
    parts[part] = Split(images[start:stop], labels[start:stop])
    start = stop
  size = sum(file.stat().st_size for file in folder.iterdir())
  notes = (
    *description.notes,
    *_broken_notes(meta["broken"], len(labels)),
    f"decoded pictures: {size / 2**20:.1f} MiB in {folder}",
  )
  description = dataclasses.replace(description, images=len(labels))
  return Decoded(description, parts, notes, folder)


def describe(root: Path, pattern: str) -> tuple[Description, str] | None:
  """Returns the description and the fingerprint of a data set in the cache.

  Args:
    root: Folder of the cache.
    pattern: Of the key, as in a shell.

  Returns:
    None if there is none.
  """
  for folder in sorted(root.glob(pattern)):
    if _whole(folder):
      meta = _meta(folder)
      # As before it was decoded, so that both ways say the same.
      images = meta["broken"]["count"] + meta["description"]["images"]
      described = dataclasses.replace(_description(meta), images=images)
      return described, meta["fingerprint"]
  return None


def _description(meta: dict) -> Description:
  stored = meta["description"]
  lists = {name: tuple(stored[name]) for name in ("class_names", "notes")}
  return Description(**{**stored, **lists})


def _meta(folder: Path) -> dict:
  return json.loads((folder / "meta.json").read_text())


def _whole(folder: Path) -> bool:
  """Whether a folder is there with all its bytes."""
  try:
    meta = _meta(folder)
    sizes = {name: (folder / name).stat().st_size for name in meta["sizes"]}
    return meta["format"] == FORMAT and sizes == meta["sizes"]
  except (OSError, ValueError, KeyError, TypeError):
    return False


def _build(
  folder: Path,
  description: Description,
  parts: Mapping[str, Iterable[Picture]],
  store: Store,
  fingerprint: str,
) -> None:
  """Decodes all pictures into an empty folder."""
  places, labels = array.array("q"), array.array("i")
  broken: list[tuple[str, str]] = []
  counts, start, seen = {}, 0, 0
  with open(folder / "pixels.bin", "wb", buffering=1 << 20) as file:
    for part, items in parts.items():
      counts[part] = -len(labels)
      for picture, pixels in _decode_all(items, description, store.side):
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
        start += pixels.size
      counts[part] += len(labels)
  np.save(folder / "places.npy", np.array(places, np.int64).reshape(-1, 3))
  np.save(folder / "labels.npy", np.array(labels, np.int32))
  meta = {
    "format": FORMAT,
    "description": dataclasses.asdict(
      dataclasses.replace(description, images=len(labels))
    ),
    "parts": counts,
    "broken": {"count": len(broken), "first": broken[:NAMED_BROKEN]},
    "fingerprint": fingerprint,
    "sizes": {file.name: file.stat().st_size for file in folder.iterdir()},
  }
  (folder / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


def _decode_all(
  items: Iterable[Picture], description: Description, side: int
) -> Iterator[tuple[Picture, "np.ndarray | pictures.Broken"]]:
  """Decodes pictures in their order, a few at a time on every core."""

  def decode(chunk: tuple[Picture, ...]) -> list:
    found = []
    for picture in chunk:
      try:
        pixels = pictures.decode(picture.source, description.channels, side)
      except pictures.Broken as error:
        pixels = error
      found.append((picture, pixels))
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


def _broken_notes(broken: dict, images: int) -> list[str]:
  """Returns what to say of the pictures that were left out."""
  count, first = broken["count"], broken["first"]
  if not count:
    return []
  lines = [
    f"{count:,} of {images + count:,} pictures cannot be read and are left"
    " out:",
    *(f"  {name!r}: {reason}" for name, reason in first),
  ]
  if count > len(first):
    lines.append(f"  and {count - len(first):,} more")
  return lines
