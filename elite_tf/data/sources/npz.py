"""Arrays saved with `numpy.savez`, as Keras's mnist.npz: `npz:FILE`.

The file holds x_train, y_train, x_test and y_test, or only x and y, and with
either, if there is a validation part, x_val and y_val. Images are whole numbers from 0 to 255, (n, height, width) or (n, height, width, channels);
labels are whole numbers, (n,) or (n, 1). Pickled objects are never read, because
unpickling runs code from the file.
"""

import collections
import contextlib
import dataclasses
import itertools
import math
import os
import typing
import zipfile
import zlib
from collections.abc import Iterator

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
from elite_tf.system.text import one_line

if typing.TYPE_CHECKING:
  import numpy as np

_WITH_TEST = ("x_train", "y_train", "x_test", "y_test")
_WITHOUT_TEST = ("x", "y")
_VALIDATION = ("x_val", "y_val")

# Arrays that a note names.
_TOLD = 5


@dataclasses.dataclass(frozen=True)
class _Part:
  """Images and labels that belong together, before the images are read.

  Attributes:
    name: Part of the data set: train, test or val.
    key: Name of the array of images.
    shape: (images, height, width, channels).
    labels: Whole numbers, (n,).
  """

  name: str
  key: str
  shape: tuple[int, int, int, int]
  labels: "np.ndarray"


def describe(argument: str, store: Store = Store()) -> Description:
  """Describes the data of a file from the headers of its arrays and the labels.

  Args:
    argument: Path of the file, whose name the description gets.
    store: Not used.

  Raises:
    ConfigError: The file or an array in it is missing or invalid.
  """
  path = os.path.expanduser(argument)
  with _archive(path) as archive:
    return _description(path, archive, _parts(archive, path))


def load(argument: str, seed: int, store: Store = Store()) -> Dataset:
  """Loads the data of a file.

  Without a test part a fifth is for test. Without a validation part a tenth of
  the rest is for validation.

  Args:
    argument: Path of the file.
    seed: Seed of the validation cut, 0 or more.
    store: Not used.

  Raises:
    ConfigError: The file or an array in it is missing or invalid, or the seed is
      invalid.
  """
  # Imported here: the registry must not load NumPy.
  import numpy as np

  from elite_tf.data.sources import splits

  path = os.path.expanduser(argument)
  with _archive(path) as archive:
    parts = _parts(archive, path)
    description = _description(path, archive, parts)
    splits_of, ranges = {}, []
    for part in parts:
      pixels = _pixels(archive, part, path)
      ranges.append((int(pixels.min()), int(pixels.max())))
      splits_of[part.name] = Split(
        pixels.reshape(part.shape), part.labels.astype(np.int32)
      )
  low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
  return splits.divide(
    description,
    splits_of["train"],
    splits_of.get("test"),
    seed,
    val=splits_of.get("val"),
    notes=(
      *description.notes,
      *brightness.check(low, high, f"the images of {path!r}"),
    ),
  )


def _parts(archive: zipfile.ZipFile, path: str) -> list[_Part]:
  """Reads everything but the images: the training part first."""
  parts = [
    _part(archive, name, *keys, path)
    for name, keys in _keys(archive, path).items()
  ]
  for part in parts[1:]:
    checks.same_size(parts[0].shape, part.shape, repr(path))
  return parts


def _keys(archive: zipfile.ZipFile, path: str) -> dict[str, tuple[str, str]]:
  """Returns the names of the arrays of each part, the training part first."""
  found = _names(archive)
  if set(_WITH_TEST) <= set(found):
    keys = {"train": _WITH_TEST[:2], "test": _WITH_TEST[2:]}
  elif set(_WITHOUT_TEST) <= set(found):
    keys = {"train": _WITHOUT_TEST}
  else:
    raise ConfigError(
      f"--data: {path!r} must hold the arrays {', '.join(_WITH_TEST)}, or"
      f" {', '.join(_WITHOUT_TEST)}. Received: {found}"
    )
  there = [key for key in _VALIDATION if key in found]
  if len(there) == 1:
    raise ConfigError(
      f"--data: {path!r} must hold both of {' and '.join(_VALIDATION)}, or"
      f" neither. Received: only {there[0]}"
    )
  return {**keys, "val": _VALIDATION} if there else keys


def _names(archive: zipfile.ZipFile) -> list[str]:
  return [
    name.removesuffix(".npy")
    for name in archive.namelist()
    if name.endswith(".npy")
  ]


