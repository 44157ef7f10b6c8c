"""What the journal holds is not trained again, and all else is recorded."""

import contextlib

import pytest

from elite_tf.engine.runners.replay import RecordedRunner
from elite_tf.runs.journal import Journal, event_to_outcome, read
from elite_tf.tournament.bracket import Bracket, Observer, Rules, play
from elite_tf.types import Candidate, Epoch, Job, Outcome


class Counting:
  """A runner that notes what it was asked for."""

  def __init__(self, fails=()):
    self.jobs = []
    self.waiting = []
    self.released = []
    self.fails = fails

  def submit(self, job):
    self.jobs.append((job.candidate.name, job.start, job.stop))
    self.waiting.append(job)

  def wait(self):
    job = self.waiting.pop()
    name = job.candidate.name
    if name in self.fails:
      return Outcome(name, job.start, job.stop, (), "out of memory", 0.5)
    epochs = tuple(
      Epoch(number, 1.0, 0.1, 1.0, (job.candidate.d + number) / 1000, 0.1)
      for number in range(job.start + 1, job.stop + 1)
    )
    return Outcome(name, job.start, job.stop, epochs)

  def release(self, name):
    self.released.append(name)


def _candidates(count=8):
  return [Candidate("fake", 1, d, 1, 1.0, 1.0, 32) for d in range(1, count + 1)]


def _play(path, runner):
  """Plays a tournament over a journal; returns its bracket."""
  with contextlib.closing(Journal(path)) as journal:
    bracket = Bracket(1, _candidates(), Rules(2, 10))
    play([bracket], RecordedRunner(runner, journal), Observer())
  return bracket


@pytest.fixture
def path(tmp_path):
  return tmp_path / "journal.jsonl"


def test_answers_are_in_the_journal_before_they_are_given(path):
  (candidate,) = _candidates(1)
  with contextlib.closing(Journal(path)) as journal:
    runner = RecordedRunner(Counting(), journal)
    runner.submit(Job(candidate, 1, 1, 0, 2))
    outcome = runner.wait()
    assert [event_to_outcome(event) for event in read(path)] == [outcome]


def test_finished_search_trains_nothing(path):
  first = _play(path, Counting())
  again = Counting()
  resumed = _play(path, again)
  assert again.jobs == []
  assert resumed.champion == first.champion
  assert resumed.rounds == first.rounds
  assert resumed.histories == first.histories
  # Nor is anything recorded twice.
  assert len(path.read_text().splitlines()) == 8 + 4 + 2 + 1


@pytest.mark.parametrize("fails", [(), ("fake-w1-d8-r32", "fake-w1-d3-r32")])
def test_resumed_after_any_outcome_comes_to_the_same(path, fails):
  """Cut after every line: only what is missing is trained."""
  whole = Counting(fails)
  first = _play(path, whole)
  lines = path.read_text().splitlines(keepends=True)
  assert len(lines) == len(whole.jobs)
  for kept in range(len(lines) + 1):
    path.write_text("".join(lines[:kept]))
    rest = Counting(fails)
    resumed = _play(path, rest)
    assert len(rest.jobs) == len(lines) - kept
    assert set(rest.jobs) <= set(whole.jobs)
    assert resumed.champion == first.champion
    assert resumed.rounds == first.rounds
    assert (
      resumed.failures
      == first.failures
      == dict.fromkeys(fails, "out of memory")
    )


def test_failure_is_not_tried_again(path):
  (candidate,) = _candidates(1)
  job = Job(candidate, 1, 1, 0, 2)
  outcomes = []
  for _ in range(2):
    runner = Counting([candidate.name])
    with contextlib.closing(Journal(path)) as journal:
      recorded = RecordedRunner(runner, journal)
      recorded.submit(job)
      outcomes.append(recorded.wait())
  assert runner.jobs == []
  assert outcomes[0] == outcomes[1] and outcomes[0].error == "out of memory"


def test_other_epochs_are_other_work(path):
  """An outcome answers only the very job that it came of."""
  (candidate,) = _candidates(1)
  with contextlib.closing(Journal(path)) as journal:
    recorded = RecordedRunner(Counting(), journal)
    recorded.submit(Job(candidate, 1, 1, 0, 2))
    recorded.wait()
    counting = Counting()
    recorded = RecordedRunner(counting, journal)
    for start, stop in ((0, 3), (2, 4), (0, 2)):
      recorded.submit(Job(candidate, 1, 1, start, stop))
    assert [job[1:] for job in counting.jobs] == [(0, 3), (2, 4)]


def test_release_reaches_the_runner(path):
  counting = Counting()
  with contextlib.closing(Journal(path)) as journal:
    RecordedRunner(counting, journal).release("a")
  assert counting.released == ["a"]
