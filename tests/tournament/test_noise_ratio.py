"""The noise from epoch to epoch over the spread, against figures by hand."""

import math
import random

import pytest

from elite_tf.tournament.noise_ratio import noise, nu


def test_noise_by_hand():
  """Less what they share the two are +-1, -+1, +-1: second differences 4.

  Two of 16, over 6 * (2 - 1) candidates * (3 - 2) epochs.
  """
  assert noise([[5, 3, 5], [3, 5, 3]]) == pytest.approx(math.sqrt(32 / 6))


def test_nu_by_hand():
  """Window 0, 2, 1 and 3, 1, 5: means 1 and 3, spread sqrt(2).

  Half of the difference -3, 1, -4 has the second difference -4.5 and, for the
  other, 4.5; the noise is sqrt(40.5 / 6).
  """
  expected = math.sqrt((2 * 4.5**2) / 6) / math.sqrt(2)
  assert nu([[0, 2, 1], [3, 1, 5]]) == pytest.approx(expected)
  # Only its later half counts of a longer history.
  longer = [[9, 0, 0, 2, 1], [-7, 50, 3, 1, 5]]
  assert nu(longer) == pytest.approx(expected)
  # Of six epochs three, of eight four.
  assert nu([[4, *h] for h in longer]) == pytest.approx(expected)
  assert nu([[4, 4, 4, *h] for h in longer]) != pytest.approx(expected)


@pytest.mark.parametrize("sd", [0.001, 0.1])
@pytest.mark.parametrize("count", [2, 8])
def test_independent_noise_comes_out_as_it_was_put_in(sd, count):
  """On curves that share a steep start and drift apart in straight lines."""
  draw = random.Random(0)
  found = []
  for _ in range(200):
    slopes = [draw.random() / 10 for _ in range(count)]
    histories = [
      [
        1 - math.exp(-epoch / 3) + slope * epoch + draw.gauss(0, sd)
        for epoch in range(1, 31)
      ]
      for slope in slopes
    ]
    found.append(noise(histories) ** 2)
  assert math.sqrt(sum(found) / len(found)) == pytest.approx(sd, rel=0.05)


def test_no_noise_is_zero():
  assert nu([[1, 2, 3], [2, 4, 6]]) == 0.0


@pytest.mark.parametrize("scale", [0.01, 100])
def test_unit_makes_no_difference(scale):
  histories = [[0.5, 0.25, 0.5], [0.75, 1.0, 0.5]]
  scaled = [[scale * x for x in history] for history in histories]
  assert nu(scaled) == pytest.approx(nu(histories))


@pytest.mark.parametrize(
  "histories",
  [
    [],
    [[1, 2, 3, 4]],  # One candidate.
    [[1, 2], [3, 4]],  # Two epochs.
    [[1, 2, 3], [4, 5]],
    [[1, 2, 3], [1, 2, 3]],  # No spread.
    [[1, 2, 3], [3, 2, 1]],
  ],
)
def test_undefined(histories):
  assert nu(histories) is None
