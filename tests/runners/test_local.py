"""The local runner's side: what it sends to whom, and what it makes of it.

The workers are real processes that speak the real messages, but train nothing:
what a candidate of a family does is written in `FAKE`.
"""

import os

import pytest

from elite_tf.run_folder import RunFolder
from elite_tf.runners import local
from elite_tf.runners.local import LocalRunner, default_workers
from elite_tf.settings import Settings
from elite_tf.spec import Candidate, Epoch, Job

# An epoch's loss is the number of the process, to know who trained.
FAKE = """
import os, signal, sys, time
from multiprocessing.connection import Connection
from elite_tf.runners import worker
from elite_tf.spec import Epoch, Outcome

with Connection(int(sys.argv[1])) as connection:
  setup = connection.recv()
  path = setup.folder.path
  while True:
    try:
      request = connection.recv()
    except EOFError:
      break
    if isinstance(request, worker.Release):
      (path / f"{request.name}.released").write_text(str(os.getpid()))
      continue
    name, family = request.candidate.name, request.candidate.family
    if family == "says":
      connection.send(worker.Said(f"{name} is damaged"))
    if family == "dies":
      os.kill(os.getpid(), signal.SIGKILL)
    if family == "once" and not (path / "died").exists():
      (path / "died").touch()
      sys.exit(3)
    if family == "full":
      error = OSError(28, "No space left on device", str(path))
      connection.send(worker.Stopped(error))
      continue
    if family == "slow":
      time.sleep(0.5)
    seconds = 100.0 if family == "long" else 0.001
    epochs = []
    for number in range(request.start + 1, request.stop + 1):
      epochs.append(Epoch(number, os.getpid(), 0.5, 1.0, 0.5, seconds))
      connection.send(worker.EpochDone(name, epochs[-1]))
    error = "loss became nan in epoch 1" if family == "fails" else None
    if error:
      epochs = []
    connection.send(
        Outcome(name, request.start, request.stop, tuple(epochs), error, 5.0)
    )
"""


def _job(family, number=1, group=1, start=0, stop=2):
  candidate = Candidate(family, 1, number, 1, 1.0, 1.0, 32)
  return Job(candidate, group, 1, start, stop)


def _who(outcome):
  (pid,) = {int(epoch.loss) for epoch in outcome.epochs}
  return pid


class Heard:
  """What a runner tells."""

  def __init__(self):
    self.started = []
    self.epochs = []
    self.lines = []

  def callbacks(self):
    return (
        lambda request: self.started.append(request.candidate.name),
        lambda name, epoch: self.epochs.append((name, epoch.epoch)),
        self.lines.append,
    )


@pytest.fixture
def heard():
  return Heard()


@pytest.fixture
def make(tmp_path, monkeypatch, heard):
  """Makes runners whose workers are fakes; they are closed afterwards."""
  start = local.processes.start

  def fake(*arguments, **options):
    descriptor = next(a for a in arguments if a.isdigit())
    return start("-c", FAKE, descriptor, **options)

  monkeypatch.setattr(local.processes, "start", fake)
  runners = []

  def make(workers=1):
    runner = LocalRunner(
        Settings(), RunFolder(tmp_path), workers, 1, *heard.callbacks()
    )
    runners.append(runner)
    return runner

  yield make
  for runner in runners:
    runner.close()


def _outcomes(runner, *jobs):
  for job in jobs:
    runner.submit(job)
  found = [runner.wait() for _ in jobs]
  return {outcome.name: outcome for outcome in found}


def test_every_job_is_answered(make, heard):
  jobs = [_job("fine", number, stop=3) for number in range(1, 8)]
  found = _outcomes(make(2), *jobs)
  assert set(found) == {job.candidate.name for job in jobs}
  for job in jobs:
    outcome = found[job.candidate.name]
    assert outcome.error is None
    assert [epoch.epoch for epoch in outcome.epochs] == [1, 2, 3]
    assert all(isinstance(epoch, Epoch) for epoch in outcome.epochs)
    assert outcome.first_step_seconds == 5.0
  # Every epoch was told as it ended, every beginning too.
  assert sorted(heard.epochs) == sorted(
      (name, number) for name in found for number in (1, 2, 3)
  )
  assert sorted(heard.started) == sorted(found)
  assert heard.lines == []


def test_workers_train_at_the_same_time(make):
  jobs = [_job("slow", number) for number in range(1, 5)]
  found = _outcomes(make(2), *jobs)
  assert len({_who(outcome) for outcome in found.values()}) == 2


