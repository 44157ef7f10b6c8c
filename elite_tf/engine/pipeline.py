"""A search from its plan to its result, step by step."""

import contextlib
import logging

from rich.console import Console

from elite_tf.data.sources import Description
from elite_tf.engine.champions import Champions
from elite_tf.engine.cleanup import Housekeeping, Observers
from elite_tf.engine.open_data import open_data
from elite_tf.engine.progress import Progress
from elite_tf.engine.runners import check_runner
from elite_tf.engine.runners.replay import RecordedRunner
from elite_tf.engine.tensorboard import open_tensorboard
from elite_tf.errors import ConfigError, SearchFailed
from elite_tf.networks.ancestors import read_start
from elite_tf.report import ending
from elite_tf.runs import plan_json
from elite_tf.runs.folder import (
  RunFolder,
  check_run,
  open_run,
)
from elite_tf.runs.journal import (
  Journal,
  epoch_to_event,
  event_to_champion,
)
from elite_tf.runs.plan import Plan
from elite_tf.runs.plan_json import PlanRecord
from elite_tf.runs.results import ChampionResult, GroupResult, Result
from elite_tf.runs.settings import Settings
from elite_tf.system import backend, lock
from elite_tf.system.atomic_files import write_file
from elite_tf.tournament.bracket import Bracket, Rules, play
from elite_tf.types import Epoch

logger = logging.getLogger(__name__)


def run_search(
  settings: Settings,
  plan: Plan,
  description: Description,
  versions: dict[str, str],
  console: Console | None = None,
) -> Result:
  """Runs a search, resumes it, or reads the result if it has ended.

  A search of which a champion could not be converted, or has lost files, is
  resumed, too: the champion is tried again.

  Args:
    settings: Complete, with a run folder.
    plan: Made from the settings.
    description: Of the data set.
    versions: Of the packages, recorded in a new run folder.
    console: Shows a table of the rounds, if it is a terminal; None shows none.
      Lines go to the log.

  Returns:
    What result.json holds.

  Raises:
    ConfigError: The run folder cannot be used.
    SearchFailed: Every candidate of a group failed, or a champion does not
      compute the same on a board. result.json is written before.
    OSError: A file cannot be written.
  """
  folder = check_run(settings, plan.disk_bytes)
  if not folder.config.exists():
    for start in plan.starts.values():
      read_start(start)  # Fails now, not in every worker.
  data = open_data(settings, description, folder)
  result = folder.read_result()
  if result is not None and folder.is_final(result):
    logger.info(f"{folder.path}: this search has ended already")
    return _checked(result, folder)
  with lock.hold(folder.lock):
    # A part of the disk space is used by now.
    open_run(settings, versions, 0, data.fingerprint)
    description = data.description
    record = plan_json.plan_record(plan, description)
    _check_same_plan(record, folder)
    if plan.prices is not None:
      write_file(folder.prices, plan.prices.to_json())
    record.write(folder.plan)
    folder.tidy()
    try:
      result = _play_to_the_end(settings, plan, description, folder, console)
      result.write(folder.result)
    except Exception as error:
      ending.write_or_warn(folder, str(error))
      raise
    finally:
      folder.tidy()  # Killed workers leave files half written.
    ending.write_or_warn(folder)
  return _checked(result, folder)


def _check_same_plan(here: PlanRecord, folder: RunFolder) -> None:
  """Checks that a resumed search has the plan with which it began.

  The settings are the same; what stands in the file of a board, or in another
  version of the package, may not be.

  Raises:
    ConfigError: The plan is another one.
  """
  try:
    there = PlanRecord.read(folder.plan)
  except (ConfigError, FileNotFoundError):  # Written again.
    return
  difference = here.difference(there)
  if difference:
    raise ConfigError(
      f"--run_dir={folder.path} holds a search with another plan: {difference}"
    )


