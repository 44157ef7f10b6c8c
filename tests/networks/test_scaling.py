"""Coefficients against Table 3 of the paper and Equations 2 and 3 by hand."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from elite_tf.errors import ConfigError
from elite_tf.networks import scaling

TABLE3 = json.loads((Path(__file__).parent / "paper_tables.json").read_text())[
  "table3"
]


def test_four_levels_are_table_3():
  found = scaling.coefficients()
  assert list(found.depth) == TABLE3["depth"]
  assert list(found.width) == TABLE3["width"]
  assert list(found.resolution) == TABLE3["resolution"]


def test_operators_are_those_of_table_3():
  assert [scaling.operators(d) for d in TABLE3["depth"]] == TABLE3["operators"]


@pytest.mark.parametrize(
  ("depth", "repeats"),
  [
    # ceil(R * d) of (1, 1, 2, 2, 3, 3, 4, 1, 1), by hand.
    (1.0, [1, 1, 2, 2, 3, 3, 4, 1, 1]),
    (0.9, [1, 1, 2, 2, 3, 3, 4, 1, 1]),
    (0.8, [1, 1, 2, 2, 3, 3, 4, 1, 1]),
    (0.7, [1, 1, 2, 2, 3, 3, 3, 1, 1]),
    (0.6, [1, 1, 2, 2, 2, 2, 3, 1, 1]),
    (0.5, [1, 1, 1, 1, 2, 2, 2, 1, 1]),
    (0.4, [1, 1, 1, 1, 2, 2, 2, 1, 1]),
    (0.3, [1, 1, 1, 1, 1, 1, 2, 1, 1]),
    (0.2, [1, 1, 1, 1, 1, 1, 1, 1, 1]),
  ],
)
def test_repeats_by_hand(depth, repeats):
  scaled = [scaling.scale_repeats(r, depth) for r in scaling.REPEATS]
  assert scaled == repeats
  assert scaling.operators(depth) == sum(repeats)


def test_repeats_are_not_raised_by_binary_fractions():
  # In binary 0.1 * 3 is 0.30000000000000004: ten of them make three.
  assert scaling.scale_repeats(10, 0.1 * 3) == 3
  assert scaling.scale_repeats(30, 0.1) == 3


def test_depth_goes_on_by_its_rule_and_ends():
  """The operators are those that paper.md's rule gives: 18 down to 9."""
  depth = scaling.depth_coefficients(10)
  assert depth == (1.0, 0.7, 0.6, 0.5, 0.3, 0.2)
  assert [scaling.operators(d) for d in depth] == [18, 17, 15, 12, 10, 9]
  assert scaling.coefficients(8).depth == depth


def test_levels_5_and_6_by_hand():
  """From the last printed figure by the steps 12 -> 10 and 10 -> 9."""
  found = scaling.coefficients(6)
  w5 = Fraction("0.514") * Fraction(10, 12) * Fraction(11, 12)
  r5 = Fraction("0.587") * Fraction(10, 12) * Fraction(115, 120)
  w6 = w5 * Fraction(9, 10) * Fraction(11, 12)
  r6 = r5 * Fraction(9, 10) * Fraction(115, 120)
  assert float(w5) == pytest.approx(0.392639, abs=1e-6)
  assert float(r5) == pytest.approx(0.468785, abs=1e-6)
  assert found.width[4:] == pytest.approx([float(w5), float(w6)], rel=1e-12)
  assert found.resolution[4:] == pytest.approx(
    [float(r5), float(r6)], rel=1e-12
  )


def test_levels_beyond_the_depth_repeat_the_last_step():
  found = scaling.coefficients(9)
  assert len(found.width) == len(found.resolution) == 9
  for before, after in zip(found.width[5:], found.width[6:]):
    assert after / before == pytest.approx(0.9 * 1.1 / 1.2, rel=1e-12)
  for before, after in zip(found.resolution[5:], found.resolution[6:]):
    assert after / before == pytest.approx(0.9 * 1.15 / 1.2, rel=1e-12)


def test_fewer_levels_are_the_first_ones():
  assert scaling.coefficients(1) == scaling.Coefficients((1.0,), (1.0,), (1.0,))
  assert scaling.coefficients(3).width == (1.0, 0.8666, 0.701)
  for levels in range(1, scaling.MAX_LEVELS + 1):
    found = scaling.coefficients(levels)
    longest = scaling.coefficients(scaling.MAX_LEVELS)
    assert found.width == longest.width[:levels]
    assert found.depth == longest.depth[:levels]
    assert found.resolution == longest.resolution[:levels]


def test_last_level_has_come_down_to_eight_channels():
  """The widest convolution, 1280 channels, in multiples of 8 down to 90 %."""
  width = scaling.coefficients(scaling.MAX_LEVELS).width
  assert 0.9 * 1280 * width[-1] <= 8 < 0.9 * 1280 * width[-2]


def test_input_sizes_are_table_3():
  sizes = [scaling.scale_resolution(224, r) for r in TABLE3["resolution"]]
  assert sizes == TABLE3["input"] == [224, 203, 172, 132]


def test_input_sizes_of_small_images():
  # 32 * 0.905 = 28.96, * 0.766 = 24.512, * 0.587 = 18.784
  sizes = [scaling.scale_resolution(32, r) for r in TABLE3["resolution"]]
  assert sizes == [32, 29, 25, 19]
  # A whole number of pixels is not raised by a binary fraction.
  assert scaling.scale_resolution(30, 0.1) == 3


@pytest.mark.parametrize(
  "levels", [0, -1, 27, 10**12, 4.0, "4", None, True, float("nan")]
)
def test_wrong_levels(levels):
  with pytest.raises(ConfigError) as caught:
    scaling.coefficients(levels)
  line = str(caught.value)
  assert line.startswith("--levels must be a whole number from 1 to 26.")
  assert line.endswith(f"Received: {levels!r}")
