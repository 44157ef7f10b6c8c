"""Histories and checkpoints: what was cut off is done when it is resumed."""

import contextlib

import pytest

from elite_tf.engine.cleanup import Housekeeping, Observers
from elite_tf.engine.runners.replay import RecordedRunner
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.journal import Journal
from elite_tf.system.atomic_files import previous
from elite_tf.tournament.bracket import Bracket, Observer, Rules, play
from elite_tf.types import Candidate, Epoch, Outcome


class Killed(Exception):
  """The search is killed here."""


class Runner:
  """Answers last come, first served; leaves checkpoints."""

  def __init__(self, folder):
    self.folder, self.waiting, self.release = folder, [], lambda name: None

  def submit(self, job):
    self.waiting.append(job)

  def wait(self):
    job = self.waiting.pop()
    path = self.folder.checkpoint(job.candidate.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    for place in (path, previous(path)):
      place.touch()
    epochs = [
      Epoch(number, 1.0, 0.5, 1.0, job.candidate.d / 10, 0.1)
      for number in range(job.start + 1, job.stop + 1)
    ]
    return Outcome(job.candidate.name, job.start, job.stop, tuple(epochs))


class KillAt(Observer):
  """Kills after so many new outcomes, before anything is made of the last."""

  def __init__(self, left):
    self.left = left

  def on_outcome(self, bracket, outcome):
    self.left -= 1
    if self.left < 0:
      raise Killed


def _play(folder, new=1000, **options):
  brackets = [
    Bracket(
      group,
      [Candidate("f", group, d, 1, 1.0, 1.0, 32) for d in range(1, 5)],
      Rules(1, 5),
    )
    for group in (1, 2)
  ]
  folder.path.mkdir(exist_ok=True)
  with contextlib.closing(Journal(folder.journal)) as journal:
    recorded = RecordedRunner(Runner(folder), journal)
    keeper = Housekeeping(folder, brackets, recorded, journal, **options)
    recorded.on_new = keeper.catch_up
    killer = KillAt(new + len(folder.journal.read_text().splitlines()))
    with contextlib.suppress(Killed):
      play(brackets, recorded, Observers(killer, keeper))
      keeper.catch_up()
  return {
    str(path.relative_to(folder.path)): path.read_text()
    for path in folder.path.glob("candidates/*/*")
  }


@pytest.fixture
def undisturbed(tmp_path):
  return _play(RunFolder(tmp_path / "undisturbed"))


def test_eliminated_ones_have_histories_and_no_checkpoints(undisturbed):
  assert {name.split("/", 1)[1] for name in undisturbed} == {
    *(f"f-w{w}-d{d}-r32/history.csv" for w in (1, 2) for d in range(1, 5)),
    *(f"f-w{w}-d4-r32/checkpoint.npz" for w in (1, 2)),
    *(f"f-w{w}-d4-r32/checkpoint.previous.npz" for w in (1, 2)),
  }


@pytest.mark.parametrize("new", range(14))
def test_killed_at_any_outcome(undisturbed, tmp_path, new):
  folder = RunFolder(tmp_path / "run")
  _play(folder, new)
  assert len(folder.journal.read_text().splitlines()) == new + 1
  assert _play(folder) == undisturbed


def test_killed_at_every_outcome(undisturbed, tmp_path):
  folder = RunFolder(tmp_path / "run")
  for _ in range(14):
    found = _play(folder, 0)
  assert found != undisturbed
  assert _play(folder) == undisturbed


def test_checkpoints_are_kept(tmp_path):
  found = _play(RunFolder(tmp_path / "run"), keep_checkpoints=True)
  assert sum(name.endswith(".npz") for name in found) == 16
