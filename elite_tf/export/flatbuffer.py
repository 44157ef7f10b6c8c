"""A .tflite file as objects that can be changed, and back."""

from __future__ import annotations

import functools
from typing import Any

from elite_tf.export.inspect import FILE_IDENTIFIER


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
  """Returns the .tflite file of a `ModelT`."""
  import flatbuffers

  builder = flatbuffers.Builder(1024)
  builder.Finish(root.Pack(builder), FILE_IDENTIFIER)
  return bytes(builder.Output())


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
