"""The file format of MNIST, as Fashion-MNIST and others use it: `idx:DIR`.

The folder holds four files, each of them plain or compressed with gzip:

    train-images-idx3-ubyte  train-labels-idx1-ubyte
    t10k-images-idx3-ubyte   t10k-labels-idx1-ubyte

and optionally labels.txt: the names of the classes, one per line. A file has two
zero bytes, one byte for the type (8: unsigned byte), one byte for the number of
axes, the length of each axis as four bytes, big-endian, and the data.
"""

import collections
import contextlib
import dataclasses
import gzip
import itertools
import math
import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from elite_tf.data.sources import brightness, checks, class_names, paths
from elite_tf.data.sources.types import (
  PHOTOGRAPH_SIDE,
  Dataset,
  DataSource,
  Description,
  Split,
  Store,
)
from elite_tf.errors import ConfigError

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 8

# Files are read in pieces: the header of a damaged file may promise more bytes
# than fit in memory.
_PIECE = 1 << 24


@dataclasses.dataclass(frozen=True)
class _Part:
  """Training or test part: what is known before the images are read.

  Attributes:
    files: Paths of the files with the images and with the labels.
    shape: (images, height, width, channels).
    labels: One byte per label.
  """

  files: tuple[str, str]
  shape: tuple[int, int, int, int]
  labels: bytes


def describe(argument: str, store: Store = Store()) -> Description:
  """Describes the data of a folder from two headers and the labels.

  Args:
    argument: Path of the folder, whose name the description gets.
    store: Not used.

  Raises:
    ConfigError: A file is missing or invalid.
  """
  folder = os.path.expanduser(argument)
  return _description(folder, *_parts(folder))


def load(argument: str, seed: int, store: Store = Store()) -> Dataset:
  """Loads the data of a folder; a tenth of the training part is for validation.

  Args:
    argument: Path of the folder.
    seed: Seed of the validation cut, 0 or more.
    store: Not used.

  Raises:
    ConfigError: A file is missing or invalid, or the seed is invalid.
  """
  # Imported here: a dry run describes the data without NumPy.
  import numpy as np

  from elite_tf.data.sources import splits

  folder = os.path.expanduser(argument)
  parts = _parts(folder)
  description = _description(folder, *parts)
  train, test = (
    Split(
      np.frombuffer(_read(part.files[0], (3, 4))[1], np.uint8).reshape(
        part.shape
      ),
      np.frombuffer(part.labels, np.uint8).astype(np.int32),
    )
    for part in parts
  )
  pixels = (train.images, test.images)
  notes = brightness.check(
    min(int(each.min()) for each in pixels),
    max(int(each.max()) for each in pixels),
    f"the images of {folder!r}",
  )
  return splits.divide(
    description, train, test, seed, notes=(*description.notes, *notes)
  )


def _parts(folder: str) -> tuple[_Part, _Part]:
  names = paths.listing(folder)
  train, test = (_part(folder, names, part) for part in ("train", "t10k"))
  checks.same_size(train.shape, test.shape, repr(folder))
  return train, test


def _part(folder: str, names: frozenset[str], part: str) -> _Part:
  """Finds the two files of a part; reads a header and the labels."""
  images = _find(folder, names, f"{part}-images", (3, 4))
  labels = _find(folder, names, f"{part}-labels", (1,))
  with _stream(images) as stream:
    shape = checks.image_shape(_header(stream, images, (3, 4)), repr(images))
  data = _read(labels, (1,))[1]
  checks.match(shape, len(data), repr(images), repr(labels))
  return _Part((images, labels), shape, data)


def _description(folder: str, train: _Part, test: _Part) -> Description:
  count, height, width, channels = train.shape
  classes = checks.count_classes(train.labels, test.labels, repr(folder))
  names = _class_names(folder, classes)
  counts = collections.Counter(itertools.chain(train.labels, test.labels))
  return Description(
    name=paths.name_of(folder),
    classes=classes,
    channels=channels,
    height=height,
    width=width,
    class_names=names or tuple(map(str, range(classes))),
    images=count + test.shape[0],
    photographs=min(height, width) >= PHOTOGRAPH_SIDE,
    notes=class_names.uneven(collections.Counter(train.labels), "images"),
    class_images=tuple(counts[label] for label in range(classes)),
    named=bool(names),
  )


