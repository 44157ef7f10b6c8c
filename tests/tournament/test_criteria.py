"""Scores, ranking and who survives, against figures worked out by hand."""

import math
import random

import pytest

from elite_tf.errors import ConfigError
from elite_tf.tournament import criteria
from elite_tf.tournament.criteria import CRITERIA

# Three histories of a round and their scores, by hand; a criterion that is
# added is added here.
HISTORIES = {
  "a": (0.25, 0.5, 0.375, 0.625),
  "b": (0.5, 0.5, 0.5, 0.5),
  "c": (0.0, 0.25, 0.75, 0.25),
}
EXPECTED = {
  "average": {"a": 0.4375, "b": 0.5, "c": 0.3125},
  "best": {"a": 0.625, "b": 0.5, "c": 0.75},
  "current": {"a": 0.625, "b": 0.5, "c": 0.25},
  # Weights 0.512, 0.64, 0.8 and 1, in all 2.952.
  "exponential": {
    "a": (0.128 + 0.32 + 0.3 + 0.625) / 2.952,
    "b": 0.5,
    "c": (0.16 + 0.6 + 0.25) / 2.952,
  },
  "last_half": {"a": 0.5, "b": 0.5, "c": 0.5},
  # The others' means: b and c 0.40625, a and c 0.375, a and b 0.46875.
  "median": {"a": 0.21875, "b": 0.125, "c": 0.28125},
}


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_scores_by_hand(name):
  criterion = criteria.get_criterion(name)
  assert criterion(HISTORIES) == pytest.approx(EXPECTED[name])
  assert criterion({"d": [0.75]}) == {"d": 0.75}
  assert criterion({}) == {}


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_better_everywhere_scores_higher(name):
  """Whoever else plays."""
  criterion = criteria.get_criterion(name)
  draw = random.Random(1)
  for _ in range(50):
    epochs = draw.randint(1, 30)
    histories = {
      f"other{number}": [draw.random() for _ in range(epochs)]
      for number in range(draw.randint(0, 6))
    }
    histories["worse"] = [draw.random() / 2 for _ in range(epochs)]
    histories["better"] = [value + 0.01 for value in histories["worse"]]
    scores = criterion(histories)
    assert scores["better"] > scores["worse"]


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_order_of_the_candidates_makes_no_difference(name):
  criterion = criteria.get_criterion(name)
  turned = dict(reversed(HISTORIES.items()))
  assert criterion(turned) == criterion(HISTORIES)


def test_last_half_of_an_odd_number_holds_the_middle():
  assert criteria.last_half([1.0, 0.5, 0.25]) == 0.375
  assert criteria.last_half([1.0, 0.0, 0.5, 0.25, 0.75]) == 0.5


def test_median_compares_at_the_same_epoch():
  """Of those that are further only what they had reached by then counts."""
  histories = {"a": [0.5], "b": [0.25, 1.0], "c": [0.75, 1.0, 1.0]}
  # a: best 0.5, the others' first epochs 0.25 and 0.75.
  assert criteria.median(histories)["a"] == 0.0
  # b: best 1.0, a's only epoch 0.5 and c's mean of two 0.875.
  assert criteria.median(histories)["b"] == 0.3125


def test_median_is_negative_where_the_stopping_rule_would_stop():
  """Vizier's rule: best so far strictly below the median of running means."""
  steady = {name: [0.6] * 4 for name in "abc"}
  scores = criteria.median({**steady, "d": [0.1, 0.5, 0.4, 0.59]})
  assert scores["d"] < 0 and scores["a"] == 0
  scores = criteria.median({**steady, "d": [0.0, 0.0, 0.0, 0.61]})
  assert scores["d"] > 0


def test_average_sees_the_whole_history_and_current_its_end():
  """The paper's reason for it (Section 3.4): one epoch is chance."""
  steady, lucky = [0.5, 0.6, 0.7, 0.7], [0.1, 0.2, 0.3, 0.8]
  assert criteria.average(steady) == pytest.approx(0.625)
  assert criteria.average(lucky) == pytest.approx(0.35)
  assert criteria.average(steady) > criteria.average(lucky)
  assert criteria.current(steady) < criteria.current(lucky)


def test_average_of_a_long_history():
  """Twenty epochs at 10 % and ten at 70 %: (2 + 7) / 30, not the last 70 %."""
  assert criteria.average([0.1] * 20 + [0.7] * 10) == pytest.approx(0.3)


@pytest.mark.parametrize("name", ["", "mean", "Average", "a\nb", None, 3])
def test_unknown_criterion_names_the_known(name):
  with pytest.raises(ConfigError) as caught:
    criteria.get_criterion(name)
  known = ", ".join(sorted(CRITERIA))
  assert str(caught.value) == (
    f"--criterion must be one of {known}. Received: {name!r}"
  )


def test_rank_is_by_score():
  scores = {"a": 0.5, "b": 0.7, "c": 0.6}
  assert criteria.rank(scores, ["a", "b", "c"]) == ["b", "c", "a"]


def test_of_equal_scores_the_lighter_is_better():
  scores = dict.fromkeys("abcd", 0.5)
  assert criteria.rank(scores, list("abcd")) == ["d", "c", "b", "a"]
  assert criteria.survivors(scores, list("abcd")) == ["d", "c"]


def test_failed_ones_come_last_whatever_their_place():
  scores = {"a": None, "b": 0.0, "c": None, "d": 0.1}
  assert criteria.rank(scores, list("abcd")) == ["d", "b", "c", "a"]


@pytest.mark.parametrize(
  ("size", "left"),
  [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4), (8, 4), (9, 5)],
)
def test_half_survive_and_the_middle_of_an_odd_number(size, left):
  order = [f"n{i}" for i in range(size)]
  scores = {name: i / 100 for i, name in enumerate(order)}
  kept = criteria.survivors(scores, order)
  assert kept == list(reversed(order))[:left]


@pytest.mark.parametrize(
  ("failed", "kept"),
  [
    ("", "hgfe"),
    ("h", "gfed"),
    ("hgf", "edcb"),
    ("hgfed", "cba"),
    ("hgfedcb", "a"),
    ("hgfedcba", ""),
    ("ab", "hgfe"),
  ],
)
def test_of_eight_with_failures(failed, kept):
  """Better with the later letter; the failed never survive."""
  scores = {n: None if n in failed else ord(n) / 200 for n in "abcdefgh"}
  assert criteria.survivors(scores, list("abcdefgh")) == list(kept)


@pytest.mark.parametrize(
  ("size", "rounds"),
  [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (7, 3), (8, 3), (9, 4), (64, 6)],
)
def test_rounds_until_one_is_left(size, rounds):
  assert criteria.rounds_needed(size) == rounds
  left, played = size, 0
  while left > 1:
    left, played = math.ceil(left / 2), played + 1
  assert played == rounds


@pytest.mark.parametrize(
  ("size", "expected"),
  [
    # Section 3.3: eight candidates take 80 + 40 + 20 epochs until one is
    # left; the champion goes on from epoch 30 to 350.
    (8, 80 + 40 + 20 + 320),
    (5, 50 + 30 + 20 + 320),
    (3, 30 + 20 + 330),
    (2, 20 + 340),
    (1, 350),
  ],
)
def test_epochs_of_a_group_by_hand(size, expected):
  assert criteria.candidate_epochs(size, 10, 350) == expected


def test_elimination_costs_a_twentieth_of_full_training():
  """The paper's 5 %: 140 candidate-epochs against 8 * 350."""
  until_one_is_left = criteria.candidate_epochs(8, 10, 350) - 320
  assert until_one_is_left / (8 * 350) == 0.05
