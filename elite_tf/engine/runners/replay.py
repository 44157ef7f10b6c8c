"""Resuming: what the journal holds is not trained again."""

from collections import deque
from collections.abc import Callable

from elite_tf.runs.journal import Journal, outcome_to_event
from elite_tf.tournament.bracket import Runner
from elite_tf.types import Job, Outcome


class RecordedRunner:
  """Answers jobs from the journal if it can, and records all other answers.

  A search is resumed by playing its tournament again. Decisions are pure
  functions of the outcomes, so the replay ends where the search was
  interrupted.

  Attributes:
    fresh: Whether the last answer was new, not out of the journal.
    first_step_seconds: Sum over all answers, old and new.
    on_new: Called before a new answer is waited for: the journal's answers to
      the jobs so far have been played.
  """

  def __init__(self, runner: Runner, journal: Journal):
    """Wraps a runner.

    Args:
      runner: Answers the jobs that are not in the journal.
      journal: Of the search.
    """
    self.on_new: Callable[[], None] = lambda: None
    self.fresh = False
    self.first_step_seconds = 0.0
    self._runner = runner
    self._journal = journal
    self._known: deque[Job] = deque()

  def submit(self, job: Job) -> None:
    """Takes a job."""
    if self._journal.knows(job.candidate.name, job.start, job.stop):
      self._known.append(job)
    else:
      self._runner.submit(job)

  def wait(self) -> Outcome:
    """Returns the outcome of one submitted job; the journal holds it by then."""
    self.fresh = not self._known
    if self.fresh:
      self.on_new()
      outcome = self._runner.wait()
      self._journal.append(outcome_to_event(outcome))
    else:
      job = self._known.popleft()
      outcome = self._journal.outcome(job.candidate.name, job.start, job.stop)
    self.first_step_seconds += outcome.first_step_seconds
    return outcome

  def release(self, name: str) -> None:
    """Forgets a candidate that will not be trained again."""
    self._runner.release(name)
