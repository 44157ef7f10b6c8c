"""A .tflite file as objects that can be read and changed, and back.

The only place that unpacks .tflite files. No TensorFlow: of the packages that
carry the schema, tflite-micro is the lightest (a seventh of a second; TensorFlow
takes several).
"""

from __future__ import annotations

import contextlib
import functools
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from elite_tf.errors import ConfigError

# Bytes 4 to 8 of every .tflite file.
FILE_IDENTIFIER = b"TFL3"

# Alignment of a constant's numbers, by the schema (force_align).
DATA_ALIGNMENT = 16

# What the flatbuffers library raises for an offset that leads out of the file.
_MALFORMED = (
  struct.error,
  ValueError,
  TypeError,
  LookupError,
  AttributeError,
  OverflowError,
)


def schema() -> Any:
  """Returns the generated classes of TensorFlow Lite's schema."""
  from tflite_micro.python.tflite_micro import runtime

  return runtime.schema_fb


def unpack(model: bytes) -> Any:
  """Returns a file's `ModelT`.

  Every table, vector and buffer is followed to its end, so that a truncated
  file is refused here and never reaches an interpreter, which would read beyond
  its end.

  Args:
    model: A whole .tflite file.

  Raises:
    ConfigError: If it is not a whole .tflite file.
  """
  model = bytes(model)
  if model[4:8] != FILE_IDENTIFIER:
    raise ConfigError(
      "Not a .tflite file: its bytes 4 to 8 must be"
      f" {FILE_IDENTIFIER!r}. Received: {model[4:8]!r},"
      f" {len(model)} bytes in all"
    )
  classes = schema()
  with damage_refused(model):
    root = classes.Model.GetRootAsModel(model, 0)
    return classes.ModelT.InitFromObj(root)


@contextlib.contextmanager
def damage_refused(model: bytes) -> Iterator[None]:
  """Turns what reading a damaged file raises into one clear error.

  Args:
    model: The file that the body reads.

  Raises:
    ConfigError: If the body meets an offset, index or number that no whole file
      has.
  """
  try:
    yield
  except ConfigError:
    raise
  except _MALFORMED as error:
    raise ConfigError(
      f"The .tflite file is truncated or damaged. Received: {len(model)} bytes"
    ) from error


def pack(root: Any) -> bytes:
  """Returns the .tflite file of a `ModelT`.

  Equal vectors stand in it once, and the numbers of constants begin at
  multiples of 16, as the schema wants it.
  """
  builder = _sharing_builder()(1024)
  builder.Finish(root.Pack(builder), FILE_IDENTIFIER)
  return bytes(builder.Output())


@functools.cache
def _sharing_builder() -> type:
  """Returns a class of `flatbuffers.Builder` that writes equal vectors once."""
  import flatbuffers

  class SharingBuilder(flatbuffers.Builder):
    """What the generated classes of the schema write a file with."""

    def __init__(self, size: int):
      super().__init__(size)
      self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
      key = (x.dtype.str, x.tobytes())
      # Single numbers are written each time: how many of them happen to be
      # equal nobody knows before the network is trained, and the size of a
      # file is to be predicted.
      if x.size == 1 or key not in self._written:
        if x.dtype == np.uint8:  # The generated classes align it to one byte.
          self.Prep(DATA_ALIGNMENT, x.nbytes)
        self._written[key] = super().CreateNumpyVector(x)
      return self._written[key]

  return SharingBuilder


def operator_name(root: Any, operator: Any) -> str:
  """Returns an operator's name, as `BuiltinOperator` spells it.

  Args:
    root: A `ModelT`.
    operator: One of its `OperatorT`s. One of a newer schema has its number for
      a name.
  """
  code = root.operatorCodes[operator.opcodeIndex]
  # Codes that fit a byte stand in the older, narrower field.
  number = max(code.builtinCode, code.deprecatedBuiltinCode)
  return names_of("BuiltinOperator").get(number, str(number))


@functools.cache
def names_of(enumeration: str) -> dict[int, str]:
  """Returns the names in an enumeration of the schema, by their numbers.

  Args:
    enumeration: Name of its class, as "BuiltinOperator" or "TensorType".
  """
  return {
    value: name
    for name, value in vars(getattr(schema(), enumeration)).items()
    if isinstance(value, int)
  }


def activations(root: Any) -> list[int]:
  """Returns the indices of the input and of what the operators compute.

  Args:
    root: A `ModelT` of one graph; its constants are left out.
  """
  graph = root.subgraphs[0]
  computed = [
    index for operator in graph.operators for index in operator.outputs
  ]
  return [*graph.inputs, *computed]
