"""Functions of one int8 number, as tables of all 256 results.

Each function computes the same as TensorFlow Lite Micro's kernel of that name,
in the same integer arithmetic. Entry i of a table is the result for the number
i - 128.
"""

import dataclasses
import math

import numpy as np

from elite_tf.firmware import fixed_point

CODES = np.arange(-128, 128, dtype=np.int64)

# Bits before the point of the scaled inputs of LOGISTIC and SOFTMAX.
LOGISTIC_BITS = 4
SOFTMAX_BITS = 5

# A limit that no shift reaches. Inputs are scaled only inside a radius, which
# shrinks as the shift grows, so that no shift is too large.
ANY_SHIFT = 1100


@dataclasses.dataclass(frozen=True)
class Quantization:
  """real = (stored - zero_point) * scale."""

  scale: float
  zero_point: int


def requantize(source: Quantization, target: Quantization) -> np.ndarray:
  """Returns QUANTIZE: the same real numbers with another scale."""
  factor = fixed_point.quantize_factor(source.scale / target.scale)
  scaled = fixed_point.scale(CODES - source.zero_point, *factor)
  return _int8(scaled + target.zero_point)


def relu(source: Quantization, target: Quantization) -> np.ndarray:
  """Returns RELU: requantized, negative real numbers become 0."""
  return np.maximum(requantize(source, target), np.int8(target.zero_point))


def relu6(source: Quantization) -> np.ndarray:
  """Returns RELU6, whose output has the scale of its input."""
  six = quantize(6.0, source)
  return _int8(np.clip(CODES, source.zero_point, max(six, source.zero_point)))


def compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  """Returns the table of one function after another."""
  return second[first.astype(np.int64) + 128]


def quantize(real: float, target: Quantization) -> int:
  """Returns a real number as stored; the division is in float32."""
  steps = float(np.float32(real) / np.float32(target.scale))
  rounded = math.copysign(math.floor(abs(steps) + 0.5), steps)
  return int(np.clip(rounded + target.zero_point, -128, 127))


def logistic(source: Quantization) -> np.ndarray:
  """Returns LOGISTIC, whose output has scale 1/256 and zero point -128."""
  multiplier, shift = fixed_point.quantize_factor(
    source.scale * 2.0 ** (31 - LOGISTIC_BITS), ANY_SHIFT
  )
  radius = fixed_point.input_radius(LOGISTIC_BITS, shift)
  x = CODES - source.zero_point
  inside = np.abs(x) < radius
  scaled = _scale_inside(x, inside, multiplier, shift)
  result = fixed_point.logistic(scaled, LOGISTIC_BITS)
  result = fixed_point.shift_right(result, 23) - 128
  return _int8(np.where(inside, result, np.where(x <= -radius, -128, 127)))


def hard_swish(source: Quantization, target: Quantization) -> np.ndarray:
  """Returns HARD_SWISH, x * relu6(x + 3) / 6, computed with 16 bits."""
  fine = np.float32(source.scale) * np.float32(1 / 128)
  to_output = _factor16(float(fine / np.float32(target.scale)))
  to_gate = _factor16(float(fine / np.float32(3 / 32768)))
  x = (CODES - source.zero_point) * 128
  product = _high_product16(x, to_output[0])
  gate, shift = x, to_gate[1]
  if shift > 0:
    gate = fixed_point.saturate(gate << (shift - 1), 16)
  gate = _high_product16(gate, to_gate[0])
  if shift > 0:
    gate = fixed_point.saturate(gate << 1, 16)
  if shift < 0:
    gate = _shift_right16(gate, -shift)
  gate = (gate + 2**15) >> 1
  # Truncated towards zero, not rounded.
  result = gate * product
  result = np.sign(result) * (np.abs(result) >> 15)
  result = _shift_right16(result, max(-to_output[1], 0))
  return _int8(result + target.zero_point)


def exponentials(source: Quantization, beta: float) -> np.ndarray:
  """Returns the exponentials of SOFTMAX by the distance to the largest number.

  Returns:
    int32 (256,): exp(-distance * scale * beta), no bits before the point; -1 for
    distances whose exponential counts as zero.
  """
  real = min(
    float(np.float32(beta)) * source.scale * 2.0 ** (31 - SOFTMAX_BITS),
    2.0**31 - 1.0,
  )
  multiplier, shift = fixed_point.quantize_factor(real, ANY_SHIFT)
  radius = fixed_point.input_radius(SOFTMAX_BITS, shift)
  distance = np.arange(256, dtype=np.int64)
  near = distance <= radius
  scaled = _scale_inside(-distance, near, multiplier, shift)
  result = fixed_point.exponential(scaled, SOFTMAX_BITS)
  return np.where(near, result, -1).astype(np.int32)


def _scale_inside(
  x: np.ndarray, inside: np.ndarray, multiplier: int, shift: int
) -> np.ndarray:
  """Returns x scaled where it is inside the radius, else 0."""
  if shift > fixed_point.MOST_SHIFT:  # Only 0 can be inside.
    return np.zeros_like(x)
  return fixed_point.scale(np.where(inside, x, 0), multiplier, shift)


def _factor16(real: float) -> tuple[int, int]:
  multiplier, shift = fixed_point.quantize_factor(real)
  if multiplier >= fixed_point.INT32_MAX - 2**15:
    return 2**15 - 1, shift
  return (multiplier + 2**15) >> 16, shift


def _high_product16(a: np.ndarray, b: int) -> np.ndarray:
  """Returns a * b / 2^15, halves up."""
  return fixed_point.saturate((a * b + 2**14) >> 15, 16)


def _shift_right16(x: np.ndarray, exponent: int) -> np.ndarray:
  """Returns x / 2^exponent in 16 bits, with the overflow of the kernel.

  From an exponent of 16 on the mask of the remainder overflows in the kernel: its
  result is 1 or -1 instead of 0.
  """
  if exponent < 16:
    return fixed_point.shift_right(x, exponent)
  return np.where(x >= 0, 1, -1)


def _int8(x: np.ndarray) -> np.ndarray:
  return np.clip(x, -128, 127).astype(np.int8)
