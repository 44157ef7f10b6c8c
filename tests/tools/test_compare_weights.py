"""The rules by which channels are kept, on channels made to tell them apart."""

import compare_weights
import numpy as np
import pytest

from elite_tf.networks.ancestors.inherit import Reader

# Four channels: the second varies most, the third is read most, the fourth
# counts most for the reader whose outputs are scaled up.
READERS = [
  Reader(
    np.float64([1, 9, 1, 2]),
    np.float64([[[1, 1], [0.1, 0.1], [4, 4], [0, 2]]]),
    np.float64([0.1, 9]),
  )
]


@pytest.mark.parametrize(
  ("rule", "best"),
  [("scale", 1), ("l1", 2), ("scale_l1", 2), ("read", 2), ("uniform", 0)],
)
def test_rules_prefer_what_they_say(rule, best):
  values = compare_weights.RULES[rule](READERS)
  assert values.shape == (4,)
  assert np.argmax(values) == best


def test_uniform_spreads_any_number_of_channels():
  reader = Reader(np.ones(96), np.ones((1, 96, 2)), np.ones(2))
  order = np.argsort(-compare_weights.uniform([reader]))
  for count in (3, 12, 48):
    gaps = np.diff(np.sort(order[:count]))
    assert gaps.max() <= 2.1 * 96 / count
