"""Inspects a .tflite file without TensorFlow: operators, input, output."""

import dataclasses
import functools
import math
from typing import Any

from elite_tf.conversion.tflite.flatbuffer import (
  damage_refused,
  names_of,
  operator_name,
  unpack,
)
from elite_tf.errors import ConfigError, VerificationFailed

# Softmax in int8 multiplies by scale * 2^26. If that is not above 1, its set-up
# ends the process.
SOFTMAX_SCALE_LIMIT = 2.0**-26


@dataclasses.dataclass(frozen=True)
class Tensor:
  """An input or output of a network.

  Attributes:
    name: As in the file.
    dtype: Name of the NumPy type.
    shape: With the batch axis, which is 1.
    scale: real = (stored - zero_point) * scale; 0.0 if not quantized.
    zero_point: The stored number for 0; 0 if not quantized.
  """

  name: str
  dtype: str
  shape: tuple[int, ...]
  scale: float
  zero_point: int


@dataclasses.dataclass(frozen=True)
class Inspection:
  """The contents of a .tflite file.

  Attributes:
    operators: Names of the operators, as `BuiltinOperator` of TensorFlow Lite's
      schema spells them, each once, sorted. A custom operator has its own name.
    float_tensors: Names of the floating-point tensors.
    input: The network's input.
    output: The network's output.
    softmax_scale: Smallest scale of the inputs of quantized softmaxes; None if
      there are none.
    per_channel_dense: Names of the dense layers (FULLY_CONNECTED) whose weights
      have a scale per output, as TensorFlow's converter makes them.
    bytes: Size of the file.
  """

  operators: tuple[str, ...]
  float_tensors: tuple[str, ...]
  input: Tensor
  output: Tensor
  softmax_scale: float | None
  per_channel_dense: tuple[str, ...]
  bytes: int


# One conversion asks for the contents of the same few files a dozen times.
@functools.lru_cache(maxsize=4)
def inspect(model: bytes) -> Inspection:
  """Returns the contents of a .tflite file.

  Args:
    model: The .tflite file.

  Raises:
    ConfigError: If it is not a whole .tflite file with one input and one
      output.
  """
  root = unpack(model)
  with damage_refused(model):
    return _read(root, len(model))


def require_full_integer(model: bytes) -> None:
  """Checks that a network computes in integers only.

  Args:
    model: The .tflite file.

  Raises:
    ConfigError: If it is not a .tflite file.
    VerificationFailed: If a tensor of it is floating point.
  """
  names = inspect(model).float_tensors
  if names:
    raise VerificationFailed(
      "The network must be all integers. Received:"
      f" {len(names)} floating-point tensors, {', '.join(names)}"
    )


def dense_note(inspection: Inspection) -> str:
  """Returns a note about dense weights with a scale per channel.

  Args:
    inspection: Of the .tflite file.

  Returns:
    One line; empty if there are none.
  """
  names = inspection.per_channel_dense
  if not names:
    return ""
  return (
    "dense layers have a scale per output, which TensorFlow Lite Micro from"
    f" before September 2024 misreads: {', '.join(names)}"
  )


def require_softmax(inspection: Inspection) -> None:
  """Checks that a network's softmax does not end the process that runs it.

  Args:
    inspection: Of the .tflite file.

  Raises:
    VerificationFailed: It does, because the logits are almost zero.
  """
  scale = inspection.softmax_scale
  if scale is not None and not scale > SOFTMAX_SCALE_LIMIT:
    raise VerificationFailed(
      "The network's logits are almost zero, it has learned nothing: the scale"
      f" of its softmax's input must be above {SOFTMAX_SCALE_LIMIT:.3g}."
      f" Received: {scale:.3g}"
    )


def _read(root: Any, size: int) -> Inspection:
  """Returns the contents of an unpacked file."""
  types = names_of("TensorType")
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
      name = _operator(root, operator)
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
    input=_tensor(main.tensors[main.inputs[0]]),
    output=_tensor(main.tensors[main.outputs[0]]),
    softmax_scale=min(softmax_scales, default=None),
    per_channel_dense=tuple(dense),
    bytes=size,
  )


def _operator(root: Any, operator: Any) -> str:
  name = operator_name(root, operator)
  if name != "CUSTOM":
    return name
  return root.operatorCodes[operator.opcodeIndex].customCode.decode()


def _tensor(tensor: Any) -> Tensor:
  scale, zero_point = _quantization(tensor)
  return Tensor(
    name=tensor.name.decode(),
    dtype=names_of("TensorType")[tensor.type].lower(),
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
