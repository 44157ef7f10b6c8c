"""Fixed-point arithmetic, the same as in the kernels.

A real factor is multiplier * 2^(shift - 31). Products are rounded twice: to 32
bits, halves up, and after the shift to the right, halves away from zero. This
is the arithmetic of gemmlowp (its docs/quantization.md) and of Jacob et al.,
"Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (arXiv 1712.05877), in its form of a rounding
doubling high product followed by a rounding shift.

Arrays are int64 and hold numbers of 32 bits.
"""

import math

import numpy as np

from elite_tf.conversion.verify import align_mul
from elite_tf.errors import ConfigError

INT32_MAX = 2**31 - 1

# Beyond this shift the product does not fit 32 bits.
MOST_SHIFT = 30


def quantize_factor(
  real: float, most_shift: int = MOST_SHIFT
) -> tuple[int, int]:
  """Returns a real factor as (multiplier, shift).

  Args:
    real: The factor, 0 or more.
    most_shift: Largest shift that the kernel allows.

  Raises:
    ConfigError: The factor is negative, not finite or too large.
  """
  if not math.isfinite(real) or real < 0:
    raise ConfigError(
      f"a factor between scales must be a number. Received: {real}"
    )
  if real == 0:
    return 0, 0
  multiplier, shift = align_mul.multiplier(real)
  if shift < -31:
    return 0, 0
  if shift > most_shift:
    raise ConfigError(
      "the scales are too far apart: their factor must be below"
      f" 2^{most_shift}. Received: {real:.3g}"
    )
  return multiplier, shift


def wrap(x: np.ndarray) -> np.ndarray:
  """Returns the low 32 bits as signed numbers."""
  return (x + 2**31) % 2**32 - 2**31


def high_product(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
  """Returns a * b / 2^31, halves up."""
  return (np.asarray(a, np.int64) * b + 2**30) >> 31


def shift_right(x: np.ndarray, exponent: int) -> np.ndarray:
  """Returns x / 2^exponent, halves away from zero."""
  x = np.asarray(x, np.int64)
  if exponent == 0:
    return x
  return (x - (x < 0) + (1 << (exponent - 1))) >> exponent


def scale(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
  """Returns x * multiplier * 2^(shift - 31)."""
  left, right = max(shift, 0), max(-shift, 0)
  x = wrap(np.asarray(x, np.int64) << left)
  return shift_right(high_product(x, multiplier), right)


def saturate(x: np.ndarray, bits: int = 32) -> np.ndarray:
  """Returns x, clipped to signed numbers of `bits` bits."""
  return np.clip(x, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def input_radius(integer_bits: int, left_shift: int) -> int:
  """Returns the distance from 0 at which a scaled input leaves its range.

  Args:
    integer_bits: Bits before the point of the scaled input.
    left_shift: Shift that scales the inputs.
  """
  real = (2**integer_bits - 1) * 2.0 ** (31 - integer_bits)
  return math.floor(real / 2.0**left_shift)


def exponential(x: np.ndarray, integer_bits: int) -> np.ndarray:
  """Returns exp(x) with no bits before the point.

  x is split at multiples of a quarter. The rest goes through a polynomial of
  degree four around -1/8, the quarters through one constant per bit.

  Args:
    x: Numbers up to 0, `integer_bits` bits before the point.
    integer_bits: At most five.
  """
  x = np.asarray(x, np.int64)
  quarter = 1 << (31 - integer_bits - 2)
  rest = (x & (quarter - 1)) - quarter
  result = _exponential_of_quarter(rest << integer_bits)
  remainder = rest - x
  for power in range(-2, integer_bits):
    factor = math.floor(math.exp(-(2.0**power)) * 2**31 + 0.5)
    bit = 1 << (31 - integer_bits + power)
    result = np.where(remainder & bit, high_product(result, factor), result)
  return np.where(x == 0, INT32_MAX, result)


def _exponential_of_quarter(x: np.ndarray) -> np.ndarray:
  """Returns exp(x) for x from -1/4 to 0, no bits before the point."""
  middle = math.floor(math.exp(-1 / 8) * 2**31 + 0.5)
  third = math.floor(2**31 / 3 + 0.5)
  x = x + (1 << 28)
  square = high_product(x, x)
  cube = high_product(square, x)
  fourth = shift_right(high_product(square, square), 2)
  tail = shift_right(high_product(fourth + cube, third) + square, 1)
  return middle + high_product(x + tail, middle)


def reciprocal(x: np.ndarray) -> np.ndarray:
  """Returns 1 / (1 + x) for x from 0 to 1, no bits before the point.

  Three steps of Newton's iteration from 48/17 - 32/17 d, d = (1 + x) / 2.
  """
  divisor = (np.asarray(x, np.int64) + INT32_MAX + 1) >> 1
  quotient = 1515870810 + high_product(divisor, -1010580540)
  for _ in range(3):
    error = (1 << 29) - high_product(divisor, quotient)
    quotient = quotient + saturate(high_product(quotient, error) << 2)
  return saturate(quotient << 1)


def logistic(x: np.ndarray, integer_bits: int) -> np.ndarray:
  """Returns 1 / (1 + exp(-x)) with no bits before the point."""
  x = np.asarray(x, np.int64)
  of_size = reciprocal(exponential(-np.abs(x), integer_bits))
  result = np.where(x > 0, of_size, INT32_MAX - of_size)
  return np.where(x == 0, 2**30, result)
