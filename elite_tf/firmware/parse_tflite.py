"""A .tflite file -> a graph, every number of the file checked on the way.

Only what is asked for is followed, through the accessors of the schema, so that
a damaged length or offset is met where it is used: it leads to an error, never
to a table without end.
"""

import math
import struct
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from elite_tf.conversion.tflite.inspect import FILE_IDENTIFIER
from elite_tf.errors import ConfigError
from elite_tf.firmware.graph import Graph, Operator, Tensor

# More than any network for a microcontroller has; what is beyond is damage.
MOST_TENSORS = 20_000
MOST_OPERATORS = 5_000
MOST_INPUTS = 64
MOST_AXES = 6
MOST_NUMBERS = 1 << 26  # Of a tensor.

# The types of the schema that are read; float types have a word of their own.
_DTYPES = {"INT8": "int8", "INT32": "int32", "INT64": "int64"}

_WINDOW = ("Padding", "StrideH", "StrideW", "FusedActivationFunction")
_DILATION = ("DilationHFactor", "DilationWFactor")

# Operator -> table of its options, and which of them are read.
_OPTIONS = {
  "ADD": ("AddOptions", ("FusedActivationFunction",)),
  "AVERAGE_POOL_2D": (
    "Pool2DOptions",
    (*_WINDOW, "FilterHeight", "FilterWidth"),
  ),
  "CONCATENATION": (
    "ConcatenationOptions",
    ("Axis", "FusedActivationFunction"),
  ),
  "CONV_2D": ("Conv2DOptions", (*_WINDOW, *_DILATION)),
  "DEPTHWISE_CONV_2D": (
    "DepthwiseConv2DOptions",
    (*_WINDOW, *_DILATION, "DepthMultiplier"),
  ),
  "FULLY_CONNECTED": (
    "FullyConnectedOptions",
    ("FusedActivationFunction", "WeightsFormat", "KeepNumDims"),
  ),
  "HARD_SWISH": ("", ()),
  "LOGISTIC": ("", ()),
  "MEAN": ("ReducerOptions", ("KeepDims",)),
  "MUL": ("MulOptions", ("FusedActivationFunction",)),
  "PAD": ("", ()),
  "QUANTIZE": ("", ()),
  "RELU": ("", ()),
  "RELU6": ("", ()),
  "RESHAPE": ("", ()),
  "SOFTMAX": ("SoftmaxOptions", ("Beta",)),
}

# Names of the schema for the numbers of these options.
_ENUMERATIONS = {
  "Padding": "Padding",
  "FusedActivationFunction": "ActivationFunctionType",
  "WeightsFormat": "FullyConnectedOptionsWeightsFormat",
}

# What the reader of flatbuffers raises where an offset leads out of the file.
_MALFORMED = (
  struct.error,
  ValueError,
  TypeError,
  LookupError,
  AttributeError,
  OverflowError,
)


def read(model: bytes) -> Graph:
  """Reads a network from a .tflite file.

  Args:
    model: The file.

  Returns:
    The network. Every position in it is that of a tensor, and every operator's
    inputs are the network's input, numbers of the file or outputs of operators
    before it.

  Raises:
    ConfigError: If it is not a whole .tflite file, or if it holds an operator,
      a type of numbers or an option that the firmware does not know.
  """
  model = bytes(model)
  if model[4:8] != FILE_IDENTIFIER:
    raise ConfigError(
      "Not a .tflite file: its bytes 4 to 8 must be"
      f" {FILE_IDENTIFIER!r}. Received: {model[4:8]!r},"
      f" {len(model)} bytes in all"
    )
  from tflite_micro.python.tflite_micro import runtime

  try:
    return _Reader(runtime.schema_fb, model).graph()
  except ConfigError:
    raise
  except _MALFORMED as error:
    raise ConfigError(
      f"The .tflite file is truncated or damaged. Received: {len(model)} bytes"
    ) from error


def supported() -> tuple[str, ...]:
  """Returns the operators that are read, sorted."""
  return tuple(sorted(_OPTIONS))


