"""What TensorBoard reads is what the journal tells, each thing once."""

import dataclasses
import sys
import types

import pytest

from elite_tf.engine import tensorboard
from elite_tf.errors import ConfigError
from elite_tf.runs import plan as planning
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.journal import Journal, epoch_to_event, outcome_to_event
from elite_tf.runs.presets import resolve
from elite_tf.tournament.bracket import Bracket, Rules
from elite_tf.types import Epoch, Outcome

SETTINGS = resolve({
    "include": "elite-w4-d4-*", "group_size": 4, "round_epochs": 2,
    "epochs": 6, "tensorboard": True,
})  # fmt: skip


@pytest.fixture(autouse=True)
def reader(monkeypatch):
  """TensorBoard reads by itself, without TensorFlow."""
  pytest.importorskip("tensorboard", reason="elite-tf[tensorboard]")
  name = "tensorboard.compat.notf"
  monkeypatch.setitem(sys.modules, name, types.ModuleType(name))


@pytest.fixture
def plan():
  return planning.make_plan(SETTINGS, 10, 1, 16)


def _epochs(name, start, stop):
  seed = int(name.rpartition("r")[2])
  return tuple(
    Epoch(n, 2.0 / n, 0.5, 1.0 / n, 1 - 1 / (n + seed), 0.1)
    for n in range(start + 1, stop + 1)
  )


def _play(folder, plan, outcomes=100):
  """Plays a search, or goes on with it, as the pipeline does."""
  (group,) = plan.groups()
  bracket = Bracket(1, group, Rules(2, 6))
  journal = Journal(folder.journal)
  journal.append({"event": "start"})
  with tensorboard.open_tensorboard(SETTINGS, folder, plan) as writer:
    jobs = bracket.start()
    while jobs and outcomes:
      job, outcomes = jobs.pop(0), outcomes - 1
      name, played = job.candidate.name, len(bracket.rounds)
      epochs = _epochs(name, job.start, job.stop)
      if not journal.knows(name, job.start, job.stop):
        for epoch in epochs:
          journal.append(epoch_to_event(name, epoch))
          writer.on_epoch(name, epoch)
        journal.append(
          outcome_to_event(Outcome(name, job.start, job.stop, epochs))
        )
      outcome = journal.outcome(name, job.start, job.stop)
      jobs += bracket.record(outcome)
      writer.on_outcome(bracket, outcome)
      if len(bracket.rounds) > played:
        writer.on_round_end(bracket)
    if bracket.done:
      writer.on_group_end(bracket)
  journal.close()
  return bracket


def _read(folder):
  """Returns run -> tag -> [(step, value)], and run -> hparams."""
  from tensorboard.backend.event_processing import event_multiplexer
  from tensorboard.plugins.hparams import metadata
  from tensorboard.util import tensor_util

  multiplexer = event_multiplexer.EventMultiplexer()
  multiplexer.AddRunsFromDirectory(str(folder.path))
  multiplexer.Reload()
  scalars, hparams = {}, {}
  for run, tags in multiplexer.Runs().items():
    events = multiplexer.GetAccumulator(run)
    scalars[run] = {
      tag: [
        (e.step, tensor_util.make_ndarray(e.tensor_proto).item())
        for e in events.Tensors(tag)
      ]
      for tag in tags["tensors"]
      if not tag.startswith("_")
    }
    if metadata.SESSION_START_INFO_TAG in tags["tensors"]:
      data = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG)
      info = metadata.parse_session_start_info_plugin_data(
        data.plugin_data.content
      )
      hparams[run] = {
        key: value.number_value for key, value in info.hparams.items()
      }
  return scalars, hparams


def _expected(bracket):
  """What ought to be read, from what was trained and the rounds played."""
  found = {"tensorboard": {}}
  for name, history in bracket.histories.items():
    epochs = _epochs(name, 0, len(history))
    tags = {
      tag: [(e.epoch, pytest.approx(getattr(e, tag), rel=1e-6)) for e in epochs]
      for tag in ("loss", "accuracy", "val_loss", "val_accuracy")
    }
    tags["score"] = [
      (2 * r.round, pytest.approx(r.scores[name], rel=1e-6))
      for r in bracket.rounds
      if name in r.scores
    ]
    found[f"tensorboard/{name}"] = tags
  return found


def test_it_shows_every_epoch_and_every_score(tmp_path, plan):
  folder = RunFolder(tmp_path)
  bracket = _play(folder, plan)
  scalars, hparams = _read(folder)
  assert scalars == _expected(bracket)
  for candidate in plan.candidates:
    shown = hparams[f"tensorboard/{candidate.name}"]
    given = dataclasses.asdict(candidate)
    for name in ("w", "d", "r", "width", "depth", "resolution"):
      assert shown[name] == given[name]
    assert shown["params"] == plan.cost(candidate.name).params
    assert shown["group"] == 1


@pytest.mark.parametrize("outcomes", [0, 1, 3, 4, 6])
def test_nothing_stands_there_twice_after_a_resume(tmp_path, plan, outcomes):
  folder = RunFolder(tmp_path)
  _play(folder, plan, outcomes)
  bracket = _play(folder, plan)
  assert _read(folder)[0] == _expected(bracket)


def test_it_needs_no_tensorflow(tmp_path, plan):
  loaded = "tensorflow" in sys.modules
  _play(RunFolder(tmp_path), plan)
  assert ("tensorflow" in sys.modules) == loaded


def test_nothing_is_written_unless_asked_for(tmp_path, plan):
  silent = dataclasses.replace(SETTINGS, tensorboard=False)
  with tensorboard.open_tensorboard(
    silent, RunFolder(tmp_path), plan
  ) as writer:
    writer.on_epoch("a", _epochs("r1", 0, 1)[0])
  assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(monkeypatch):
  monkeypatch.setattr(
    tensorboard.importlib.util, "find_spec", lambda name: None
  )
  with pytest.raises(ConfigError, match=r"elite-tf\[tensorboard\]"):
    tensorboard.check_tensorboard(SETTINGS)
