"""Arithmetic in whole numbers, against real numbers and hand computations."""

import math
from fractions import Fraction

import numpy as np
import pytest

from elite_tf.errors import ConfigError
from elite_tf.firmware import fixed_point, tables


@pytest.mark.parametrize(
  "real, expected",
  [
    (0.0, (0, 0)),
    (1.0, (2**30, 1)),
    (0.5, (2**30, 0)),
    (0.75, (3 * 2**29, 0)),
    (1.5 * 2**-31, (3 * 2**29, -30)),
    (2.0**-40, (0, 0)),
    # 31 ones and a half round up to the next power of two.
    (1 - 2.0**-33, (2**30, 1)),
  ],
)
def test_factors(real, expected):
  assert fixed_point.quantize_factor(real) == expected


@pytest.mark.parametrize("real", [2.0**31, math.inf, math.nan, -1.0])
def test_factors_that_are_none(real):
  with pytest.raises(ConfigError):
    fixed_point.quantize_factor(real)


def test_products_are_rounded_twice():
  # 3 * 0.5 = 1.5: the product rounds halves up, to 2 and to -1.
  assert fixed_point.scale(np.array([3, -3]), 2**30, 0).tolist() == [2, -1]
  # 6 * 2^-2 = 1.5: the shift rounds halves away from zero, to 2 and to -2.
  half = 2**30  # And 2^31 * 1/2 is 1/2, so that 12 * 1/2 is 6.
  assert fixed_point.scale(np.array([12, -12]), half, -2).tolist() == [2, -2]


def test_scaling_is_near_the_real_product():
  random = np.random.default_rng(0)
  for _ in range(200):
    real = float(10 ** random.uniform(-6, 0))
    multiplier, shift = fixed_point.quantize_factor(real)
    x = random.integers(-(2**20), 2**20, 50)
    for number, found in zip(x, fixed_point.scale(x, multiplier, shift)):
      exact = int(number) * Fraction(real)
      assert abs(exact - int(found)) <= 1


def test_exponential():
  x = -np.linspace(0, 15.9, 1000)
  stored = np.round(x * 2**27).astype(np.int64)
  found = fixed_point.exponential(stored, 4) / 2**31
  np.testing.assert_allclose(found, np.exp(stored / 2**27), atol=5e-7)


def test_logistic():
  x = np.linspace(-15.9, 15.9, 1001)
  stored = np.round(x * 2**27).astype(np.int64)
  found = fixed_point.logistic(stored, 4) / 2**31
  np.testing.assert_allclose(found, 1 / (1 + np.exp(-x)), atol=5e-7)


def test_tables_are_the_functions():
  source = tables.Quantization(0.05, 11)
  real = (tables.CODES - 11) * 0.05
  sigmoid = tables.logistic(source).astype(float) + 128
  assert np.abs(sigmoid / 256 - 1 / (1 + np.exp(-real))).max() < 1 / 256
  target = tables.Quantization(0.04, -100)
  swish = (tables.hard_swish(source, target).astype(float) + 100) * 0.04
  exact = np.minimum(real * np.clip(real + 3, 0, 6) / 6, 227 * 0.04)
  assert np.abs(swish - exact).max() < 0.06
  relu = (tables.relu(source, target).astype(float) + 100) * 0.04
  assert np.abs(relu - np.clip(real, 0, 227 * 0.04)).max() < 0.021
