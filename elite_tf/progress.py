"""What a person sees while a search runs."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table

from elite_tf.elimination import candidate_epochs, rounds_needed
from elite_tf.planning import Plan
from elite_tf.spec import Epoch, Job, Outcome
from elite_tf.tournament import Bracket, Observer, Rules


def duration(seconds: float) -> str:
  """Returns seconds as a person reads them: 42 s, 7 min, 3.5 h, 4.2 d."""
  for unit, size, limit in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
    if seconds < limit * size:
      value = seconds / size
      return f"{value:.1f} {unit}" if unit == "h" else f"{value:.0f} {unit}"
  return f"{seconds / 86400:.1f} d"


def percent(value: float | None) -> str:
  """Returns an accuracy or score as a percentage."""
  return "failed" if value is None else f"{100 * value:.2f} %"


class Clock:
  """Estimates the time left from the epochs measured so far."""

  def __init__(self, plan: Plan, rules: Rules):
    self._macs = {c.name: k.macs for c, k in zip(plan.candidates, plan.costs)}
    self._rules = rules
    self._measured: dict[str, list[float]] = {}

  def note(self, name: str, epoch: Epoch) -> None:
    """Takes in an epoch; a candidate's first one holds its tracing."""
    if epoch.epoch > 1 or name not in self._measured:
      self._measured.setdefault(name, []).append(epoch.seconds)

  def left(self, brackets: Sequence[Bracket]) -> float | None:
    """Returns the seconds left, None before anything was measured."""
    if not self._measured:
      return None
    latest = {name: times[-1] for name, times in self._measured.items()}
    per_mac = sum(latest.values()) / sum(self._macs[name] for name in latest)
    total = 0.0
    for bracket in brackets:
      if bracket.done:
        continue
      planned = candidate_epochs(
          len(bracket.candidates), self._rules.round_epochs, self._rules.epochs
      )
      done = sum(len(history) for history in bracket.histories.values())
      alive = [
          latest.get(name, per_mac * self._macs[name])
          for name in bracket.alive
      ]
      if alive:
        total += max(planned - done, 0) * sum(alive) / len(alive)
    return total


class Progress(Observer):
  """Shows the rounds as they are played.

  In a terminal a table that is drawn anew; elsewhere (a file, a pipe, a log)
  one plain line for every candidate and round.
  """

  def __init__(
      self,
      console: Console,
      plan: Plan,
      brackets: Sequence[Bracket],
      rules: Rules,
  ):
    self._console = console
    self._brackets = brackets
    self._home = {n: b for b in brackets for n in b.candidates}
    self._rules = rules
    self._clock = Clock(plan, rules)
    self._job: Job | None = None
    self._started = time.monotonic()
    self._live = Live(
        get_renderable=self._table,
        console=console,
        refresh_per_second=2,
        transient=True,
    )

  def __enter__(self):
    if self._console.is_terminal:
      self._live.start()
    return self

  def __exit__(self, *exception):
    if self._console.is_terminal:
      self._live.stop()

  def on_start(self, job: Job) -> None:
    """A candidate begins to train."""
    self._job = job
    if not self._console.is_terminal:
      self.say(
          f"{self._where(job)}: {job.candidate.name} trains, epochs"
          f" {job.start + 1} to {job.stop}"
      )

  def on_epoch(self, name: str, epoch: Epoch) -> None:
    """A candidate's epoch ended."""
    self._clock.note(name, epoch)
    self._home[name].note(name, epoch)

  def on_outcome(self, bracket: Bracket, outcome: Outcome) -> None:
    """A candidate's round ended."""
    for epoch in outcome.epochs:
      self._clock.note(outcome.name, epoch)
    self._job = None
    if outcome.error is not None:
      self.say(f"group {bracket.group}: {outcome.name} failed: {outcome.error}")
    elif not self._console.is_terminal:
      self.say(
          f"group {bracket.group}: {outcome.name} at epoch {outcome.stop},"
          f" score {percent(bracket.score(outcome.name))}, {self._left()}"
      )

  def on_round_end(self, bracket: Bracket) -> None:
    """A group's round ended."""
    played = bracket.rounds[-1]
    kept = ", ".join(
        f"{name} {percent(played.scores[name])}" for name in bracket.alive
    )
    self.say(
        f"group {bracket.group} round {played.round}: {kept or 'nobody'} of"
        f" {len(played.scores)} goes on"
    )

  def on_group_end(self, bracket: Bracket) -> None:
    """A group has its champion."""
    if bracket.champion is None:
      self.say(f"group {bracket.group}: every candidate failed")
      return
    last = bracket.histories[bracket.champion][-1]
    self.say(
        f"group {bracket.group}: champion {bracket.champion}, validation"
        f" accuracy {percent(last.val_accuracy)}"
    )

  def say(self, line: str) -> None:
    """Prints a line above whatever is shown."""
    spent = duration(time.monotonic() - self._started)
    self._console.print(
        f"[{spent:>7}] {line}", markup=False, highlight=False, soft_wrap=True
    )

  def _where(self, job: Job) -> str:
    size = len(self._home[job.candidate.name].candidates)
    played = (
        f"round {job.round} of {rounds_needed(size)}"
        if job.round
        else "to the end"
    )
    return f"group {job.group} of {len(self._brackets)}, {played}"

  def _left(self) -> str:
    left = self._clock.left(self._brackets)
    return "" if left is None else f"about {duration(left)} left"

  def _table(self) -> Table:
    spent = duration(time.monotonic() - self._started)
    table = Table(
        title=f"{spent} spent, {self._left() or 'time left not yet known'}",
        title_justify="left",
    )
    for heading in ("group", "round", "candidate", "epoch", "score"):
      table.add_column(heading, justify="left", no_wrap=True)
    for bracket in self._brackets:
      self._add_rows(table, bracket)
    return table

  def _add_rows(self, table: Table, bracket: Bracket) -> None:
    job = self._job
    active = job is not None and job.group == bracket.group
    started = any(bracket.histories.values())
    if bracket.done or not (active or started):
      state = "waits" if not bracket.done else "champion"
      name = bracket.champion or f"{len(bracket.candidates)} candidates"
      table.add_row(
          str(bracket.group),
          state,
          name,
          str(self._epochs(name)),
          percent(bracket.score(name)) if bracket.done else "",
      )
      return
    needed = rounds_needed(len(bracket.candidates))
    played = f"{bracket.round}/{needed}" if bracket.round else "to the end"
    for name in bracket.alive:
      training = active and job.candidate.name == name
      score = bracket.score(name)
      table.add_row(
          str(bracket.group),
          played,
          f"[bold]{name}[/bold]" if training else name,
          f"{self._epochs(name)}/{self._rules.epochs}",
          percent(score) if bracket.histories[name] else "",
      )

  def _epochs(self, name: str) -> str:
    bracket = self._home.get(name)
    return str(len(bracket.histories[name])) if bracket else ""