def _part(
  archive: zipfile.ZipFile, name: str, images: str, labels: str, path: str
) -> _Part:
  """Checks a pair of arrays by their headers and reads the labels."""
  stored, dtype = _header(archive, images, path)
  where = f"{images} of {path!r}"
  if dtype.kind not in "iu":
    raise ConfigError(
      f"--data: {where} must be pixels from 0 to 255 as uint8. Received: {dtype}"
    )
  shape = checks.image_shape(stored, where)
  stored, dtype = _header(archive, labels, path)
  if dtype.kind not in "iu" or not stored or stored[1:] not in ((), (1,)):
    raise ConfigError(
      f"--data: {labels} of {path!r} must be whole numbers of shape (n,) or"
      f" (n, 1). Received: {dtype} of shape {stored}"
    )
  checks.match(shape, stored[0], where, labels)
  return _Part(name, images, shape, _read(archive, labels).reshape(-1))


def _description(
  path: str, archive: zipfile.ZipFile, parts: list[_Part]
) -> Description:
  _, height, width, channels = parts[0].shape
  labels = {part.name: part.labels.tolist() for part in parts}
  classes = checks.count_classes(
    labels["train"], labels.get("test"), repr(path), labels.get("val")
  )
  used = {key for keys in _keys(archive, path).values() for key in keys}
  others = [name for name in _names(archive) if name not in used]
  counts = collections.Counter(itertools.chain(*labels.values()))
  return Description(
    name=paths.name_of(os.path.splitext(path)[0]),
    classes=classes,
    channels=channels,
    height=height,
    width=width,
    class_names=tuple(map(str, range(classes))),
    images=sum(part.shape[0] for part in parts),
    photographs=min(height, width) >= PHOTOGRAPH_SIDE,
    notes=(
      *_left_out_notes(others),
      *class_names.uneven(collections.Counter(labels["train"]), "images"),
    ),
    class_images=tuple(counts[label] for label in range(classes)),
    named=False,
  )


def _left_out_notes(names: list[str]) -> list[str]:
  if not names:
    return []
  some = ", ".join(map(repr, names[:_TOLD]))
  rest = len(names) - _TOLD
  return [
    f"left out: the arrays {some}" + (f" and {rest} more" if rest > 0 else "")
  ]


@contextlib.contextmanager
def _archive(path: str) -> Iterator[zipfile.ZipFile]:
  """Opens the file; turns errors of the archive into ConfigError."""
  try:
    with paths.opened(path) as file, zipfile.ZipFile(file) as archive:
      yield archive
  except ConfigError:
    raise
  except (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    # From zipfile: encrypted, or an unknown compression.
    RuntimeError,
    # From zipfile: names that are no text, offsets before the file.
    ValueError,
  ) as error:
    raise ConfigError(
      "--data: the file must be a valid .npz archive"
      f" ({one_line(error)}). Received: {path!r}"
    ) from error


def _header(
  archive: zipfile.ZipFile, key: str, path: str
) -> tuple[tuple[int, ...], "np.dtype"]:
  """Returns shape and type of an array; decompresses only its header."""
  import tokenize

  from numpy.lib import format as npy

  readers = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
  }
  name = f"{key}.npy"
  with archive.open(name) as file:
    try:
      version = npy.read_magic(file)
      if version not in readers:
        # Version 3.0 is for records with names that are not Latin-1.
        raise ValueError(f"version {version}")
      shape, _, dtype = readers[version](file)
    except (
      ValueError,
      # NumPy uses Python's parser for the header, which raises these errors.
      MemoryError,
      SyntaxError,
      TypeError,
      tokenize.TokenError,
    ) as error:
      raise ConfigError(
        f"--data: {key} must be an array as NumPy saves it. Received: {path!r}"
      ) from error
    if dtype.hasobject:
      raise ConfigError(
        f"--data: {key} of {path!r} must be numbers; pickled objects are"
        f" never read. Received: {dtype}"
      )
    promised = math.prod(shape) * dtype.itemsize
    stored = archive.getinfo(name).file_size - file.tell()
  # Checked before memory is allocated: the header may be damaged.
  if promised != stored or min(shape, default=0) < 0:
    raise ConfigError(
      f"--data: {key} of {path!r} is damaged: its shape {shape} takes"
      f" {promised} bytes. Received: {stored} bytes"
    )
  return shape, dtype


def _read(archive: zipfile.ZipFile, key: str) -> "np.ndarray":
  from numpy.lib import format as npy

  with archive.open(f"{key}.npy") as file:
    return npy.read_array(file, allow_pickle=False)


def _pixels(archive: zipfile.ZipFile, part: _Part, path: str) -> "np.ndarray":
  """Returns images as uint8, whatever type of whole numbers was saved."""
  pixels = _read(archive, part.key)
  low, high = pixels.min(), pixels.max()
  if low < 0 or high > 255:
    raise ConfigError(
      f"--data: {part.key} of {path!r} must be pixels from 0 to 255."
      f" Received: {pixels.dtype} of {low} to {high}"
    )
  return pixels.astype("uint8", copy=False)


def key(argument: str, store: Store = Store()) -> str:
  """Returns a digest of the file."""
  del store
  return paths.digest([os.path.expanduser(argument)])


SOURCE = DataSource("npz:FILE", describe, load, key)
