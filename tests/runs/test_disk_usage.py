"""The room on the disk, by hand."""

import pytest

from elite_tf.runs.disk_usage import disk_bytes
from elite_tf.types import Cost

# 20 bytes a parameter and checkpoint, 12 for a champion's files.
ONE = [[Cost(100, 1), Cost(50, 1)]]
THREE = [*ONE, [Cost(30, 1), Cost(20, 1)], [Cost(10, 1)]]


@pytest.mark.parametrize(
  ("groups", "workers", "keep", "expected"),
  [
    # Two of each, the heaviest once more, the champion's.
    (ONE, 1, False, 2 * 150 * 20 + 100 * 20 + 100 * (2 * 20 + 12)),
    (THREE, 1, False, 2 * 150 * 20 + 100 * 20 + 140 * 52),
    (THREE, 2, False, 2 * 200 * 20 + 150 * 20 + 140 * 52),
    (THREE, 9, False, 2 * 210 * 20 + 210 * 20 + 140 * 52),
    (THREE, 1, True, 2 * 210 * 20 + 100 * 20 + 140 * 52),
  ],
)
def test_bound(groups, workers, keep, expected):
  assert disk_bytes(groups, 0, workers, keep) == expected
  assert disk_bytes(groups, 7, workers, keep) == expected + 7 * 600
