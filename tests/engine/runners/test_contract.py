"""What every runner does, wherever it trains.

To add one: a fixture `NAME_runner` that makes it with fake workers (as in
conftest.py).
"""

import pytest

from elite_tf.engine.runners import RUNNERS
from elite_tf.tournament.bracket import Bracket, Observer, Rules, play
from elite_tf.types import Candidate, Epoch


@pytest.fixture(params=sorted(RUNNERS))
def make(request):
  """Makes runners of one kind: make(workers)."""
  return request.getfixturevalue(f"{request.param}_runner")


def _outcomes(runner, *jobs):
  for job in jobs:
    runner.submit(job)
  found = [runner.wait() for _ in jobs]
  return {outcome.name: outcome for outcome in found}


def test_every_job_is_answered_once(make, job, heard):
  jobs = [job("fine", number, stop=3) for number in range(1, 8)]
  found = _outcomes(make(2), *jobs)
  assert set(found) == {job.candidate.name for job in jobs}
  for asked in jobs:
    outcome = found[asked.candidate.name]
    assert outcome.error is None
    assert (outcome.start, outcome.stop) == (0, 3)
    assert [epoch.epoch for epoch in outcome.epochs] == [1, 2, 3]
    assert all(isinstance(epoch, Epoch) for epoch in outcome.epochs)
    assert outcome.first_step_seconds == 5.0
  # Every epoch was told as it ended, every beginning too.
  assert sorted(heard.epochs) == sorted(
    (name, number) for name in found for number in (1, 2, 3)
  )
  assert sorted(heard.started) == sorted(found)
  assert heard.lines == []


def test_a_candidate_goes_on_where_it_was(make, job):
  runner = make(2)
  _outcomes(runner, job("fine", stop=2))
  (outcome,) = _outcomes(runner, job("fine", start=2, stop=5)).values()
  assert [epoch.epoch for epoch in outcome.epochs] == [3, 4, 5]


def test_a_candidate_that_is_out_may_come_back(make, job):
  runner = make(1)
  (name,) = _outcomes(runner, job("fine"))
  runner.release(name)
  runner.release(name)  # Once more is no error, nor is a name unknown.
  runner.release("nobody")
  (outcome,) = _outcomes(runner, job("fine", start=2, stop=3)).values()
  assert [epoch.epoch for epoch in outcome.epochs] == [3]


def test_failed_training_is_an_outcome(make, job):
  (outcome,) = _outcomes(make(1), job("fails")).values()
  assert outcome.error == "loss became nan in epoch 1"
  assert outcome.epochs == ()


def test_what_a_worker_says_is_passed_on(make, job, heard):
  (name,) = _outcomes(make(1), job("says"))
  assert heard.lines == [f"{name} is damaged"]


def test_disk_that_is_full_ends_the_search(make, job):
  runner = make(1)
  runner.submit(job("full"))
  with pytest.raises(OSError, match="No space left on device") as caught:
    runner.wait()
  assert caught.value.errno == 28


def test_worker_that_dies_is_replaced_and_its_work_tried_again(
  make, job, heard
):
  found = _outcomes(make(1), job("once"), job("fine"))
  assert all(outcome.error is None for outcome in found.values())
  (line,) = heard.lines
  assert line.startswith(f"{job('once').candidate.name}: ")
  assert "trying once more" in line


def test_work_that_kills_its_worker_twice_has_failed(make, job, heard):
  found = _outcomes(make(2), job("dies"), job("fine", 1), job("fine", 2))
  dead = found.pop(job("dies").candidate.name)
  assert "twice" in dead.error and "\n" not in dead.error
  assert dead.epochs == () and (dead.start, dead.stop) == (0, 2)
  # Nobody else has lost anything, and there are workers to go on with.
  assert all(outcome.error is None for outcome in found.values())
  assert len(heard.lines) == 1


def test_epochs_told_before_its_worker_died_are_kept(make, job, heard):
  """One epoch is told, then it dies; so it does when it is tried again."""
  (outcome,) = _outcomes(make(1), job("falls")).values()
  assert "twice" in outcome.error
  assert {epoch.epoch for epoch in outcome.epochs} == {1}


@pytest.mark.parametrize("family", ["hungry", "hangs"])
def test_worker_without_memory_or_progress_is_replaced(
  make, job, heard, family
):
  # Memory takes a while to fill on a busy machine: only a hang is timed.
  timeout = {"hungry": 60, "hangs": 2}[family]
  runner = make(1, settings={"epoch_timeout": timeout})
  found = _outcomes(runner, job(family), job("fine"))
  reason = {
    "hungry": "ran out of memory (True MemoryError)",
    "hangs": "ended no epoch for 2 s (--epoch_timeout)",
  }[family]
  lost = found[job(family).candidate.name]
  assert lost.error == f"its worker {reason} twice"
  assert heard.lines == [f"{lost.name}: its worker {reason}; trying once more"]
  assert found[job("fine").candidate.name].error is None


def test_nothing_to_wait_for_is_an_error(make):
  with pytest.raises(RuntimeError, match="submitted"):
    make(1).wait()


class Shuffled:
  """A runner's answers, held back and given in another order."""

  def __init__(self, runner, places):
    self._runner = runner
    self._places = places
    self._asked = 0
    self._answers = []
    self.release = runner.release

  def submit(self, job):
    """Passes the job on."""
    self._asked += 1
    self._runner.submit(job)

  def wait(self):
    """Returns one of all the answers that can be had."""
    while self._asked:
      self._answers.append(self._runner.wait())
      self._asked -= 1
    self._answers.sort(key=lambda outcome: outcome.name)
    return self._answers.pop(next(self._places) % len(self._answers))


@pytest.mark.parametrize("step", [0, 1, 3])
def test_shuffled_completion_gives_the_same_survivors(make, accuracy, step):
  """Two groups of five, in whatever order their epochs end."""
  brackets = [
    Bracket(
      group,
      [Candidate("mixed", group, d, 1, 1.0, 1.0, 32) for d in range(1, 6)],
      Rules(round_epochs=2, epochs=7),
    )
    for group in (1, 2)
  ]
  places = iter(range(0, 1000 * step, step) if step else [0] * 1000)
  play(brackets, Shuffled(make(2), places), Observer())
  for bracket in brackets:
    # By hand: mean of the first 2, 4 and 6 epochs; the curves are parallel.
    order = sorted(
      bracket.candidates, key=lambda n: accuracy(bracket.candidates[n], 1)
    )[::-1]
    assert [played.eliminated for played in bracket.rounds] == [
        tuple(order[3:]), (order[2],), (order[1],)
    ]  # fmt: skip
    assert bracket.champion == order[0]
    assert [len(bracket.histories[name]) for name in order] == [7, 6, 4, 2, 2]
