"""Reads a run folder for a page; takes no lock and writes nothing."""

from elite_tf.errors import ConfigError, EliteError
from elite_tf.hardware.boards import Limits
from elite_tf.hardware.memory import Memory
from elite_tf.report.champions import read_champion
from elite_tf.report.facts import Group, Run, State
from elite_tf.report.log import Log, read_log
from elite_tf.report.plans import predict_memory
from elite_tf.report.replay import replay
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.plan_json import PlanRecord
from elite_tf.runs.results import ChampionResult, GroupResult, Result
from elite_tf.runs.settings import Settings, limits_of
from elite_tf.system import lock
from elite_tf.tournament.bracket import Rules
from elite_tf.tournament.criteria import candidate_epochs
from elite_tf.types import Epoch


def read_run(
  folder: RunFolder, at_work: bool | None = None, stopped: str = ""
) -> Run:
  """Returns all contents of a page.

  Args:
    folder: Folder of a search, finished or not.
    at_work: Whether the search is running; None means that the lock of the
      folder tells.
    stopped: Why the search stopped before the end, if it did.

  Raises:
    ConfigError: There is no search, or config.json or result.json is damaged.
    OSError: A file exists and cannot be read.
  """
  config = folder.read_config()
  settings = config.settings
  notes = []
  log = read_log(folder.journal)
  result = folder.read_result()
  plan, memory = None, {}
  try:
    plan = _read_plan(folder, result)
    memory = predict_memory(plan, settings)
  except (ConfigError, OSError) as error:
    notes.append(f"The plan could not be read: {error}")
  planned = plan.candidates if plan else ()
  groups = _groups(result, plan, memory, settings, log)
  return Run(
    path=str(folder.path),
    state=_state(folder, result, at_work),
    stopped="" if result else stopped,
    settings=settings,
    versions=config.versions,
    data=plan and plan.data,
    networks={candidate.name: candidate for candidate in planned},
    memory=memory,
    groups=groups,
    histories=_histories(folder, log, notes),
    champions=tuple(
      read_champion(folder, champion, memory.get(champion.name))
      for champion in _champions(result, log, groups)
    ),
    result=result,
    planned_epochs=_planned_epochs(groups, settings),
    notes=tuple(notes),
  )


def _read_plan(folder: RunFolder, result: Result | None) -> PlanRecord:
  try:
    plan = PlanRecord.read(folder.plan)
  except FileNotFoundError:
    raise ConfigError(f"{folder.plan} is missing") from None
  if plan.data is None:
    raise ConfigError(f"{folder.plan}: data is missing")
  if result is not None and not _agrees(plan, result):
    raise ConfigError(f"{folder.plan} is not the plan of {folder.result}")
  return plan


def _agrees(plan: PlanRecord, result: Result) -> bool:
  """Returns whether a result belongs to a plan."""
  costs = {c.name: (c.params, c.macs) for c in plan.candidates}
  there = [group.candidates for group in result.groups]
  return sorted(map(sorted, there)) == sorted(map(sorted, plan.groups)) and all(
    (champion.params, champion.macs) == costs.get(champion.name)
    for champion in result.champions
  )


def _groups(
  result: Result | None,
  plan: PlanRecord | None,
  memory: dict[str, Memory],
  settings: Settings,
  log: Log,
) -> tuple[Group, ...]:
  if result is not None:
    return tuple(map(_ended, result.groups))
  if plan is None:
    return ()
  known = {candidate.name: candidate for candidate in plan.candidates}
  rules = Rules(settings.round_epochs, settings.epochs, settings.criterion)
  limits = _limits(settings)
  return replay(
    [[known[name] for name in names] for names in plan.groups],
    rules,
    log,
    lambda champion: champion.misfit(memory.get(champion.name), limits),
  )


def _limits(settings: Settings) -> Limits:
  try:
    return limits_of(settings)
  except (EliteError, OSError):  # The file of a board is missing.
    return Limits()


def _ended(group: GroupResult) -> Group:
  alive = (group.champion,) if group.champion else ()
  return Group(**vars(group), alive=alive)


def _champions(
  result: Result | None, log: Log, groups: tuple[Group, ...]
) -> tuple[ChampionResult, ...]:
  if result is not None:
    return result.champions
  return tuple(
    log.champions[group.champion]
    for group in groups
    if group.champion in log.champions
  )


def _histories(
  folder: RunFolder, log: Log, notes: list[str]
) -> dict[str, tuple[Epoch, ...]]:
  """Returns the epochs by name, from the table or journal, whichever has more."""
  tables = {}
  try:
    tables = folder.read_histories()
  except (ConfigError, OSError) as error:
    notes.append(f"The tables of epochs could not be read: {error}")
  names = dict.fromkeys([*log.epochs, *tables])
  return {
    name: max(tables.get(name, ()), log.epochs.get(name, ()), key=len)
    for name in names
  }


def _state(
  folder: RunFolder, result: Result | None, at_work: bool | None
) -> State:
  if result is not None:
    incomplete = result.failed_groups or result.unverified
    return State.FAILED if incomplete else State.FINISHED
  if at_work is None:
    at_work = lock.is_held(folder.lock)
  return State.AT_WORK if at_work else State.STOPPED


def _planned_epochs(
  groups: tuple[Group, ...], settings: Settings
) -> int | None:
  if not groups:
    return None
  return sum(
    candidate_epochs(
      len(group.candidates), settings.round_epochs, settings.epochs
    )
    for group in groups
  )
