"""A run folder as the facts of a report. Reads, takes no lock, never writes."""

import json

from elite_tf.errors import ConfigError, EliteError
from elite_tf.hardware.boards import Limits
from elite_tf.report.champions import measured, read_champion
from elite_tf.report.facts import Group, Network, Run, State
from elite_tf.report.log import Log, read_log
from elite_tf.report.plans import networks_of, read_plan, settings_of
from elite_tf.report.replay import replay
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings, limits_of
from elite_tf.system import lock
from elite_tf.tournament.bracket import Round, Rules
from elite_tf.tournament.criteria import candidate_epochs
from elite_tf.types import Epoch

# What result.json counts beside groups and champions.
TOTALS = (
    "seconds", "training_seconds", "step_seconds", "first_step_seconds",
    "convert_seconds", "candidate_epochs", "workers",
)  # fmt: skip


def read_run(
  folder: RunFolder, at_work: bool | None = None, stopped: str = ""
) -> Run:
  """Returns all that a page tells of a search.

  Args:
    folder: Of a search, however far it is.
    at_work: Whether it is being worked at; None means as its lock says.
    stopped: Why it stopped before its end, if it did.

  Raises:
    ConfigError: config.json or result.json is missing or damaged.
    OSError: A file is there and cannot be read.
  """
  config = _config(folder)
  settings = settings_of(config["settings"])
  notes = []
  log = read_log(folder.journal)
  result = folder.read_result()
  plan, networks = {}, {}
  try:
    plan = read_plan(folder, settings)
    networks = networks_of(plan, settings)
    if result is not None and not _agrees(plan, result):
      plan, networks = {}, {}
      raise ConfigError("this version plans another search from its settings")
  except (EliteError, OSError, KeyError, TypeError) as error:
    notes.append(f"Costs of the candidates are not known: {error}")
  groups = _groups(result, plan, networks, settings, log)
  rows = _rows(result, log, groups)
  return Run(
    path=str(folder.path),
    state=_state(folder, result, at_work),
    stopped="" if result else stopped,
    settings=config["settings"],
    versions=config.get("versions", {}),
    data=plan.get("data", {}),
    networks=networks,
    groups=groups,
    histories=_histories(folder, log, notes),
    champions=tuple(
      read_champion(folder, row, _memory(networks, row["name"])) for row in rows
    ),
    unverified=(result or {}).get("unverified", {}),
    totals={n: result[n] for n in TOTALS if n in result} if result else {},
    planned_epochs=_planned(groups, settings),
    notes=tuple(notes),
  )


def _config(folder: RunFolder) -> dict:
  try:
    config = json.loads(folder.config.read_text("utf-8"))
    dict(config["settings"])
    return config
  except FileNotFoundError:
    raise ConfigError(f"--run_dir={folder.path} holds no search") from None
  except (ValueError, KeyError, TypeError) as error:
    raise ConfigError(f"{folder.config}: damaged ({error})") from error


def _agrees(plan: dict, result: dict) -> bool:
  """Returns whether a plan is the one that a result came from."""
  costs = {row["name"]: row for row in plan["candidates"]}
  there = [group["candidates"] for group in result["groups"]]
  return sorted(map(sorted, there)) == sorted(
    map(sorted, plan["groups"])
  ) and all(
    (row["params"], row["macs"])
    == (costs[row["name"]]["params"], costs[row["name"]]["macs"])
    for row in result["champions"]
  )


def _groups(
  result: dict | None,
  plan: dict,
  networks: dict[str, Network],
  settings: Settings,
  log: Log,
) -> tuple[Group, ...]:
  if result is not None:
    return tuple(map(_group, result["groups"]))
  members = [[networks[n] for n in names] for names in plan.get("groups", ())]
  rules = Rules(settings.round_epochs, settings.epochs, settings.criterion)
  limits = _limits(settings)

  def rejection(row: dict) -> str | None:
    if limits == Limits() or row["tflite_bytes"] is None:
      return None
    missing = measured(row, _memory(networks, row["name"]), limits)
    return None if missing == (0, 0) else "does not fit, as measured"

  return replay(members, rules, log, rejection)


def _limits(settings: Settings) -> Limits:
  try:
    return limits_of(settings)
  except (EliteError, OSError):  # A board's file that is gone.
    return Limits()


def _group(row: dict) -> Group:
  rounds = tuple(
    Round(
      played["round"],
      played["scores"],
      tuple(played["eliminated"]),
      played.get("nu"),
    )
    for played in row["rounds"]
  )
  champion = row["champion"]
  return Group(
    row["group"],
    tuple(row["candidates"]),
    rounds,
    row["failures"],
    champion,
    (champion,) if champion else (),
  )


def _rows(
  result: dict | None, log: Log, groups: tuple[Group, ...]
) -> list[dict]:
  if result is not None:
    return result["champions"]
  known = {
    event["champion"]["name"]: event["champion"] for event in log.champions
  }
  return [known[g.champion] for g in groups if g.champion in known]


def _memory(networks: dict[str, Network], name: str):
  return networks[name].memory if name in networks else None


def _histories(
  folder: RunFolder, log: Log, notes: list[str]
) -> dict[str, tuple[Epoch, ...]]:
  """Returns the epochs by name: of table and journal whichever has more."""
  tables = {}
  try:
    tables = folder.read_histories()
  except (ConfigError, OSError) as error:
    notes.append(f"Tables of epochs are not used: {error}")
  names = dict.fromkeys([*log.epochs, *tables])
  return {
    name: max(tables.get(name, ()), log.epochs.get(name, ()), key=len)
    for name in names
  }


def _state(
  folder: RunFolder, result: dict | None, at_work: bool | None
) -> State:
  if result is not None:
    missing = [g for g in result["groups"] if g["champion"] is None]
    incomplete = missing or result.get("unverified")
    return State.FAILED if incomplete else State.FINISHED
  if at_work is None:
    at_work = lock.is_held(folder.lock)
  return State.AT_WORK if at_work else State.STOPPED


def _planned(groups: tuple[Group, ...], settings: Settings) -> int | None:
  if not groups:
    return None
  return sum(
    candidate_epochs(
      len(group.candidates), settings.round_epochs, settings.epochs
    )
    for group in groups
  )
