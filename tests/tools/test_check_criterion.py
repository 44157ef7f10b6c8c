"""How often a ranking is the final one, counted by hand."""

import json

import check_criterion
import pytest

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.tournament.criteria import CRITERIA
from elite_tf.types import Epoch

# After 1, 2, 3 and 4 epochs a is ahead by its average in the first three
# (0.6 to 0.2, 0.6 to 0.45, 0.6 to 0.55, 0.575 to 0.6) and by its current
# accuracy in the first alone; b is ahead in the end.
TWO = {"a": [0.6, 0.6, 0.6, 0.5], "b": [0.2, 0.7, 0.75, 0.75]}

# The average keeps c ahead to the end, which d has reached long before.
NEVER = {"c": [0.9, 0.5, 0.5], "d": [0.1, 0.6, 0.6]}


def _counts(histories, criterion, round_epochs=1):
  result = check_criterion.check(histories, round_epochs)
  counts = result["criteria"][criterion]
  return result["rounds"], counts["final"], counts["with_its_own_last"]


def test_two_by_hand():
  assert _counts(TWO, "average") == (4, 1, 1)
  assert _counts(TWO, "current") == (4, 3, 3)
  assert _counts(TWO, "best") == (4, 3, 3)
  result = check_criterion.check(TWO, 1)
  assert result["final_ranking"] == {"b": 0.75, "a": 0.5}


def test_ranking_that_agrees_with_itself_and_never_with_the_truth():
  """The weaker reading gives 100 %, the true one nothing."""
  assert _counts(NEVER, "average") == (3, 0, 3)
  assert _counts(NEVER, "current") == (3, 2, 2)


def test_rounds_of_two_epochs():
  assert _counts(TWO, "average", 2) == (2, 1, 1)
  assert _counts(TWO, "current", 2) == (2, 2, 2)
  assert _counts(TWO, "average", 3) == (1, 0, 1)


def test_final_ranking_is_by_the_last_twentieth():
  """Of 40 epochs the last two: e's last epoch alone would be better."""
  histories = {"e": [0.1] * 39 + [0.9], "f": [0.6] * 40}
  assert _counts(histories, "current") == (40, 39, 1)


def test_whole_ranking_and_leader_are_told_apart():
  """g leads from the beginning, the two behind it change places."""
  histories = {"g": [0.9, 0.9], "h": [0.2, 0.1], "i": [0.1, 0.3]}
  counts = check_criterion.check(histories, 1)["criteria"]["current"]
  assert counts == {"final": 1, "with_its_own_last": 1, "leader": 2}


def test_histories_that_still_grow_are_cut_to_the_shortest():
  histories = {"a": TWO["a"] + [0.99], "b": TWO["b"]}
  assert _counts(histories, "average") == _counts(TWO, "average")


@pytest.mark.parametrize(
  ("histories", "round_epochs", "said"),
  [
    ({"a": [0.1]}, 1, "two candidates are needed. Received: 1"),
    (TWO, 5, "--round_epochs must be 1 to 4.*Received: 5"),
    (TWO, 0, "--round_epochs must be 1 to 4.*Received: 0"),
  ],
)
def test_too_little(histories, round_epochs, said):
  with pytest.raises(ConfigError, match=said):
    check_criterion.check(histories, round_epochs)


def test_command_on_a_run_folder(tmp_path, capsys):
  for name, accuracies in {**TWO, "z": [0.0]}.items():
    epochs = [
      Epoch(number, 1.0, 0.0, 1.0, accuracy, 0.5)
      for number, accuracy in enumerate(accuracies, start=1)
    ]
    RunFolder(tmp_path).write_history(name, epochs)
  flags = [str(tmp_path), "--round_epochs=1", "--include=[ab]"]
  assert check_criterion.main([*flags, "--format=json"]) == 0
  result = json.loads(capsys.readouterr().out)
  assert result == check_criterion.check(TWO, 1)
  assert set(result["criteria"]) == set(CRITERIA)
  assert check_criterion.main(flags) == 0
  lines = capsys.readouterr().out.splitlines()
  (line,) = [line for line in lines if line.startswith("  average")]
  assert line.split()[1:3] == ["1", "("] and "25%" in line
  assert check_criterion.main([*flags, "--include=x*"]) == 1
  assert "--include=x*" in capsys.readouterr().err
