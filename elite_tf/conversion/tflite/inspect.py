"""What a .tflite file holds, read from its bytes. No TensorFlow."""

import dataclasses
import math
import struct
from typing import Any

from elite_tf.errors import ConfigError, VerificationFailed

# At bytes 4 to 8 of every .tflite file.
FILE_IDENTIFIER = b"TFL3"

# Softmax on int8 multiplies by scale * 2^26, and its set-up ends the process
# (not the call) where that is not above 1.
SOFTMAX_SCALE_LIMIT = 2.0**-26

# What the reader of flatbuffers raises where an offset leads out of the file.
_MALFORMED = (struct.error, ValueError, TypeError, LookupError, AttributeError)


@dataclasses.dataclass(frozen=True)
class Tensor:
  """An input or output of a network.

  Attributes:
    name: As the file has it.
    dtype: Name of the NumPy type.
    shape: With the batch axis, which is 1.
    scale: real = (stored - zero_point) * scale; 0.0 where not quantized.
    zero_point: The stored number that means 0; 0 where not quantized.
  """

  name: str
  dtype: str
  shape: tuple[int, ...]
  scale: float
  zero_point: int


@dataclasses.dataclass(frozen=True)
class Inspection:
  """What a .tflite file holds.

  Attributes:
    operators: Names of the operators in use, as `BuiltinOperator` of TensorFlow
      Lite's schema spells them, sorted. A custom operator has its own name.
    float_tensors: Names of the tensors that hold floating-point numbers.
    input: The network's input.
    output: The network's output.
    softmax_scale: Smallest scale of a quantized softmax's input, None if there
      is none.
    per_channel_dense: Names of the dense layers (FULLY_CONNECTED) whose weights
      have a scale for every output, as TensorFlow's converter makes them.
    bytes: Size of the file.
  """

  operators: tuple[str, ...]
  float_tensors: tuple[str, ...]
  input: Tensor
  output: Tensor
  softmax_scale: float | None
  per_channel_dense: tuple[str, ...]
  bytes: int


def inspect(model: bytes) -> Inspection:
  """Reads what a .tflite file holds.

  Every table, vector and buffer of the file is followed to its end, so that a
  truncated file is refused here and never reaches an interpreter, which would
  read beyond its end.

  Args:
    model: The .tflite file.

  Returns:
    What it holds.

  Raises:
    ConfigError: If it is not a whole .tflite file with one input and one
      output.
  """
  if bytes(model[4:8]) != FILE_IDENTIFIER:
    raise ConfigError(
      "Not a .tflite file: its bytes 4 to 8 must be"
      f" {FILE_IDENTIFIER!r}. Received: {bytes(model[4:8])!r},"
      f" {len(model)} bytes in all"
    )
  # tflite-micro is the lightest of the two packages that carry the schema: a
  # seventh of a second, where TensorFlow takes several. Imported here because
  # even that is too much for a command that only names the methods.
  from tflite_micro.python.tflite_micro import runtime

  schema = runtime.schema_fb
  try:
    # Unpacking it all is the check of its bounds.
    root = schema.ModelT.InitFromObj(
      schema.Model.GetRootAsModel(bytes(model), 0)
    )
    return _read(root, schema, len(model))
  except ConfigError:
    raise
  except _MALFORMED as error:
    raise ConfigError(
      f"The .tflite file is truncated or damaged. Received: {len(model)} bytes"
    ) from error


def require_full_integer(model: bytes) -> None:
  """Refuses a network that computes anything in floating point.

  Args:
    model: The .tflite file.

  Raises:
    ConfigError: If it is not a .tflite file.
    VerificationFailed: If a tensor of it holds floating-point numbers.
  """
  names = inspect(model).float_tensors
  if names:
    raise VerificationFailed(
      f"The network is not all integers: {len(names)} of its tensors are"
      f" floating point: {', '.join(names)}"
    )


def dense_note(inspection: Inspection) -> str:
  """Returns what is to be told of dense weights with a scale a channel.

  Args:
    inspection: What the .tflite file holds.

  Returns:
    One line; empty if there are none.
  """
  names = inspection.per_channel_dense
  if not names:
    return ""
  return (
    "dense layers have a scale for every output, which TensorFlow Lite Micro"
    f" of before September 2024 misreads: {', '.join(names)}"
  )


def require_softmax(inspection: Inspection) -> None:
  """Refuses a network whose softmax would end the process that runs it.

  Args:
    inspection: What the .tflite file holds.

  Raises:
    VerificationFailed: If its logits are so near zero.
  """
  scale = inspection.softmax_scale
  if scale is not None and not scale > SOFTMAX_SCALE_LIMIT:
    raise VerificationFailed(
      "The network's logits are all but zero, it has learned nothing: its"
      f" softmax needs an input scale above {SOFTMAX_SCALE_LIMIT:.3g}."
      f" Received: {scale:.3g}"
    )


def _read(root: Any, schema: Any, size: int) -> Inspection:
  """Returns what an unpacked file holds."""
  types = _names(schema.TensorType)
  codes = _names(schema.BuiltinOperator)
  main = root.subgraphs[0]
  if len(main.inputs) != 1 or len(main.outputs) != 1:
    raise ConfigError(
      "A network must have one input and one output. Received:"
      f" {len(main.inputs)} and {len(main.outputs)}"
    )
  operators, floats, softmax_scales, dense = set(), [], [], []
  for graph in root.subgraphs:
    for tensor in graph.tensors:
      if "FLOAT" in types[tensor.type] or "COMPLEX" in types[tensor.type]:
        floats.append(tensor.name.decode())
    for operator in graph.operators:
      name = _operator(root.operatorCodes[operator.opcodeIndex], codes)
      operators.add(name)
      if name == "SOFTMAX":
        logits = graph.tensors[operator.inputs[0]]
        if types[logits.type] == "INT8":
          softmax_scales.append(_quantization(logits)[0])
      elif name == "FULLY_CONNECTED":
        weights = graph.tensors[operator.inputs[1]].quantization
        scales = None if weights is None else weights.scale
        if scales is not None and len(scales) > 1:
          dense.append(graph.tensors[operator.outputs[0]].name.decode())
  return Inspection(
    operators=tuple(sorted(operators)),
    float_tensors=tuple(floats),
    input=_tensor(main.tensors[main.inputs[0]], types),
    output=_tensor(main.tensors[main.outputs[0]], types),
    softmax_scale=min(softmax_scales, default=None),
    per_channel_dense=tuple(dense),
    bytes=size,
  )


def _names(enumeration: type) -> dict[int, str]:
  return {
    value: name
    for name, value in vars(enumeration).items()
    if isinstance(value, int)
  }


def _operator(code: Any, codes: dict[int, str]) -> str:
  # Codes that fit a byte stand in the older, narrower field.
  name = codes[max(code.builtinCode, code.deprecatedBuiltinCode)]
  return code.customCode.decode() if name == "CUSTOM" else name


def _tensor(tensor: Any, types: dict[int, str]) -> Tensor:
  scale, zero_point = _quantization(tensor)
  return Tensor(
    name=tensor.name.decode(),
    dtype=types[tensor.type].lower(),
    shape=tuple(int(size) for size in tensor.shape),
    scale=scale,
    zero_point=zero_point,
  )


def _quantization(tensor: Any) -> tuple[float, int]:
  found = tensor.quantization
  if found is None or found.scale is None or len(found.scale) == 0:
    return 0.0, 0
  scale = float(found.scale[0])
  if not math.isfinite(scale):
    raise ValueError(f"scale {scale}")
  return scale, int(found.zeroPoint[0])
