"""A .tflite file -> a graph, every number of the file checked on the way."""

import math
import types
from collections.abc import Sequence
from typing import Any

import numpy as np

from elite_tf.conversion.tflite.flatbuffer import (
  damage_refused,
  names_of,
  operator_name,
  unpack,
)
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

_WINDOW = ("padding", "strideH", "strideW", "fusedActivationFunction")
_DILATION = ("dilationHFactor", "dilationWFactor")

# Operator -> table of its options, and which of them are read.
_OPTIONS = {
  "ADD": ("AddOptions", ("fusedActivationFunction",)),
  "AVERAGE_POOL_2D": (
    "Pool2DOptions",
    (*_WINDOW, "filterHeight", "filterWidth"),
  ),
  "CONCATENATION": (
    "ConcatenationOptions",
    ("axis", "fusedActivationFunction"),
  ),
  "CONV_2D": ("Conv2DOptions", (*_WINDOW, *_DILATION)),
  "DEPTHWISE_CONV_2D": (
    "DepthwiseConv2DOptions",
    (*_WINDOW, *_DILATION, "depthMultiplier"),
  ),
  "FULLY_CONNECTED": (
    "FullyConnectedOptions",
    ("fusedActivationFunction", "weightsFormat", "keepNumDims"),
  ),
  "HARD_SWISH": ("", ()),
  "LOGISTIC": ("", ()),
  "MEAN": ("ReducerOptions", ("keepDims",)),
  "MUL": ("MulOptions", ("fusedActivationFunction",)),
  "PAD": ("", ()),
  "QUANTIZE": ("", ()),
  "RELU": ("", ()),
  "RELU6": ("", ()),
  "RESHAPE": ("", ()),
  "SOFTMAX": ("SoftmaxOptions", ("beta",)),
}

# The enumerations of the schema that these options are numbers of.
_ENUMERATIONS = {
  "padding": "Padding",
  "fusedActivationFunction": "ActivationFunctionType",
  "weightsFormat": "FullyConnectedOptionsWeightsFormat",
}


