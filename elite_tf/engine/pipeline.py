"""A search from its plan to its result, step by step."""

import contextlib
import dataclasses
import logging
import shutil

from rich.console import Console

from elite_tf.data import sources
from elite_tf.data.sources import Description
from elite_tf.engine.cleanup import Housekeeping, Observers
from elite_tf.engine.progress import Progress
from elite_tf.engine.runners import check_runner
from elite_tf.engine.runners.messages import Export
from elite_tf.engine.runners.replay import RecordedRunner
from elite_tf.engine.runners.scheduling import Workers
from elite_tf.engine.tensorboard import open_tensorboard
from elite_tf.errors import SearchFailed
from elite_tf.networks.ancestors import read_start
from elite_tf.report import ending
from elite_tf.runs import plan_json
from elite_tf.runs.folder import (
  RunFolder,
  check_run,
  no_cache_on_error,
  open_run,
  store_of,
)
from elite_tf.runs.journal import (
  Journal,
  champion_to_event,
  epoch_to_event,
  event_to_champion,
)
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.plan import Plan
from elite_tf.runs.results import (
  ChampionEvent,
  ChampionResult,
  GroupResult,
  Result,
  figures_of,
)
from elite_tf.runs.settings import Settings, limits_of
from elite_tf.system import backend, lock
from elite_tf.system.atomic_files import write_file
from elite_tf.tournament.bracket import Bracket, Rules, play
from elite_tf.types import Epoch, Job

logger = logging.getLogger(__name__)


def run_search(
  settings: Settings,
  plan: Plan,
  description: Description,
  versions: dict[str, str],
  console: Console | None = None,
) -> Result:
  """Runs a search, resumes it, or reads the result if it has ended.

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
    description = _load_once(settings, folder)
  result = folder.read_result()
  if result is not None:
    logger.info(f"{folder.path}: this search has ended already")
    return _checked(result, folder)
  with lock.hold(folder.lock):
    open_run(settings, versions, 0)  # A part of the disk space is used by now.
    if plan.prices is not None:
      write_file(folder.prices, plan.prices.to_json())
    plan_json.plan_record(plan, description).write(folder.plan)
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


def _load_once(settings: Settings, folder: RunFolder) -> Description:
  """Loads the data, to find what is wrong with them before the search begins.

  Returns:
    Their description, complete with notes.
  """
  with no_cache_on_error(folder):
    data = sources.load(settings.data, settings.seed, store_of(settings))
  return dataclasses.replace(data.description, notes=data.notes)


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

    jobs = None  # The first ones are those of the brackets.
    while True:
      play(brackets, recorded, observers, jobs)
      champions, unverified = _write_champions(
        brackets, plan, settings, folder, journal, workers
      )
      jobs = _replace_misfits(champions, brackets, plan, settings, folder)
      if jobs is None:
        break
    housekeeping.catch_up()
    journal.append({"event": "end"})
    return _result(
      brackets,
      champions,
      unverified,
      journal,
      len(workers),
      recorded.first_step_seconds,
    )


def _checked(result: Result, folder: RunFolder) -> Result:
  """Returns a result in which every group has its champion.

  Raises:
    SearchFailed: A group has none, or its champion cannot be deployed.
  """
  failed = ", ".join(map(str, result.failed_groups))
  if failed:
    raise SearchFailed(
      f"every candidate failed in group {failed}; the reasons stand in"
      f" {folder.result}"
    )
  for name, reason in result.unverified.items():
    raise SearchFailed(f"champion {name}: {reason}")
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
  logger.info(f"augmentation of the training images: {settings.augment}")
  if not backend.current().converts:
    logger.info(
      "without TensorFlow, .tflite files are not written and verified; to do"
      " so on a machine that has TensorFlow: python -m elite_tf.convert"
      f" --run_dir={settings.run_dir}"
    )


def _write_champions(
  brackets: list[Bracket],
  plan: Plan,
  settings: Settings,
  folder: RunFolder,
  journal: Journal,
  workers: Workers,
) -> tuple[list[ChampionResult], dict[str, str]]:
  """Returns the champions, and by name why others cannot be deployed."""
  exports = map(event_to_champion, journal.champions)
  known = {export.champion.name: export.champion for export in exports}
  champions = {bracket.champion: bracket for bracket in brackets}
  champions.pop(None, None)
  missing = [name for name in champions if name not in known]
  for name in missing:
    bracket = champions[name]
    workers.submit(Export(bracket.candidates[name], bracket.group))
  unverified = {}
  for _ in missing:
    exported = workers.wait()
    if exported.error is not None:
      unverified[exported.name] = exported.error
      continue
    champion = _champion(
      champions[exported.name], plan, exported.metrics, folder
    )
    known[exported.name] = champion
    event = ChampionEvent(champion, exported.metrics.seconds)
    journal.append(champion_to_event(event))
  return [known[name] for name in champions if name in known], unverified


def _replace_misfits(
  champions: list[ChampionResult],
  brackets: list[Bracket],
  plan: Plan,
  settings: Settings,
  folder: RunFolder,
) -> list[Job] | None:
  """Rejects champions that, as measured, do not fit.

  Returns:
    The jobs by which others take their place; None if all champions fit.
  """
  limits = limits_of(settings)
  home = {bracket.champion: bracket for bracket in brackets}
  jobs, all_fit = [], True
  for champion in champions:
    needs = plan.needs[plan.position(champion.name)]
    misfit = champion.misfit(needs and needs.memory, limits)
    if misfit:
      all_fit = False
      shutil.rmtree(folder.champion(champion.name))
      jobs += home[champion.name].reject(misfit)
  return None if all_fit else jobs


def _champion(
  bracket: Bracket, plan: Plan, metrics: Metrics, folder: RunFolder
) -> ChampionResult:
  name = bracket.champion
  cost = plan.cost(name)
  needs = plan.needs[plan.position(name)]
  return ChampionResult(
    name=name,
    group=bracket.group,
    params=cost.params,
    macs=cost.macs,
    val_accuracy=bracket.histories[name].val_accuracy[-1],
    **figures_of(metrics),
    estimated_seconds=needs.seconds if needs else None,
    files=tuple(folder.champion_files(name)),
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