def _class_names(folder: str, classes: int) -> tuple[str, ...]:
  """Returns the names in labels.txt; () if there is no such file."""
  path = os.path.join(folder, "labels.txt")
  if not os.path.lexists(path):
    return ()
  with paths.opened(path) as file:
    data = file.read()
  try:
    # -sig: editors on Windows write a byte order mark before the first name.
    lines = data.decode("utf-8-sig").strip().split("\n")
  except UnicodeDecodeError as error:
    raise ConfigError(
      f"--data: {path!r} must be text in UTF-8. Received: byte"
      f" {data[error.start]:#04x} at {error.start}"
    ) from error
  names = tuple(line.strip() for line in lines)
  if len(names) != classes or not all(names):
    raise ConfigError(
      f"--data: {path!r} must name {classes} classes, one per line."
      f" Received: {sum(map(bool, names))} names on {len(names)} lines"
    )
  lines_of = {f"line {i}: {name}": name for i, name in enumerate(names, 1)}
  class_names.check_labels(lines_of, path)
  return names


def _find(
  folder: str, names: frozenset[str], stem: str, ranks: tuple[int, ...]
) -> str:
  """Finds a file by any of its usual names."""
  for rank in ranks:
    for name in (f"{stem}-idx{rank}-ubyte", f"{stem}.idx{rank}-ubyte"):
      for variant in (name, f"{name}.gz"):
        if variant in names:
          return os.path.join(folder, variant)
  raise ConfigError(
    f"--data=idx: the folder lacks {stem}-idx{ranks[0]}-ubyte (or the same"
    f" with .gz). Received: {folder!r}"
  )


@contextlib.contextmanager
def _stream(path: str) -> Iterator[BinaryIO]:
  """Opens a file and decompresses it if its content is compressed.

  The name does not decide: some programs decompress a download and keep its
  name.
  """
  try:
    with paths.opened(path) as file:
      packed = file.read(2) == _GZIP_MAGIC
      file.seek(0)
      with gzip.open(file) if packed else contextlib.nullcontext(file) as data:
        yield data
  except EOFError as error:
    raise ConfigError(
      "--data: the file is cut short, its compressed data end too early."
      f" Received: {path!r}"
    ) from error
  except zlib.error as error:
    raise ConfigError(
      f"--data: the file is damaged ({error}). Received: {path!r}"
    ) from error


def _header(
  stream: BinaryIO, path: str, ranks: tuple[int, ...]
) -> tuple[int, ...]:
  """Returns the length of each axis, read from the header."""
  magic = stream.read(4)
  expected = [bytes((0, 0, _UNSIGNED_BYTE, rank)) for rank in ranks]
  if magic not in expected:
    wanted = " or ".join(each.hex() for each in expected)
    raise ConfigError(
      f"--data: {path!r} must be an idx file that begins with {wanted}."
      f" Received: {magic.hex() or 'no bytes'}"
    )
  lengths = stream.read(4 * magic[3])
  if len(lengths) < 4 * magic[3]:
    raise ConfigError(
      f"--data: {path!r} is cut short: its header takes {4 + 4 * magic[3]}"
      f" bytes. Received: {4 + len(lengths)} bytes"
    )
  return struct.unpack(f">{magic[3]}I", lengths)


def _read(
  path: str, ranks: tuple[int, ...]
) -> tuple[tuple[int, ...], bytearray]:
  """Returns the length of each axis and the data of a whole file."""
  with _stream(path) as stream:
    shape = _header(stream, path, ranks)
    size = math.prod(shape)
    data = bytearray()
    # One byte more than promised: this finds data after the end, and makes the
    # decompressor read the checksum at the end.
    while len(data) <= size:
      piece = stream.read(min(size + 1 - len(data), _PIECE))
      if not piece:
        break
      data += piece
  if len(data) != size:
    what = "is cut short" if len(data) < size else "is too long"
    received = len(data) if len(data) < size else "more"
    raise ConfigError(
      f"--data: {path!r} {what}: its header promises {size} bytes of data."
      f" Received: {received}"
    )
  return shape, data


def key(argument: str, store: Store = Store()) -> str:
  """Returns a digest of the four files; names of classes do not count."""
  del store
  parts = _parts(os.path.expanduser(argument))
  return paths.digest(file for part in parts for file in part.files)


SOURCE = DataSource("idx:DIR", describe, load, key)