def parse(model: bytes) -> Graph:
  """Parses a network from a .tflite file.

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
  root = unpack(model)
  with damage_refused(model):
    return _graph(root)


def supported_operators() -> tuple[str, ...]:
  """Returns the operators that have kernels in C, sorted."""
  return tuple(sorted(_OPTIONS))


def _graph(root: Any) -> Graph:
  graphs = _at_most(root.subgraphs, MOST_OPERATORS, "graphs")
  if len(graphs) != 1:
    raise ConfigError(f"A network must be one graph. Received: {len(graphs)}")
  (main,) = graphs
  inputs, outputs = _positions(main.inputs), _positions(main.outputs)
  if len(inputs) != 1 or len(outputs) != 1:
    raise ConfigError(
      "A network must have one input and one output. Received:"
      f" {len(inputs)} and {len(outputs)}"
    )
  tensors = _at_most(main.tensors, MOST_TENSORS, "tensors")
  operators = _at_most(main.operators, MOST_OPERATORS, "operators")
  graph = Graph(
    tuple(_tensor(root, tensor) for tensor in tensors),
    tuple(_operator(root, operator) for operator in operators),
    inputs[0],
    outputs[0],
  )
  _check_order(graph)
  return graph


def _tensor(root: Any, table: Any) -> Tensor:
  name = (table.name or b"").decode(errors="replace")
  dtype = _dtype(table.type, name)
  if table.isVariable or table.sparsity is not None:
    raise ConfigError(
      f"Tensor {name}: it must be a plain one. Received: a variable or sparse"
      " tensor"
    )
  shape = tuple(int(x) for x in _at_most(table.shape, MOST_AXES, "axes"))
  numbers = math.prod(shape)
  if min(shape, default=1) < 1 or numbers > MOST_NUMBERS:
    raise ConfigError(
      f"Tensor {name}: every axis must be 1 or more, and all of it"
      f" {MOST_NUMBERS} numbers at most. Received: {list(shape)}"
    )
  scales, zero_points, axis = _quantization(table, name, shape, dtype)
  return Tensor(
    name=name,
    dtype=dtype,
    shape=shape,
    scales=scales,
    zero_points=zero_points,
    axis=axis,
    data=_data(root.buffers, table.buffer, name, dtype, shape),
  )


def _dtype(number: int, name: str) -> str:
  found = _name("TensorType", number)
  if found in _DTYPES:
    return _DTYPES[found]
  reason = "; quantize it to int8" if "FLOAT" in found else ""
  raise ConfigError(
    f"Tensor {name}: the firmware computes in int8 alone{reason}."
    f" Received: {found}"
  )


def _quantization(
  table: Any, name: str, shape: tuple[int, ...], dtype: str
) -> tuple[tuple[float, ...], tuple[int, ...], int]:
  found = table.quantization
  if found is None or not _length(found.scale):
    return (), (), 0
  if found.detailsType:
    raise ConfigError(
      f"Tensor {name}: it must be quantized by scales and zero points."
      f" Received: {_name('QuantizationDetails', found.detailsType)}"
    )
  axis = int(found.quantizedDimension)
  count = len(found.scale)
  if count != 1 and not (0 <= axis < len(shape) and count == shape[axis]):
    raise ConfigError(
      f"Tensor {name}: it must have one scale, or one for every index of"
      f" an axis. Received: {count} of axis {axis}, shape {list(shape)}"
    )
  if _length(found.zeroPoint) not in (count, 0):
    raise ConfigError(
      f"Tensor {name}: it must have as many zero points as scales, {count}."
      f" Received: {len(found.zeroPoint)}"
    )
  scales = tuple(float(scale) for scale in found.scale)
  zero_points = tuple(
    int(x)
    for x in (found.zeroPoint if _length(found.zeroPoint) else [0] * count)
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
  buffers: Sequence[Any],
  index: int,
  name: str,
  dtype: str,
  shape: tuple[int, ...],
) -> np.ndarray | None:
  if not 0 <= index < len(buffers):
    raise ConfigError(
      f"Tensor {name}: its buffer must be one of {len(buffers)}. Received:"
      f" {index}"
    )
  buffer = buffers[index]
  if buffer.offset > 1 or buffer.size > 1:
    raise ConfigError(
      f"Tensor {name}: its numbers must be inside the buffers. Received: an"
      f" offset of {buffer.offset}"
    )
  size = _length(buffer.data)
  if size == 0:
    return None
  needed = math.prod(shape) * np.dtype(dtype).itemsize
  if size != needed:
    raise ConfigError(f"Tensor {name}: {needed} bytes needed. Received: {size}")
  # A copy: the file's numbers lie at any address.
  data = np.frombuffer(
    bytes(buffer.data), np.dtype(dtype).newbyteorder("<")
  ).astype(dtype)
  data.flags.writeable = False
  return data.reshape(shape)


def _operator(root: Any, table: Any) -> Operator:
  codes = root.operatorCodes
  if not 0 <= table.opcodeIndex < len(codes):
    raise ConfigError(
      f"An operator's code must be one of {len(codes)}. Received:"
      f" {table.opcodeIndex}"
    )
  name = operator_name(root, table)
  if name == "CUSTOM":
    custom = codes[table.opcodeIndex].customCode or b"CUSTOM"
    raise _no_kernel(custom.decode(errors="replace"))
  if name not in _OPTIONS:
    raise _no_kernel(name)
  return Operator(
    code=name,
    inputs=_positions(table.inputs),
    outputs=_positions(table.outputs),
    options=_options(table, name),
  )


def _no_kernel(name: str) -> ConfigError:
  return ConfigError(
    f"Operator {name} has no kernel in the firmware; those that have:"
    f" {', '.join(supported_operators())}"
  )


def _options(table: Any, code: str) -> types.MappingProxyType:
  wanted, fields = _OPTIONS[code]
  if not fields:
    return types.MappingProxyType({})
  found = _name("BuiltinOptions", table.builtinOptionsType)
  if found != wanted or table.builtinOptions is None:
    raise ConfigError(f"Operator {code} must have {wanted}. Received: {found}")
  values = {}
  for field in fields:
    value = getattr(table.builtinOptions, field)
    if field in _ENUMERATIONS:
      value = _name(_ENUMERATIONS[field], value)
    values[_underscored(field)] = value
  return types.MappingProxyType(values)


def _underscored(field: str) -> str:
  return "".join(f"_{c.lower()}" if c.isupper() else c for c in field)


def _name(enumeration: str, number: int) -> str:
  """Returns a number's name in the schema, or the number itself."""
  return names_of(enumeration).get(number, str(number))


def _length(values: Sequence | np.ndarray | None) -> int:
  """Returns the length of a vector, 0 where the file has none."""
  return 0 if values is None else len(values)


def _at_most(values: Sequence | None, most: int, what: str) -> Sequence:
  """Returns the vector, an empty one where the file has none."""
  if _length(values) > most:
    raise ConfigError(
      f"The .tflite file is damaged or too large: at most {most} {what}."
      f" Received: {len(values)}"
    )
  return values if _length(values) else ()


def _positions(values: Sequence | None) -> tuple[int, ...]:
  return tuple(
    int(x) for x in _at_most(values, MOST_INPUTS, "inputs or outputs")
  )


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
