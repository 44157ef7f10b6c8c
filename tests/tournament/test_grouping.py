"""z-scores and the cut into groups, against figures worked out by hand."""

import random
import statistics

import pytest

from elite_tf.errors import ConfigError
from elite_tf.tournament.grouping import make_groups
from elite_tf.types import Cost


def test_hand_computed():
  """Parameters 2, 4, 4, 4, 5, 5, 7, 9: mean 5, population sd 2."""
  params = [2, 4, 4, 4, 5, 5, 7, 9]
  # Mean 40, deviations -30 -10 10 30 twice: sd sqrt(500).
  macs = [10, 30, 50, 70, 10, 30, 50, 70]
  costs = [Cost(p, m) for p, m in zip(params, macs)]
  found = make_groups(list("abcdefgh"), costs, 3)
  assert (found.params.mean, found.params.sd) == (5, 2)
  assert found.macs.mean == 40
  assert found.macs.sd == pytest.approx(500**0.5)
  assert found.z_params == (-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2)
  root5 = 5**0.5
  z_macs = [x / root5 for x in (-3, -1, 1, 3, -3, -1, 1, 3)]
  assert found.z_macs == pytest.approx(z_macs)
  z_sum = [-2.8416, -0.9472, -0.0528, 0.8416, -1.3416, -0.4472, 1.4472, 3.3416]
  assert found.z_sum == pytest.approx(z_sum, abs=1e-4)
  # From the heaviest down: h g d c f b e a, in threes.
  assert found.groups == ((7, 6, 3), (2, 5, 1), (4, 0))


@pytest.mark.parametrize(
  ("count", "size", "sizes"),
  [
    (1, 8, [1]),
    (7, 8, [7]),
    (8, 8, [8]),
    (9, 8, [8, 1]),
    (5, 2, [2, 2, 1]),
    (4, 1, [1, 1, 1, 1]),
    (3, 10**9, [3]),
  ],
)
def test_sizes_of_groups(count, size, sizes):
  costs = [Cost(100 - i, 1000 - i) for i in range(count)]
  found = make_groups([str(i) for i in range(count)], costs, size)
  assert [len(group) for group in found.groups] == sizes
  assert [i for group in found.groups for i in group] == list(range(count))


def test_pool_of_one():
  found = make_groups(["only"], [Cost(5, 7)])
  assert found.groups == ((0,),)
  assert found.z_params == found.z_macs == found.z_sum == (0.0,)
  assert (found.params.mean, found.params.sd) == (5, 0)
  assert (found.macs.mean, found.macs.sd) == (7, 0)


def test_equal_costs_are_ordered_by_name():
  names = ["c", "a", "d", "b"]
  found = make_groups(names, [Cost(5, 7)] * 4, 2)
  assert [[names[i] for i in g] for g in found.groups] == [
    ["a", "b"],
    ["c", "d"],
  ]
  assert found.z_sum == (0.0,) * 4


def test_one_cost_alike_leaves_the_other():
  costs = [Cost(5, 10), Cost(5, 30), Cost(5, 20)]
  found = make_groups(["a", "b", "c"], costs, 1)
  assert found.groups == ((1,), (2,), (0,))
  assert found.z_params == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_properties_of_any_pool(seed):
  """Nobody is lost, weights fall, and the order given makes no difference."""
  draw = random.Random(seed)
  count, size = draw.randint(1, 40), draw.randint(1, 12)
  names = [f"n{i}" for i in range(count)]
  costs = [Cost(draw.randint(1, 9), draw.randint(1, 9)) for _ in names]
  found = make_groups(names, costs, size)
  order = [i for group in found.groups for i in group]
  assert sorted(order) == list(range(count))
  assert all(len(group) == size for group in found.groups[:-1])
  assert 1 <= len(found.groups[-1]) <= size
  sums = [found.z_sum[i] for i in order]
  assert sums == sorted(sums, reverse=True)
  assert statistics.fmean(found.z_sum) == pytest.approx(0, abs=1e-9)
  if found.params.sd:
    assert statistics.pstdev(found.z_params) == pytest.approx(1)
  shuffled = draw.sample(range(count), count)
  again = make_groups(
    [names[i] for i in shuffled], [costs[i] for i in shuffled], size
  )
  assert [[names[i] for i in g] for g in found.groups] == [
    [names[shuffled[i]] for i in g] for g in again.groups
  ]


@pytest.mark.parametrize("size", [0, -1, 2.0, "8", None, True])
def test_wrong_group_size(size):
  with pytest.raises(ConfigError) as caught:
    make_groups(["a"], [Cost(1, 1)], size)
  line = str(caught.value)
  assert line.startswith("--group_size must be a whole number above zero.")
  assert line.endswith(f"Received: {size!r}")


@pytest.mark.parametrize(
  ("names", "costs"), [([], []), (["a"], []), (["a"], [Cost(1, 1)] * 2)]
)
def test_names_and_costs_belong_together(names, costs):
  with pytest.raises(ConfigError) as caught:
    make_groups(names, costs)
  said = f"Received: {len(names)} names, {len(costs)} costs"
  assert str(caught.value).endswith(said)
