"""The groups of a search that has no result yet, played from its journal."""

from collections.abc import Callable, Sequence

from elite_tf.report.facts import Group, Network
from elite_tf.report.log import Log
from elite_tf.tournament.bracket import Bracket, Rules
from elite_tf.types import Job


def replay(
  groups: Sequence[Sequence[Network]],
  rules: Rules,
  log: Log,
  rejection: Callable[[dict], str | None] = lambda row: None,
) -> tuple[Group, ...]:
  """Returns the groups as far as they have come.

  Decisions are pure functions of outcomes: the tournament is played again, up
  to the jobs whose outcome is not known.

  Args:
    groups: The candidates, group by group, heaviest first.
    rules: How it is played.
    log: The journal.
    rejection: A champion's row -> why the title was taken from it, or None.
  """
  brackets = [
    Bracket(number, members, rules)
    for number, members in enumerate(groups, start=1)
  ]
  rows = [event["champion"] for event in log.champions]
  for bracket in brackets:
    _play(bracket, bracket.start(), log)
    for row in rows:
      reason = rejection(row)
      if bracket.champion == row["name"] and reason:
        _play(bracket, bracket.reject(reason), log)
  return tuple(map(group_of, brackets))


def _play(bracket: Bracket, jobs: Sequence[Job], log: Log) -> None:
  left = list(jobs)
  while left:
    job = left.pop(0)
    outcome = log.outcomes.get((job.candidate.name, job.start, job.stop))
    if outcome is not None:
      left += bracket.record(outcome)


def group_of(bracket: Bracket) -> Group:
  """Returns a bracket's standing."""
  return Group(
    bracket.group,
    tuple(bracket.candidates),
    tuple(bracket.rounds),
    dict(bracket.failures),
    bracket.champion,
    bracket.alive,
  )
