"""Replayed tournaments: by hand, and by the search's own tournament."""

import json

import numpy as np
import pytest
import replay_criteria as replays
from curves import Curves

from elite_tf.errors import ConfigError
from elite_tf.tournament.bracket import Bracket, Observer, Rules, play
from elite_tf.tournament.criteria import CRITERIA, get_criterion
from elite_tf.types import Candidate, Epoch, Outcome

# Three steady ones and one that starts slowly and ends best.
SLOW_START = [
  [0.5, 0.5, 0.6, 0.6],
  [0.4, 0.4, 0.5, 0.5],
  [0.3, 0.35, 0.4, 0.4],
  [0.0, 0.55, 0.8, 0.9],
]


def _curves(values, sizes=None):
  values = np.asarray(values, np.float64)
  names = tuple(str(number) for number in range(len(values)))
  sizes = None if sizes is None else np.asarray(sizes, np.float64)
  return Curves("set", names, values, sizes)


def _setting(values, sizes=None, grouping="random", size=4, round_epochs=1):
  return replays.Setting(_curves(values, sizes), grouping, size, round_epochs)


class Recorded:
  """A runner that trains by the curves."""

  def __init__(self, values):
    self.values = values
    self.jobs = []

  def submit(self, job):
    self.jobs.append(job)

  def wait(self):
    job = self.jobs.pop()
    curve = self.values[job.candidate.d]
    epochs = tuple(
      Epoch(number, 1.0, 0.0, 1.0, curve[number - 1], 0.1)
      for number in range(job.start + 1, job.stop + 1)
    )
    return Outcome(job.candidate.name, job.start, job.stop, epochs)

  def release(self, name):
    pass


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_champion_is_that_of_the_search(criterion, size):
  """Ties included: accuracies of one digit."""
  rng = np.random.default_rng(size)
  for _ in range(20):
    values = (rng.integers(10, size=(12, 10)) / 10).tolist()
    members = rng.permutation(12)[:size].tolist()
    bracket = Bracket(
      1,
      [Candidate("fake", 1, m, 1, 1.0, 1.0, 32) for m in members],
      Rules(2, 10, criterion),
    )
    play([bracket], Recorded(values), Observer())
    found = replays.champion(values, members, get_criterion(criterion), 2)
    assert bracket.candidates[bracket.champion].d == found


def test_figures_by_hand():
  """All four play in every draw, one epoch a round.

  The average throws the slow starter out at once and crowns the first, 0.3
  below the best.
  """
  result = replays.replay(_setting(SLOW_START), ["average"], 10, 0)
  assert result["criteria"]["average"]["best"] == {"mean": 0.0, "se": 0.0}
  regret = result["criteria"]["average"]["regret"]
  assert regret == pytest.approx({"mean": 0.3, "se": 0.0})
  # Four and two epochs in two rounds, then two to the end: 8 of 16.
  assert (result["candidate_epochs"], result["share_of_epochs"]) == (8, 0.5)
  assert result["nu"] == [None, None]


def test_criteria_are_compared_in_the_same_draws():
  """With rounds of two epochs the current one finds the slow starter."""
  setting = _setting(SLOW_START, round_epochs=2)
  result = replays.replay(setting, ["average", "current"], 10, 0)
  against = result["criteria"]["current"]["against"]["average"]
  assert (against["better"], against["worse"]) == (1.0, 0.0)
  assert against["difference"]["mean"] == pytest.approx(0.3)
  assert result["criteria"]["current"]["best"]["mean"] == 1.0
  assert replays.clear_wins([result], "current", "average") == 1
  assert replays.clear_wins([result], "average", "current") == 0
  text = replays.to_text([result])
  assert "current        100.0%" in text and "100.0%   0.0%" in text


def test_standard_error_by_hand():
  """Of 1, 0, 0, 0: sd 0.5, over the root of four."""
  found = replays._mean(np.array([1, 0, 0, 0]))
  assert found == pytest.approx({"mean": 0.25, "se": 0.25})


