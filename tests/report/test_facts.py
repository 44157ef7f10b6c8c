"""Fronts, stages and brackets, against what a person reckons."""

import pytest

from elite_tf.report import brackets, costs, names, pareto, tradeoff
from elite_tf.report.facts import Group
from elite_tf.report.reading import read_run
from elite_tf.tournament.bracket import Round


def test_front_is_what_nothing_beats():
  # (cost, accuracy): the third is beaten by the second, which costs less; the
  # fourth is as good as the second for the same; the last costs most for least.
  points = [(1, 50), (2, 70), (3, 65), (2, 70), (4, 80), (5, 40)]
  assert pareto.front(points) == [0, 1, 4]
  assert pareto.front([]) == []
  assert pareto.front([(2, 1), (1, 1)]) == [1]


@pytest.mark.parametrize(
  "given, prefix",
  [
    (["elite-w1-d1-r224", "elite-w2-d1-r224"], "elite-"),
    (["elite-w1", "lite-w1"], ""),
    (["plain"], ""),
    ([], ""),
  ],
)
def test_prefix_is_left_out_only_if_all_have_it(given, prefix):
  assert names.prefix_of(given) == prefix


GROUP = Group(
  group=1,
  candidates=("a", "b", "c", "d"),
  rounds=(
    Round(1, {"a": 0.5, "b": 0.7, "c": None, "d": 0.6}, ("a", "c"), None),
    Round(2, {"b": 0.8, "d": 0.9}, ("b",), 0.5),
  ),
  failures={"c": "planted"},
  champion="d",
  alive=("d",),
)


def test_bracket_has_survivors_first_and_failures_last():
  assert brackets.standings(GROUP) == [
    [("b", 0.7), ("d", 0.6), ("a", 0.5), ("c", None)],
    [("d", 0.9), ("b", 0.8)],
  ]


def test_a_candidate_is_out_in_the_round_that_eliminated_it():
  assert [GROUP.out_in(n) for n in "abcd"] == [1, 2, 1, None]


@pytest.fixture(scope="module")
def run(make_run):
  return read_run(make_run())


def test_stages_halve(run):
  counts = [len(networks) for _, networks in tradeoff.stages(run)]
  assert counts == [8, 4, 2, 2]
  assert {n.name for n in tradeoff.stages(run)[-1][1]} == {
    group.champion for group in run.groups
  }


def test_what_champions_kept_is_over_the_mean_of_their_groups(run):
  width, depth, resolution = tradeoff.AXES
  assert tradeoff.ratios_to_group(run, width) == [], "all are of one width"
  for ratio, group in zip(
    tradeoff.ratios_to_group(run, resolution), run.groups
  ):
    pixels = [int(name.rpartition("-r")[2]) for name in group.candidates]
    own = int(group.champion.rpartition("-r")[2])
    assert ratio == pytest.approx(own / (sum(pixels) / len(pixels)))
  assert len(tradeoff.ratios_to_group(run, depth)) == 2


def test_candidates_are_compared_after_as_many_epochs(run):
  params, macs, arena = costs.COSTS
  points = costs.same_epoch_points(run, params)
  assert len(points) == 8
  for point in points:
    assert point.accuracy == run.histories[point.name][2].val_accuracy
    assert point.cost * 1e6 == run.networks[point.name].params
  assert len(costs.same_epoch_points(run, macs)) == 8
  assert len(costs.same_epoch_points(run, arena)) == 8
  champions = costs.champion_points(run, arena)
  assert [point.cost for point in champions] == [65_537 / 1024] * 2


def test_published_models_are_the_papers():
  """Table 5: ten of eLite, six of HF and 26 others."""
  models = costs.load_published()
  families = [model.family for model in models]
  assert [families.count(f) for f in ("elite", "hf", "other")] == [10, 6, 26]
  (b0,) = [model for model in models if model.name == "EfficientNet-B0"]
  assert (b0.params, b0.macs, b0.top1) == (5.3, 390, 77.3)


def test_boards_that_a_champion_fits(run):
  """123,457 bytes and 54 KiB of code, an arena of 64 KiB: nearly everything."""
  for champion in run.champions:
    fits = {fit.name: fit.fits for fit in champion.fits}
    assert len(fits) == 16 and all(fits.values())
