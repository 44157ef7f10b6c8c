"""A .tflite file as objects that can be changed, and back."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from elite_tf.conversion.tflite.inspect import FILE_IDENTIFIER

# Of a constant's numbers, by the schema (force_align).
DATA_ALIGNMENT = 16


def schema() -> Any:
  """Returns the generated classes of TensorFlow Lite's schema."""
  # Of the packages that carry it the lightest.
  from tflite_micro.python.tflite_micro import runtime

  return runtime.schema_fb


def unpack(model: bytes) -> Any:
  """Returns a file's `ModelT`.

  Args:
    model: A whole .tflite file.
  """
  classes = schema()
  root = classes.Model.GetRootAsModel(bytes(model), 0)
  return classes.ModelT.InitFromObj(root)


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
    operator: One of its `OperatorT`s.
  """
  code = root.operatorCodes[operator.opcodeIndex]
  # Codes that fit a byte stand in the older, narrower field.
  return operator_names()[max(code.builtinCode, code.deprecatedBuiltinCode)]


@functools.cache
def operator_names() -> dict[int, str]:
  """Returns the names of all operators of the schema, by their code."""
  return {
    value: name
    for name, value in vars(schema().BuiltinOperator).items()
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
