"""The groups of a search that has no result yet, played from its journal."""

from collections.abc import Callable, Sequence

from elite_tf.report.facts import Group
from elite_tf.report.log import Log
from elite_tf.runs.plan_json import PlannedCandidate
from elite_tf.runs.results import ChampionResult, GroupResult
from elite_tf.tournament.bracket import Bracket, Rules
from elite_tf.types import Job


def replay(
  groups: Sequence[Sequence[PlannedCandidate]],
  rules: Rules,
  log: Log,
  misfit: Callable[[ChampionResult], str],
) -> tuple[Group, ...]:
  """Returns the groups as far as they have come.

  Decisions are pure functions of outcomes: the tournament is played again, up
  to the jobs whose outcome is not known.

  Args:
    groups: The candidates, group by group, heaviest first.
    rules: How it is played.
    log: The journal.
    misfit: Champion -> why it does not fit; empty if it does.
  """
  brackets = [
    Bracket(number, members, rules)
    for number, members in enumerate(groups, start=1)
  ]
  for bracket in brackets:
    _play(bracket, bracket.start(), log)
    while bracket.champion in log.champions:
      reason = misfit(log.champions[bracket.champion])
      if not reason:
        break
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
  return Group(**vars(GroupResult.of(bracket)), alive=bracket.alive)
