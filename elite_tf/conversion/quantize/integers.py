"""A float network and the ranges of its activations -> an integer network."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from elite_tf.conversion.quantize.calibration import Ranges, mark
from elite_tf.conversion.tflite.flatbuffer import (
  operator_name,
  pack,
  schema,
  unpack,
)
from elite_tf.conversion.tflite.inspect import (
  inspect,
  require_full_integer,
  require_softmax,
)
from elite_tf.errors import ConfigError
from elite_tf.system.quiet import quiet

# Narrower ranges would have scales that are not normal numbers.
NARROWEST = 1e-6

# Scale and zero point of the output of softmax in int8: 0 to 255/256.
PROBABILITY = (1 / 256, -128)


def int8(model: bytes, ranges: Ranges) -> bytes:
  """Returns a float network in int8, input and output included.

  Weights have one scale per output channel, activations one per tensor.

  Args:
    model: A float .tflite file.
    ranges: Of every activation; each is extended to include 0.

  Raises:
    ConfigError: The network cannot be quantized.
    VerificationFailed: Its logits are almost zero.
  """
  import tensorflow as tf
  from tensorflow.lite.python.convert import mlir_quantize

  def quantize(marked: bytes) -> bytes:
    return mlir_quantize(
      marked, input_data_type=tf.int8, output_data_type=tf.int8
    )

  return _quantized(mark(model, ranges, _with_zero), quantize)


def int16x8(model: bytes, ranges: Ranges) -> bytes:
  """Returns a float network with activations in int16 and weights in int8.

  The input is int16 too, the output int8: only the logits are requantized to
  int8, before softmax, because the int16 tables of softmax in TensorFlow Lite
  and in TensorFlow Lite Micro differ in their last bit.

  Args:
    model: A float .tflite file.
    ranges: Of every activation.

  Raises:
    ConfigError: The network cannot be quantized.
    VerificationFailed: Its logits are almost zero.
  """
  from tensorflow.lite.python.optimize.calibrator import Calibrator

  (source,) = unpack(model).subgraphs[0].inputs
  # The range of scale 2^-15: codes are (pixel - 128) * 256.
  highest = (2**15 - 1) / 2**15
  exact = {**ranges, source: (-highest, highest)}

  def quantize(marked: bytes) -> bytes:
    # As `tf.lite.TFLiteConverter` calls it, but without images: the ranges are
    # in the file. The newer quantizer does not know these types.
    activation, bias = np.dtype(np.int16).num, np.dtype(np.int64).num
    return Calibrator(marked)._calibrator.QuantizeModel(
      activation, activation, False, activation, bias, False, False
    )

  def form(index: int, low: float, high: float) -> tuple[float, float]:
    return (low, high) if index == source else _coarse(low, high)

  wide = _quantized(mark(model, exact, form), quantize)
  return _narrow_softmax(wide, model, ranges)


def _with_zero(index: int, low: float, high: float) -> tuple[float, float]:
  del index
  low, high = min(low, 0.0), max(high, 0.0)
  return (low, high) if high - low > NARROWEST else (low, low + NARROWEST)


def _coarse(low: float, high: float) -> tuple[float, float]:
  """Returns a range around 0 whose scale in int16 is 1.25 times a power of 2.

  TensorFlow Lite computes the factor of MUL, a product of scales, in float32,
  TensorFlow Lite Micro in float64: one result in 50,000 differs. If all scales
  have one mantissa (sigmoid's is a power of two), both are exact. Powers of two
  would not do: TensorFlow Lite has other arithmetic for sums of them.
  """
  reached = max(-low, high, NARROWEST)
  limit = (2**15 - 1) / 2**15
  exponent = math.ceil(math.log2(reached / 1.25 / limit))
  highest = 1.25 * 2.0**exponent * limit
  return -highest, highest


def _narrow_softmax(wide: bytes, model: bytes, ranges: Ranges) -> bytes:
  """Returns the network with its last operator in int8 if it is a softmax.

  Args:
    wide: The network in int16.
    model: The float network.
    ranges: Of its activations.
  """
  root, classes = unpack(wide), schema()
  graph = root.subgraphs[0]
  last = graph.operators[-1]
  if operator_name(root, last) != "SOFTMAX":
    return wide  # The output is logits.
  logits = unpack(model).subgraphs[0].operators[-1].inputs[0]
  low, high = _with_zero(logits, *ranges[logits])
  scale = (high - low) / 255
  zero_point = int(np.clip(round(-128 - low / scale), -128, 127))

  narrow = classes.TensorT()
  narrow.name = b"logits_int8"
  narrow.shape = graph.tensors[last.inputs[0]].shape
  narrow.type = classes.TensorType.INT8
  narrow.buffer = 0  # The empty buffer: it is computed.
  narrow.quantization = _quantization(scale, zero_point)
  graph.tensors.append(narrow)

  code = classes.OperatorCodeT()
  code.builtinCode = code.deprecatedBuiltinCode = (
    classes.BuiltinOperator.QUANTIZE
  )
  code.version = 1
  root.operatorCodes.append(code)
  quantize = classes.OperatorT()
  quantize.opcodeIndex = len(root.operatorCodes) - 1
  quantize.inputs, quantize.outputs = (
    [last.inputs[0]],
    [len(graph.tensors) - 1],
  )
  graph.operators.insert(len(graph.operators) - 1, quantize)
  last.inputs = quantize.outputs
  answer = graph.tensors[last.outputs[0]]
  answer.type = classes.TensorType.INT8
  answer.quantization = _quantization(*PROBABILITY)
  narrowed = pack(root)
  require_softmax(inspect(narrowed))
  return narrowed


def _quantization(scale: float, zero_point: int):
  found = schema().QuantizationParametersT()
  found.scale, found.zeroPoint = [scale], [zero_point]
  return found


def _quantized(marked: bytes, quantize: Callable[[bytes], bytes]) -> bytes:
  """Returns a network with ranges after a quantizer.

  Raises:
    ConfigError: The quantizer refuses the network.
    VerificationFailed: The result computes in floating point, or has logits
      that are almost zero.
  """
  from tensorflow.lite.python.convert_phase import ConverterError

  with quiet():
    try:
      converted = bytes(quantize(marked))
    except (ConverterError, RuntimeError, ValueError) as error:
      failure = error  # Raised after `quiet`, which hides all output.
    else:
      failure = None
  if failure is not None:
    reason = str(failure).strip().partition("\n")[0]
    raise ConfigError(f"the network cannot be quantized: {reason}") from failure
  require_full_integer(converted)
  require_softmax(inspect(converted))
  return converted
