"""The tournament: rounds of training and elimination until one is left.

It does not know Keras or where candidates train: it gets a runner.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from elite_tf.errors import ConfigError
from elite_tf.tournament.criteria import get_criterion, rank, survivors
from elite_tf.tournament.history import History
from elite_tf.tournament.noise_ratio import nu
from elite_tf.types import Candidate, Epoch, Job, Outcome


class Runner(Protocol):
  """Where candidates train."""

  def submit(self, job: Job) -> None:
    """Takes a job; it may start at once or later."""

  def wait(self) -> Outcome:
    """Returns the outcome of one submitted job, in any order."""

  def release(self, name: str) -> None:
    """Frees what is held for a candidate that was eliminated.

    The candidate is submitted again only if it replaces a failed champion.
    """


@dataclasses.dataclass(frozen=True)
class Rules:
  """How a tournament is played.

  Attributes:
    round_epochs: Epochs per round (the paper's e).
    epochs: Epochs of a champion in all.
    criterion: Name in `elite_tf.tournament.criteria.CRITERIA`.
  """

  round_epochs: int = 10
  epochs: int = 350
  criterion: str = "average"


@dataclasses.dataclass(frozen=True)
class Round:
  """One finished round of one group.

  Attributes:
    round: Number, from 1.
    scores: Score by name; None for a candidate that failed.
    eliminated: Names of those eliminated, best first.
    nu: Epoch-to-epoch noise divided by the spread of its candidates (see
      `elite_tf.tournament.noise_ratio`); None for too few epochs or candidates.
  """

  round: int
  scores: dict[str, float | None]
  eliminated: tuple[str, ...]
  nu: float | None = None


class Bracket:
  """The tournament of one group, from its candidates to its champion.

  A state machine that reads and writes no files: outcomes go in, jobs come out.
  The order in which the outcomes of a round arrive makes no difference.

  Attributes:
    group: Number of the group, from 1.
    candidates: Its members by name, heaviest first.
    rounds: The finished rounds.
    failures: Reason by name for the candidates that failed.
    histories: `History` by name.
    champion: Name of the champion; None until it is decided, and if every
      candidate failed.
    done: Whether nothing is left to train.
  """

  def __init__(self, group: int, candidates: Sequence[Candidate], rules: Rules):
    """Makes the bracket of one group.

    Args:
      group: Number of the group, from 1.
      candidates: Its members, heaviest first; at least one.
      rules: How it is played.

    Raises:
      ConfigError: No candidates.
    """
    if not candidates:
      raise ConfigError(f"group {group} has no candidates")
    self.group = group
    self.candidates = {candidate.name: candidate for candidate in candidates}
    self.rounds: list[Round] = []
    self.failures: dict[str, str] = {}
    self.histories = {name: History() for name in self.candidates}
    self.champion: str | None = None
    self.done = False
    self._rules = rules
    self._criterion = get_criterion(rules.criterion)
    self._alive = list(self.candidates)
    self._pending: set[str] = set()

  @property
  def alive(self) -> tuple[str, ...]:
    """Names still in the tournament."""
    return tuple(self._alive)

  @property
  def round(self) -> int:
    """Number of the round being played; 0 while the champion trains on."""
    return len(self.rounds) + 1 if len(self._alive) > 1 else 0

  def score(self, name: str) -> float | None:
    """Returns the candidate's score so far, None before its first epoch.

    For an eliminated candidate: the score of its last round.
    """
    if name in self._alive:
      return self._criterion(self._accuracies()).get(name)
    last = [r.scores[name] for r in self.rounds if name in r.eliminated]
    return last[0] if last else None

  def start(self) -> list[Job]:
    """Returns the first jobs."""
    return self._next_jobs()

  def note(self, name: str, epoch: Epoch) -> None:
    """Takes an epoch of a round that is not finished."""
    if len(self.histories[name]) == epoch.epoch - 1:
      self.histories[name].extend(epoch.epoch - 1, [epoch])

  def record(self, outcome: Outcome) -> list[Job]:
    """Takes an outcome; returns the next jobs if it completes a round."""
    self._pending.remove(outcome.name)
    self.histories[outcome.name].extend(outcome.start, outcome.epochs)
    error = outcome.error or _not_a_number(outcome.epochs)
    if error is not None:
      self.failures[outcome.name] = error
    if self._pending:
      return []
    if len(self._alive) > 1:
      self._end_round()
    elif outcome.name in self.failures:
      self._alive = []
    if not self._alive:
      self._alive = self._runners_up()[:1]
    return self._next_jobs()

  def reject(self, reason: str) -> list[Job]:
    """Rejects the champion and returns the next jobs.

    The last eliminated candidate that has not failed replaces it.

    Args:
      reason: Reason, for the result.
    """
    self.failures[self.champion] = reason
    self.champion, self.done = None, False
    self._alive = self._runners_up()[:1]
    return self._next_jobs()

  def _accuracies(self) -> dict[str, list[float]]:
    """Returns the accuracies of those still in, heaviest first."""
    return {
      name: self.histories[name].val_accuracy.tolist()
      for name in self.candidates
      if name in self._alive
      and name not in self.failures
      and self.histories[name]
    }

  def _end_round(self) -> None:
    order = [name for name in self.candidates if name in self._alive]
    accuracies = self._accuracies()
    scores = {**dict.fromkeys(order), **self._criterion(accuracies)}
    kept = survivors(scores, order)
    eliminated = [name for name in rank(scores, order) if name not in kept]
    self.rounds.append(
      Round(
        len(self.rounds) + 1,
        scores,
        tuple(eliminated),
        nu(list(accuracies.values())),
      )
    )
    self._alive = kept

  def _runners_up(self) -> list[str]:
    # If all that are left have failed, in a round or in the training to the
    # end, the last eliminated candidate that has not failed is the champion.
    return [
      name
      for played in reversed(self.rounds)
      for name in played.eliminated
      if name not in self.failures
    ]

  def _next_jobs(self) -> list[Job]:
    if len(self._alive) > 1:
      stop = (len(self.rounds) + 1) * self._rules.round_epochs
    else:
      stop = self._rules.epochs
    jobs = [
      Job(
        self.candidates[name],
        self.group,
        self.round,
        len(self.histories[name]),
        stop,
      )
      for name in self._alive
      if len(self.histories[name]) < stop
    ]
    self._pending = {job.candidate.name for job in jobs}
    if not jobs:
      self.done = True
      self.champion = self._alive[0] if self._alive else None
    return jobs


def _not_a_number(epochs: Sequence[Epoch]) -> str | None:
  # NaN cannot be compared: its rank would depend on the candidates' order.
  for epoch in epochs:
    if not math.isfinite(epoch.val_accuracy):
      return f"val_accuracy became {epoch.val_accuracy} in epoch {epoch.epoch}"
  return None


class Observer:
  """Is told of the events of a tournament; does nothing by default."""

  def on_outcome(self, bracket: Bracket, outcome: Outcome) -> None:
    """A job ended."""

  def on_round_end(self, bracket: Bracket) -> None:
    """A group's round ended: `bracket.rounds[-1]`."""

  def on_group_end(self, bracket: Bracket) -> None:
    """A group has its champion, or all of its candidates failed."""


def play(
  brackets: Sequence[Bracket],
  runner: Runner,
  observer: Observer,
  jobs: Iterable[Job] | None = None,
) -> None:
  """Plays every group until its champion; no group waits for another.

  Args:
    brackets: One per group; afterwards they hold the result.
    runner: Trains the candidates.
    observer: Is told of the events.
    jobs: The first jobs; None: those of `Bracket.start`.
  """
  home = {name: bracket for bracket in brackets for name in bracket.candidates}
  if jobs is None:
    jobs = [job for bracket in brackets for job in bracket.start()]
  running = 0
  for job in jobs:
    runner.submit(job)
    running += 1
  while running:
    outcome = runner.wait()
    running -= 1
    bracket = home[outcome.name]
    alive, played = bracket.alive, len(bracket.rounds)
    jobs = bracket.record(outcome)
    observer.on_outcome(bracket, outcome)
    if len(bracket.rounds) > played:
      observer.on_round_end(bracket)
    for name in alive:
      if name not in bracket.alive:
        runner.release(name)
    for job in jobs:
      runner.submit(job)
      running += 1
    if bracket.done:
      for name in bracket.alive:
        runner.release(name)
      observer.on_group_end(bracket)