class _Reader:
  """Follows one file."""

  def __init__(self, schema: Any, model: bytes):
    self._schema = schema
    self._size = len(model)
    self._model = schema.Model.GetRootAsModel(model, 0)

  def graph(self) -> Graph:
    """Returns the network."""
    graphs = _count(self._model.SubgraphsLength(), MOST_OPERATORS, "graphs")
    if graphs != 1:
      raise ConfigError(f"A network must be one graph. Received: {graphs}")
    main = self._model.Subgraphs(0)
    inputs = _positions(main.InputsLength(), main.Inputs)
    outputs = _positions(main.OutputsLength(), main.Outputs)
    if len(inputs) != 1 or len(outputs) != 1:
      raise ConfigError(
        "A network must have one input and one output. Received:"
        f" {len(inputs)} and {len(outputs)}"
      )
    count = _count(main.TensorsLength(), MOST_TENSORS, "tensors")
    tensors = tuple(self._tensor(main.Tensors(i)) for i in range(count))
    count = _count(main.OperatorsLength(), MOST_OPERATORS, "operators")
    operators = tuple(self._operator(main.Operators(i)) for i in range(count))
    graph = Graph(tensors, operators, inputs[0], outputs[0])
    _check_order(graph)
    return graph

  def _tensor(self, table: Any) -> Tensor:
    name = (table.Name() or b"").decode(errors="replace")
    dtype = self._dtype(table.Type(), name)
    if table.IsVariable() or table.Sparsity() is not None:
      raise ConfigError(f"Tensor {name}: it must be plain, not variable, dense")
    axes = _count(table.ShapeLength(), MOST_AXES, "axes")
    shape = tuple(int(table.Shape(i)) for i in range(axes))
    numbers = math.prod(shape)
    if min(shape, default=1) < 1 or numbers > MOST_NUMBERS:
      raise ConfigError(
        f"Tensor {name}: every axis must be 1 or more, and all of it"
        f" {MOST_NUMBERS} numbers at most. Received: {list(shape)}"
      )
    scales, zero_points, axis = self._quantization(table, name, shape, dtype)
    return Tensor(
      name=name,
      dtype=dtype,
      shape=shape,
      scales=scales,
      zero_points=zero_points,
      axis=axis,
      data=self._data(table.Buffer(), name, dtype, shape),
    )

  def _dtype(self, number: int, name: str) -> str:
    found = _name(self._schema.TensorType, number)
    if found in _DTYPES:
      return _DTYPES[found]
    reason = "; quantize it to int8" if "FLOAT" in found else ""
    raise ConfigError(
      f"Tensor {name}: the firmware computes in int8 alone{reason}."
      f" Received: {found}"
    )

  def _quantization(
    self, table: Any, name: str, shape: tuple[int, ...], dtype: str
  ) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    found = table.Quantization()
    if found is None or found.ScaleLength() == 0:
      return (), (), 0
    if found.DetailsType():
      raise ConfigError(f"Tensor {name}: quantized in a way of its own")
    axis = int(found.QuantizedDimension())
    count = found.ScaleLength()
    if count != 1 and not (0 <= axis < len(shape) and count == shape[axis]):
      raise ConfigError(
        f"Tensor {name}: it must have one scale, or one for every index of"
        f" an axis. Received: {count} of axis {axis}, shape {list(shape)}"
      )
    if found.ZeroPointLength() not in (count, 0):
      raise ConfigError(f"Tensor {name}: as many zero points as scales needed")
    scales = tuple(float(found.Scale(i)) for i in range(count))
    zero_points = tuple(
      int(found.ZeroPoint(i)) if found.ZeroPointLength() else 0
      for i in range(count)
    )
    limits = np.iinfo(dtype)
    for scale, zero_point in zip(scales, zero_points):
      if not (math.isfinite(scale) and scale > 0):
        raise ConfigError(
          f"Tensor {name}: a scale must be above 0. Received: {scale}"
        )
      if not limits.min <= zero_point <= limits.max:
        raise ConfigError(
          f"Tensor {name}: a zero point must be one of {dtype}."
          f" Received: {zero_point}"
        )
    return scales, zero_points, axis

  def _data(
    self, index: int, name: str, dtype: str, shape: tuple[int, ...]
  ) -> np.ndarray | None:
    if not 0 <= index < self._model.BuffersLength():
      raise ConfigError(f"Tensor {name}: no such buffer. Received: {index}")
    buffer = self._model.Buffers(index)
    if buffer.Offset() > 1 or buffer.Size() > 1:
      raise ConfigError(f"Tensor {name}: its numbers stand outside the file")
    size = buffer.DataLength()
    if size == 0:
      return None
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    if size != needed or size > self._size:
      raise ConfigError(
        f"Tensor {name}: {needed} bytes needed. Received: {size}"
      )
    # A copy: the file's numbers lie at any address.
    data = np.frombuffer(
      buffer.DataAsNumpy().tobytes(), np.dtype(dtype).newbyteorder("<")
    ).astype(dtype)
    data.flags.writeable = False
    return data.reshape(shape)

  def _operator(self, table: Any) -> Operator:
    index = table.OpcodeIndex()
    if not 0 <= index < self._model.OperatorCodesLength():
      raise ConfigError(f"No such code of an operator. Received: {index}")
    code = self._model.OperatorCodes(index)
    # Codes that fit a byte stand in the older, narrower field.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _name(self._schema.BuiltinOperator, number)
    if name == "CUSTOM":
      name = (code.CustomCode() or b"CUSTOM").decode(errors="replace")
    if (
      name not in _OPTIONS
      or number not in vars(self._schema.BuiltinOperator).values()
    ):
      raise ConfigError(
        f"Operator {name} has no kernel in the firmware; those that have:"
        f" {', '.join(supported())}"
      )
    return Operator(
      code=name,
      inputs=_positions(table.InputsLength(), table.Inputs),
      outputs=_positions(table.OutputsLength(), table.Outputs),
      options=self._options(table, name),
    )

  def _options(self, table: Any, code: str) -> types.MappingProxyType:
    wanted, fields = _OPTIONS[code]
    if not fields:
      return types.MappingProxyType({})
    found = _name(self._schema.BuiltinOptions, table.BuiltinOptionsType())
    union = table.BuiltinOptions()
    if found != wanted or union is None:
      raise ConfigError(
        f"Operator {code} must have {wanted}. Received: {found}"
      )
    options = getattr(self._schema, wanted)()
    options.Init(union.Bytes, union.Pos)
    values = {}
    for field in fields:
      value = getattr(options, field)()
      if field in _ENUMERATIONS:
        value = _name(getattr(self._schema, _ENUMERATIONS[field]), value)
      values[_underscored(field)] = value
    return types.MappingProxyType(values)


