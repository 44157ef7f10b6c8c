"""The groups of a search without a result, replayed from its journal."""

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
  """Returns the current state of the groups.

  All decisions depend on outcomes alone, so the tournament is played again up
  to the jobs without a known outcome.

  Args:
    groups: The candidates of each group, heaviest first.
    rules: Rules of the tournament.
    log: The journal.
    misfit: Function that returns why a champion does not fit, or "".
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
  """Returns the state of a bracket."""
  return Group(**vars(GroupResult.of(bracket)), alive=bracket.alive)