def _play_to_the_end(
  settings: Settings,
  plan: Plan,
  description: Description,
  folder: RunFolder,
  console: Console | None,
) -> Result:
  """Returns the result of a search that begins or is resumed."""
  rules = Rules(settings.round_epochs, settings.epochs, settings.criterion)
  brackets = [
    Bracket(number, group, rules)
    for number, group in enumerate(plan.groups(), start=1)
  ]
  with contextlib.ExitStack() as stack:
    progress = stack.enter_context(Progress(console, plan, brackets, rules))
    journal = stack.enter_context(contextlib.closing(Journal(folder.journal)))
    _log_beginning(plan, description, settings, journal)
    journal.append({"event": "start"})
    writer = stack.enter_context(open_tensorboard(settings, folder, plan))

    def on_epoch(name: str, epoch: Epoch) -> None:
      journal.append(epoch_to_event(name, epoch))
      progress.on_epoch(name, epoch)
      writer.on_epoch(name, epoch)

    workers = stack.enter_context(
      check_runner(settings.runner).open(
        settings, folder, plan, description, progress.on_start, on_epoch
      )
    )
    progress.on_workers(len(workers))
    recorded = RecordedRunner(workers, journal)
    housekeeping = Housekeeping(
      folder, brackets, recorded, journal, settings.keep_checkpoints
    )
    recorded.on_new = housekeeping.catch_up
    observers = Observers(progress, housekeeping, writer)

    champions = Champions(brackets, plan, settings, folder, journal, workers)
    jobs = None  # The first ones are those of the brackets.
    while True:
      play(brackets, recorded, observers, jobs)
      champions.write()
      jobs = champions.replace_misfits()
      if jobs is None:
        break
    housekeeping.catch_up()
    journal.append({"event": "end"})
    return _result(
      brackets,
      champions.found(),
      champions.unverified,
      journal,
      len(workers),
      recorded.first_step_seconds,
    )


def _checked(result: Result, folder: RunFolder) -> Result:
  """Returns a result in which every group has its champion.

  Raises:
    SearchFailed: A group has none, or its champion cannot be deployed.
  """
  faults = []
  failed = [g for g in result.groups if g.champion is None]
  if failed:
    numbers = ", ".join(str(group.group) for group in failed)
    unfit = any(group.rejected for group in failed)
    faults.append(
      f"every candidate failed{' or does not fit' if unfit else ''} in group"
      f" {numbers}; the reasons stand in {folder.result}"
    )
  faults += [
    f"champion {name}: {reason}" for name, reason in result.unverified.items()
  ]
  if result.unverified:
    faults.append(
      f"the trained networks are in {folder.path / 'champions'}; the same"
      " command tries again to convert them, and python -m elite_tf.convert"
      f" --run_dir={folder.path} with other settings"
    )
  if faults:
    raise SearchFailed("; ".join(faults))
  return result


def _log_beginning(
  plan: Plan,
  description: Description,
  settings: Settings,
  journal: Journal,
) -> None:
  if journal.epochs:
    logger.info(f"resumes after {journal.epochs} epochs")
  groups = len(plan.grouping.groups)
  logger.info(
    f"{description.name}: {description.images} images,"
    f" {description.classes} classes; {len(plan.candidates)} candidates in"
    f" {groups} group{'s' if groups > 1 else ''}, {plan.candidate_epochs}"
    " epochs"
  )
  for note in (*description.notes, *plan.notes):
    logger.info(note)
  if not backend.current().converts:
    logger.info(
      "without TensorFlow, .tflite files are not written and verified; to do"
      " so on a machine that has TensorFlow: python -m elite_tf.convert"
      f" --run_dir={settings.run_dir}"
    )


def _result(
  brackets: list[Bracket],
  champions: list[ChampionResult],
  unverified: dict[str, str],
  journal: Journal,
  workers: int,
  first_step_seconds: float,
) -> Result:
  histories = [
    history for bracket in brackets for history in bracket.histories.values()
  ]
  exports = map(event_to_champion, journal.champions)
  return Result(
    groups=tuple(map(GroupResult.of, brackets)),
    champions=tuple(champions),
    unverified=unverified,
    seconds=journal.seconds(),
    training_seconds=journal.seconds(("epoch", "trained")),
    step_seconds=sum(sum(history.seconds) for history in histories),
    first_step_seconds=first_step_seconds,
    convert_seconds=sum(export.seconds for export in exports),
    candidate_epochs=sum(map(len, histories)),
    workers=workers,
  )