def _underscored(field: str) -> str:
  return "".join(f"_{c.lower()}" if c.isupper() else c for c in field)[1:]


def _name(enumeration: type, number: int) -> str:
  """Returns a number's name in the schema, or the number itself."""
  for name, value in vars(enumeration).items():
    if value == number and not name.startswith("_"):
      return name
  return str(number)


def _count(length: int, most: int, what: str) -> int:
  if length > most:
    raise ConfigError(
      f"The .tflite file is damaged or too large: at most {most} {what}."
      f" Received: {length}"
    )
  return length


def _positions(length: int, item: Callable[[int], int]) -> tuple[int, ...]:
  count = _count(length, MOST_INPUTS, "inputs or outputs")
  return tuple(int(item(i)) for i in range(count))


def _check_order(graph: Graph) -> None:
  """Refuses operators that take what is not there yet."""
  count = len(graph.tensors)
  constant = {i for i, t in enumerate(graph.tensors) if t.data is not None}
  known = constant | {graph.input}
  for operator in graph.operators:
    for index in operator.inputs:
      if index != -1 and index not in known:
        raise ConfigError(
          f"Operator {operator.code} takes a tensor that nothing has made."
          f" Received: {index} of {count}"
        )
    for index in operator.outputs:
      if not 0 <= index < count or index in known:
        raise ConfigError(
          f"Operator {operator.code} makes a tensor that does not exist or"
          f" is there already. Received: {index} of {count}"
        )
      known.add(index)
  if graph.input in constant or not 0 <= graph.input < count:
    raise ConfigError(f"No such input. Received: {graph.input} of {count}")
  if graph.output not in known:
    raise ConfigError(f"No such output. Received: {graph.output} of {count}")
