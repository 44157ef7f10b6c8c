"""A runner that remembers: what the journal holds is not trained again."""

from collections import deque

from elite_tf.journal import Journal, event_to_outcome, outcome_to_event
from elite_tf.spec import Job, Outcome
from elite_tf.tournament import Runner


class RecordedRunner:
  """Answers from the journal what it can, and records every other answer.

  A search is resumed by playing its tournament again: decisions are pure
  functions of the outcomes, so it comes to where it was interrupted.
  """

  def __init__(self, runner: Runner, journal: Journal):
    self._runner = runner
    self._journal = journal
    outcomes = [event_to_outcome(e) for e in journal.of_kind("trained")]
    self._known = {(o.name, o.start, o.stop): o for o in outcomes}
    self._answers: deque[Outcome] = deque()

  def submit(self, job: Job) -> None:
    """Takes a job."""
    known = self._known.get((job.candidate.name, job.start, job.stop))
    if known is not None:
      self._answers.append(known)
    else:
      self._runner.submit(job)

  def wait(self) -> Outcome:
    """Returns the outcome of one submitted job, durable in the journal."""
    if self._answers:
      return self._answers.popleft()
    outcome = self._runner.wait()
    self._journal.append(outcome_to_event(outcome))
    return outcome

  def release(self, name: str) -> None:
    """Forgets a candidate that will not be trained again."""
    self._runner.release(name)