def test_heavier_groups_come_first(make, heard):
  jobs = [
      _job("fine", 1, group=3),
      _job("fine", 2, group=1),
      _job("fine", 3, group=2),
      _job("fine", 4, group=1),
  ]
  _outcomes(make(1), *jobs)
  names = [_job("fine", number).candidate.name for number in (2, 4, 3, 1)]
  assert heard.started == names


def test_failed_training_is_an_outcome(make):
  (outcome,) = _outcomes(make(), _job("fails")).values()
  assert outcome.error == "loss became nan in epoch 1"
  assert outcome.epochs == ()


def test_what_a_worker_says_is_passed_on(make, heard):
  (name,) = _outcomes(make(), _job("says"))
  assert heard.lines == [f"{name} is damaged"]


def test_disk_that_is_full_ends_the_search(make):
  runner = make()
  runner.submit(_job("full"))
  with pytest.raises(OSError, match="No space left on device") as caught:
    runner.wait()
  assert caught.value.errno == 28


def test_worker_that_dies_is_replaced_and_its_work_tried_again(make, heard):
  found = _outcomes(make(1), _job("once"), _job("fine"))
  assert all(outcome.error is None for outcome in found.values())
  (line,) = heard.lines
  name = _job("once").candidate.name
  assert line.startswith(f"{name}: its worker ended with exit code 3")


def test_work_that_kills_its_worker_twice_has_failed(make, heard):
  found = _outcomes(make(2), _job("dies"), _job("fine", 1), _job("fine", 2))
  dead = found.pop(_job("dies").candidate.name)
  assert dead.error == "its worker died of SIGKILL twice"
  assert dead.epochs == () and (dead.start, dead.stop) == (0, 2)
  # Nobody else has lost anything, and there are workers to go on with.
  assert all(outcome.error is None for outcome in found.values())
  assert len(heard.lines) == 1


def test_survivor_goes_on_where_it_was_traced(make):
  """Its own worker is free, so nobody else takes it."""
  runner = make(2)
  first = _outcomes(runner, _job("slow", 1), _job("slow", 2))
  # In the other order, to tell it from chance.
  later = [_job("slow", number, start=2, stop=4) for number in (2, 1)]
  second = _outcomes(runner, *later)
  for name, outcome in first.items():
    assert _who(second[name]) == _who(outcome)
  assert len({_who(outcome) for outcome in first.values()}) == 2


@pytest.mark.parametrize(("family", "moves"), [("fine", False), ("long", True)])
def test_move_to_another_worker_has_to_pay(make, tmp_path, family, moves):
  """Its worker is busy: five seconds of tracing against what training takes.

  Two epochs of a millisecond wait; two of a hundred seconds do not.
  """
  runner = make(2)
  (first,) = _outcomes(runner, _job(family)).values()
  # The first worker is taken by another candidate, the second one is free.
  later = _outcomes(runner, _job("slow"), _job(family, start=2, stop=4))
  assert _who(later[_job("slow").candidate.name]) == _who(first)
  assert (_who(later[first.name]) != _who(first)) == moves
  # Where it has moved it is at home now; its old worker may forget it.
  last = _outcomes(runner, _job("slow"), _job(family, start=4, stop=6))
  assert _who(last[first.name]) == _who(later[first.name])
  forgotten = tmp_path / f"{first.name}.released"
  assert forgotten.exists() == moves
  if moves:
    assert int(forgotten.read_text()) == _who(first)


def test_release_reaches_the_worker_that_has_it(make, tmp_path):
  runner = make(2)
  found = _outcomes(runner, _job("slow", 1), _job("slow", 2))
  for name in found:
    runner.release(name)
    runner.release(name)  # Once more is no error, nor is a name unknown.
  runner.release("nobody")
  _outcomes(runner, _job("slow", 3), _job("slow", 4))
  for name, outcome in found.items():
    where = int((tmp_path / f"{name}.released").read_text())
    assert where == _who(outcome)


def test_close_ends_the_workers(make):
  runner = make(2)
  found = _outcomes(runner, _job("slow", 1), _job("slow", 2))
  runner.submit(_job("slow", 3))
  with runner:
    pass
  for outcome in found.values():
    with pytest.raises(ProcessLookupError):
      os.kill(_who(outcome), 0)


@pytest.mark.parametrize(
    ("cores", "candidates", "expected"),
    [
        (1, 64, (1, 1)), (2, 64, (2, 1)), (16, 64, (16, 1)), (16, 4, (4, 4)),
        (3, 2, (2, 1)), (8, 1, (1, 8)),
    ],
)  # fmt: skip
def test_default_is_a_worker_a_core(monkeypatch, cores, candidates, expected):
  monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
  assert default_workers(candidates) == expected
