"""Reads a weights file of PyTorch without PyTorch, and builds arrays only.

The files are pickles, which may call any function when they are read. Here a
name in the pickle stands for one of the few objects below or is refused.
"""

import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.system.text import one_line

# First object of a file as `torch.save` wrote it up to version 1.5, and the
# version of the format, which is the second.
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Storage(NamedTuple):
  """Numbers that lie in the file: their type, key and count."""

  dtype: str
  key: str
  count: int


class _View(NamedTuple):
  """A tensor: which numbers of a storage it has."""

  storage: _Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


class _Table(dict):
  """Stands for OrderedDict; takes no attributes."""

  __slots__ = ()

  def __setstate__(self, state):
    """Ignores the metadata that PyTorch attaches."""


class _Rebuild:
  """Stands for the function that makes a tensor of a storage."""

  __slots__ = ()

  def __call__(self, storage, offset, shape, strides, *unused) -> _View:
    return _View(storage, offset, shape, strides)


class _ArraysOnly(pickle.Unpickler):
  """Knows the names below and no others; calls nothing of anybody else's."""

  def find_class(self, module: str, name: str) -> object:
    if (module, name) == ("collections", "OrderedDict"):
      return _Table
    if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
      return _Rebuild()
    if module == "torch" and name in _DTYPES:
      return name
    raise pickle.UnpicklingError(f"names {module}.{name}, no array")

  def persistent_load(self, pid: object) -> _Storage:
    kind, dtype, key, _, count, view = pid
    if kind != "storage" or view is not None:
      raise pickle.UnpicklingError("a storage of another kind")
    return _Storage(_DTYPES[dtype], str(key), int(count))


def read(path: Path) -> dict[str, np.ndarray]:
  """Returns the arrays of a file by name.

  Args:
    path: What `torch.save` of PyTorch before 1.6, or with
      `_use_new_zipfile_serialization=False`, made of a state dict of float32
      and int64 tensors.

  Raises:
    ConfigError: The file is missing, damaged or another, or names anything but
      arrays, which is not touched then.
  """
  try:
    with open(path, "rb") as file:
      return _read(file, path.stat().st_size)
  except Exception as error:  # A pickle can fail in every way there is.
    raise ConfigError(
      "--weights: not a file of arrays of PyTorch's older format"
      f" ({one_line(error)}). Received: {path}"
    ) from error


def _read(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
  head = [_ArraysOnly(file).load() for _ in range(2)]
  if head != [MAGIC, PROTOCOL]:
    raise ValueError("it begins otherwise")
  _ArraysOnly(file).load()  # Sizes of types on the machine that wrote it.
  views = _ArraysOnly(file).load()
  keys = _ArraysOnly(file).load()
  if not isinstance(views, Mapping) or not all(
    isinstance(name, str) and isinstance(view, _View)
    for name, view in views.items()
  ):
    raise ValueError("not a table of tensors")
  known = {view.storage.key: view.storage for view in views.values()}
  storages = {key: _read_storage(file, known[key], size) for key in keys}
  if file.read(1):
    raise ValueError("it is longer than its arrays")
  return {
    name: _array(view, storages[view.storage.key])
    for name, view in views.items()
  }


def _read_storage(file: BinaryIO, storage: _Storage, size: int) -> np.ndarray:
  (count,) = np.frombuffer(file.read(8), "<i8")
  if count != storage.count or not 0 <= count <= size:
    raise ValueError("an array has another length than its name says")
  length = int(count) * np.dtype(storage.dtype).itemsize
  # Fails where the file ends too early.
  return np.frombuffer(file.read(length), storage.dtype, count=int(count))


def _array(view: _View, storage: np.ndarray) -> np.ndarray:
  numbers = (view.offset, *view.shape, *view.strides)
  if (
    any(type(number) is not int or number < 0 for number in numbers)
    or len(view.shape) != len(view.strides)
    or math.prod(view.shape) > storage.size
  ):
    raise ValueError("a tensor that is no part of its array")
  last = view.offset + sum(
    (side - 1) * stride for side, stride in zip(view.shape, view.strides)
  )
  if 0 not in view.shape and last >= storage.size:
    raise ValueError("a tensor that ends beyond its array")
  return np.lib.stride_tricks.as_strided(
    storage[view.offset :],
    view.shape,
    [stride * storage.itemsize for stride in view.strides],
  ).copy()
