"""Who wins by hand-made curves, what peers decide, and what is written down."""

import json
import math

import compare_search
import peer_hyperband
import peer_ray
import pytest
import side_by_side
import trainings

from elite_tf.runs.settings import Settings

NAMES = [f"lite-w6-d6-r{size}" for size in (16, 15, 13, 10)]

# After one epoch r13 and r10 lead; after two r13 leads; in the end r16, which
# every method of early decisions misses, would have been the best.
CURVES = {
  "lite-w6-d6-r16": [0.1, 0.2, 0.9],
  "lite-w6-d6-r15": [0.2, 0.3, 0.4],
  "lite-w6-d6-r13": [0.3, 0.7, 0.8],
  "lite-w6-d6-r10": [0.4, 0.5, 0.6],
}


@pytest.fixture
def task(tmp_path):
  settings = Settings(
      data="digits", pool="lite", levels=6, base_resolution=16,
      include="lite-w6-d6-r1[0356]", group_size=4, round_epochs=1, epochs=3,
  )  # fmt: skip
  return trainings.Task(settings, str(tmp_path), 2)


def test_task_is_read_as_it_was_written(task):
  assert trainings.read_task(task.write()) == task
  assert list(task.candidates()) == NAMES


def test_replayed_tournament_by_hand(task):
  """Rounds of one epoch: r10, r13 go on, then the criterion decides."""
  assert compare_search.replay(task, CURVES, "current") == "lite-w6-d6-r13"
  # 0.5 and 0.45 on average.
  assert compare_search.replay(task, CURVES, "average") == "lite-w6-d6-r13"
  early = {**CURVES, "lite-w6-d6-r10": [0.69, 0.32, 0.6]}
  assert compare_search.replay(task, early, "average") == "lite-w6-d6-r10"
  assert compare_search.replay(task, early, "best") == "lite-w6-d6-r13"


def test_judged_among_all(task):
  row = {"champion": "lite-w6-d6-r13"}
  final = {name: curve[-1] for name, curve in CURVES.items()}
  tests = dict(zip(NAMES, (0.95, 0.5, 0.75, 0.6)))
  compare_search.add_ranks(row, final, tests)
  assert row["rank_in_validation"] == 2
  assert row["test_accuracy"] == 0.75
  assert row["test_below_best"] == pytest.approx(0.2)


def test_repeated_epochs_are_counted_and_compared(tmp_path):
  tasks = []
  for name, accuracy in (("one", 0.5), ("two", 0.5), ("three", 0.6)):
    other = trainings.Task(Settings(), str(tmp_path / name), 1)
    other.record.parent.mkdir()
    line = {"name": "a", "epoch": 1, "loss": 1.0, "val_accuracy": accuracy}
    other.record.write_text(json.dumps(line) + "\n")
    tasks.append(other)
  assert compare_search.curves(tasks[:2])[1:] == (1, 0)
  assert compare_search.curves(tasks)[1:] == (2, 1)


def test_mean_and_spread_leave_out_what_did_not_run():
  rows = [
    {"champion": "a", "seconds": 1.0},
    {"seed": 1, "not_run": "keras_tuner is not installed"},
    {"champion": "b", "seconds": 3.0},
  ]
  found = compare_search.summary(rows)
  assert found["seeds"] == 2
  assert found["seconds"] == {"mean": 2.0, "sd": pytest.approx(math.sqrt(2))}
  assert "epochs" not in found


def test_missing_peer_is_named():
  with pytest.raises(side_by_side.PeerMissing, match="^no_such_tuner is not"):
    side_by_side.require("json", "no_such_tuner")


def test_budget_of_random_search(task):
  assert len(peer_ray.draw_names(task, "random", 7)) == 2
  assert len(peer_ray.draw_names(task, "random", 1)) == 1
  order = peer_ray.draw_names(task, "asha", 7)
  assert sorted(order) == sorted(NAMES) and order != NAMES


class _Curves:
  """Stands for `Trainings`: the curves are known."""

  def __init__(self):
    self.trained = []

  def train(self, name, stop):
    self.trained.append((name, stop))
    return CURVES[name][:stop]

  def release(self, name):
    pass


@pytest.mark.filterwarnings("ignore")  # KerasTuner's own.
def test_hyperband_on_known_curves(task):
  """Three of four for one epoch, the best of them for three, then another.

  One process; KerasTuner's rule: of 3 epochs, by thirds, a bracket of 3 trials
  of which one goes on, and one of 2 trials that are trained out, for which
  only the fourth candidate is left.
  """
  pytest.importorskip("keras_tuner")
  curves = _Curves()
  peer_hyperband.make_tuner(task, curves).search(verbose=0)
  first = [name for name, stop in curves.trained[:3]]
  assert [stop for _, stop in curves.trained] == [1, 1, 1, 3, 3]
  assert len(set(first)) == 3
  assert curves.trained[3][0] == max(first, key=lambda name: CURVES[name][0])
  assert {curves.trained[4][0], *first} == set(NAMES)
  ends = {name: max(CURVES[name]) for name, stop in curves.trained[3:]}
  best = peer_hyperband.best(peer_hyperband.read_trials(task.run_folder.path))
  assert best == max(ends, key=ends.get)


def test_failed_trial_of_keras_tuner_is_an_error(tmp_path):
  place = tmp_path / peer_hyperband.PROJECT / "trial_0"
  place.mkdir(parents=True)
  trial = {"status": "FAILED", "message": "no memory", "score": None}
  (place / "trial.json").write_text(json.dumps(trial))
  with pytest.raises(RuntimeError, match="no memory"):
    peer_hyperband.read_trials(tmp_path)


@pytest.mark.filterwarnings("ignore")  # Ray's own.
def test_asha_on_known_curves(task):
  """The champion is of the curves; the budget ends the search."""
  for module in compare_search.PEERS["asha"]:
    pytest.importorskip(module)
  from ray import tune

  curves = CURVES

  def trainable(config):
    for accuracy in curves[config["candidate"]]:
      tune.report({"val_accuracy": accuracy})

  path = str(task.write())
  assert peer_ray.tune_all(path, "asha", 100, trainable) in NAMES
