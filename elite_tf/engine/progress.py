"""What the user sees while a search runs."""

import logging
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from elite_tf.engine.runners.messages import Export
from elite_tf.runs.plan import Plan
from elite_tf.system import backend
from elite_tf.system.text import duration
from elite_tf.tournament.bracket import Bracket, Observer, Rules
from elite_tf.tournament.criteria import candidate_epochs, rounds_needed
from elite_tf.types import Epoch, Job, Outcome

logger = logging.getLogger(__name__)


def percent(value: float | None) -> str:
  """Returns an accuracy or score as a percentage."""
  return "failed" if value is None else f"{100 * value:.2f} %"


class Clock:
  """Estimates the time left from the epochs measured so far."""

  def __init__(self, plan: Plan, rules: Rules, workers: int):
    self._macs = {c.name: k.macs for c, k in zip(plan.candidates, plan.costs)}
    self._rules = rules
    self.workers = workers
    self._first: dict[str, float] = {}
    self._latest: dict[str, float] = {}

  def note(self, name: str, epoch: Epoch) -> None:
    """Adds an epoch; the first one of a candidate includes its tracing."""
    if epoch.epoch == 1:
      self._first[name] = epoch.seconds
    else:
      self._latest[name] = epoch.seconds

  def left(self, brackets: Sequence[Bracket]) -> float | None:
    """Returns the seconds left; None while too little was measured."""
    if not self._latest:
      return None
    per_mac = sum(self._latest.values()) / sum(
      self._macs[name] for name in self._latest
    )
    tracing = [
      self._first[name] - seconds
      for name, seconds in self._latest.items()
      if name in self._first
    ]
    tracing = sum(tracing) / max(1, len(tracing))
    totals = []
    for bracket in brackets:
      if bracket.done or not bracket.alive:
        continue
      planned = candidate_epochs(
        len(bracket.candidates), self._rules.round_epochs, self._rules.epochs
      )
      done = sum(len(history) for history in bracket.histories.values())
      alive = [
        self._latest.get(name, per_mac * self._macs[name])
        for name in bracket.alive
      ]
      untraced = sum(not history for history in bracket.histories.values())
      totals.append(
        max(planned - done, 0) * sum(alive) / len(alive) + untraced * tracing
      )
    # The last champions train alone: at most one worker per group has work.
    return sum(totals) / max(1, min(self.workers, len(totals)))


class Progress(Observer):
  """Shows the rounds while they are played.

  Rounds and champions are logged. On a terminal a table below the log shows the
  candidates; elsewhere (a file, a pipe) each candidate has a line per round.
  """

  def __init__(
    self,
    console: Console | None,
    plan: Plan,
    brackets: Sequence[Bracket],
    rules: Rules,
    workers: int = 1,
  ):
    self._brackets = brackets
    self._home = {n: b for b in brackets for n in b.candidates}
    self._rules = rules
    self._clock = Clock(plan, rules, workers)
    self._running: set[str] = set()
    self._started = time.monotonic()
    self._live = None
    if console is not None and console.is_terminal:
      self._live = Live(
        get_renderable=self._table,
        console=console,
        refresh_per_second=2,
        transient=True,
      )

  def __enter__(self):
    if self._live:
      self._live.start()
    return self

  def __exit__(self, *exception):
    if self._live:
      self._live.stop()

  def on_workers(self, workers: int) -> None:
    """The workers have been started."""
    self._clock.workers = workers

  def on_start(self, request: Job | Export) -> None:
    """A worker begins with a request."""
    self._running.add(request.candidate.name)
    if isinstance(request, Export):
      logger.info(
        f"group {request.group}: {request.candidate.name} is being"
        f" {'converted and verified' if backend.converts() else 'written'}"
      )

  def on_epoch(self, name: str, epoch: Epoch) -> None:
    """An epoch of a candidate ended."""
    self._clock.note(name, epoch)
    self._home[name].note(name, epoch)

  def on_outcome(self, bracket: Bracket, outcome: Outcome) -> None:
    """The round of a candidate ended, now or before the search was resumed."""
    for epoch in outcome.epochs:
      self._clock.note(outcome.name, epoch)
    if outcome.error is not None:
      logger.warning(
        f"group {bracket.group}: {outcome.name} failed: {outcome.error}"
      )
    elif outcome.name in self._running and not self._live:
      logger.info(
        f"group {bracket.group}: {outcome.name} at epoch {outcome.stop},"
        f" score {percent(bracket.score(outcome.name))}; {self._left()}"
      )
    self._running.discard(outcome.name)

  def on_round_end(self, bracket: Bracket) -> None:
    """A round of a group ended."""
    played = bracket.rounds[-1]
    kept = ", ".join(
      f"{name} {percent(played.scores[name])}" for name in bracket.alive
    )
    logger.info(
      f"group {bracket.group}: round {played.round} leaves"
      f" {len(bracket.alive)} of {len(played.scores)}: {kept or 'none'}"
    )

  def on_group_end(self, bracket: Bracket) -> None:
    """A group has its champion, or every candidate failed."""
    if bracket.champion is None:
      logger.warning(f"group {bracket.group}: every candidate failed")
      return
    accuracies = bracket.histories[bracket.champion].val_accuracy
    logger.info(
      f"group {bracket.group}: champion {bracket.champion}, validation"
      f" accuracy {percent(accuracies[-1])}"
    )

  def _left(self) -> str:
    left = self._clock.left(self._brackets)
    if left is None:
      return "time left not yet known"
    return f"about {duration(left)} of training left"

  def _table(self) -> Table:
    spent = duration(time.monotonic() - self._started)
    table = Table(title=f"{spent} spent, {self._left()}", title_justify="left")
    for heading in ("group", "round", "candidate", "epoch", "score"):
      table.add_column(heading, no_wrap=True)
    for bracket in self._brackets:
      for row in self._rows(bracket):
        table.add_row(str(bracket.group), *row)
    return table

  def _rows(self, bracket: Bracket) -> list[tuple[str, str, str, str]]:
    """Returns (round, candidate, epoch, score) of those still in the group."""
    if bracket.done:
      name = bracket.champion
      if name is None:
        return [("failed", "", "", "")]
      return [("champion", name, self._epoch(bracket, name), self._score(bracket, name))]  # fmt: skip
    if not any(bracket.histories.values()) and not self._running.intersection(
      bracket.candidates
    ):
      return [("waits", f"{len(bracket.candidates)} candidates", "", "")]
    played = (
      f"{bracket.round}/{rounds_needed(len(bracket.candidates))}"
      if bracket.round
      else "to the end"
    )
    return [
      (
        played,
        f"{'>' if name in self._running else ' '} {name}",
        self._epoch(bracket, name),
        self._score(bracket, name),
      )
      for name in bracket.alive
    ]

  def _epoch(self, bracket: Bracket, name: str) -> str:
    return f"{len(bracket.histories[name])}/{self._rules.epochs}"

  def _score(self, bracket: Bracket, name: str) -> str:
    return percent(bracket.score(name)) if bracket.histories[name] else ""