def test_random_groups_are_drawn_from_all_alike():
  setting = _setting(np.zeros((20, 3)), np.arange(20))
  groups = replays.draw_groups(setting, 4000, 1)
  assert groups.shape == (4000, 4)
  # Heaviest first, and nobody twice.
  assert (np.diff(groups, axis=1) < 0).all()
  share = np.bincount(groups.ravel(), minlength=20) / 4000
  assert share == pytest.approx(0.2, abs=0.03)
  again = replays.draw_groups(setting, 4000, 1)
  assert (again == groups).all()
  assert (replays.draw_groups(setting, 4000, 2) != groups).any()


def test_groups_by_size_are_cut_from_the_sorted_pool():
  """Sizes 0 to 31: eight groups of four neighbours, each as often."""
  sizes = np.random.default_rng(0).permutation(32)
  setting = _setting(np.zeros((32, 3)), sizes, "size")
  groups = sizes[replays.draw_groups(setting, 800, 0)]
  assert (np.diff(groups, axis=1) == -1).all()
  assert (groups[:, -1] % 4 == 0).all()
  counts = np.bincount(groups[:, -1] // 4, minlength=8)
  assert counts.min() > 60


def test_fewer_than_eight_groups_to_cut():
  setting = _setting(np.zeros((11, 3)), np.arange(11), "size")
  groups = replays.draw_groups(setting, 200, 0)
  # Two groups of those that were drawn: within one, neighbours among eight.
  assert groups.shape == (200, 4) and (np.diff(groups, axis=1) < 0).all()
  assert len(np.unique(groups)) == 11


@pytest.mark.parametrize(
  ("lengths", "expected"),
  [("3", [3]), ("0.1", [2]), ("0.01", [1]), ("0.1,2,4", [2, 4])],
)
def test_round_epochs_as_numbers_and_as_shares(lengths, expected):
  curves = _curves(np.zeros((4, 20)))
  found = replays.settings_of(curves, 4, lengths, "both")
  assert [setting.round_epochs for setting in found] == expected
  assert {setting.grouping for setting in found} == {"random"}


@pytest.mark.parametrize(
  "text", ["", "0", "-1", "x", "11", "0.6", "nan", "1e9"]
)
def test_rounds_that_do_not_fit(text):
  curves = _curves(np.zeros((4, 20)))
  with pytest.raises(ConfigError, match="--round_epochs: 2 rounds .*Received"):
    replays.settings_of(curves, 4, text, "both")


def test_command(tmp_path, capsys):
  np.savez(tmp_path / "set.npz", curves=SLOW_START, size=[4, 3, 2, 1])
  flags = ["--group_size=2", "--round_epochs=1", "--repeats=50"]
  assert replays.main([str(tmp_path), *flags, "--format=json"]) == 0
  results = json.loads(capsys.readouterr().out)
  assert [result["grouping"] for result in results] == ["random", "size"]
  for result in results:
    assert list(result["criteria"]) == sorted(CRITERIA)
  assert replays.main([str(tmp_path), *flags]) == 0
  assert "set: 4 curves" in capsys.readouterr().out


@pytest.mark.parametrize(
  ("flags", "said"),
  [
    (["--criteria=mean"], "--criterion must be one of"),
    (["--repeats=1"], "--repeats must be at least 2. Received: 1"),
    (["--group_size=5"], "--group_size must be 2 to 4"),
    (["--grouping=size"], "no source has sizes"),
  ],
)
def test_flags_that_are_wrong(tmp_path, capsys, flags, said):
  np.savez(tmp_path / "set.npz", curves=SLOW_START)
  source = [str(tmp_path), "--group_size=4", "--round_epochs=1"]
  assert replays.main([*source, *flags]) == 1
  error = capsys.readouterr().err
  assert error.startswith("error: ") and said in error
