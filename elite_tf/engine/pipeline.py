"""A search from its plan to its result: the steps in their order."""

import contextlib
import dataclasses
import functools
import io
import shutil

from rich.console import Console

from elite_tf.data import sources
from elite_tf.data.sources import Description
from elite_tf.engine.cleanup import Housekeeping, Observers
from elite_tf.engine.progress import Progress
from elite_tf.engine.runners import get_runner
from elite_tf.engine.runners.replay import RecordedRunner
from elite_tf.engine.runners.worker import Export
from elite_tf.engine.tensorboard import open_board
from elite_tf.errors import SearchFailed
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
from elite_tf.tournament.bracket import Bracket, Rules, Runner, play
from elite_tf.types import Epoch, Job


def run_search(
  settings: Settings,
  plan: Plan,
  description: Description,
  versions: dict[str, str],
  console: Console | None = None,
) -> Result:
  """Runs a search, resumes it, or reads the result if it has ended.

  Args:
    settings: As resolved, with a run folder.
    plan: Made from them.
    description: Of the data set.
    versions: Of the packages, recorded in the folder.
    console: Shows the progress; None shows none.

  Returns:
    What result.json holds.

  Raises:
    ConfigError: The run folder cannot be used.
    SearchFailed: Every candidate of a group failed, or a champion does not
      compute the same on a board; result.json is there all the same.
    OSError: Something cannot be written.
  """
  console = console or Console(file=io.StringIO())
  say = functools.partial(
    console.print, markup=False, highlight=False, soft_wrap=True
  )
  store = dataclasses.replace(store_of(settings), say=say)
  folder = check_run(settings, plan.disk_bytes)
  if not folder.config.exists():
    # What is wrong with the data is found before anything is written.
    with no_cache_on_error(folder):
      data = sources.load(settings.data, settings.seed, store)
    description = dataclasses.replace(data.description, notes=data.notes)
  result = folder.read_result()
  if result is not None:
    say(f"{folder.path}: this search has ended already")
    return _checked(result, folder)
  with lock.hold(folder.lock):
    open_run(settings, versions, 0)  # Part of the room is taken by now.
    if plan.prices is not None:
      write_file(folder.prices, plan.prices.to_json())
    plan_json.plan_record(plan, description).write(folder.plan)
    folder.tidy()
    try:
      result = _play_to_the_end(settings, plan, description, folder, console)
      result.write(folder.result)
    except Exception as error:
      ending.write_or_say(folder, say, str(error))
      raise
    finally:
      folder.tidy()  # Workers are killed in the midst of what they write.
    ending.write_or_say(folder, say)
  return _checked(result, folder)


def _play_to_the_end(
  settings: Settings,
  plan: Plan,
  description: Description,
  folder: RunFolder,
  console: Console,
) -> Result:
  """Returns the result of a search that is begun or taken up again."""
  rules = Rules(settings.round_epochs, settings.epochs, settings.criterion)
  brackets = [
    Bracket(number, group, rules)
    for number, group in enumerate(plan.groups(), start=1)
  ]
  with (
    Progress(console, plan, brackets, rules) as progress,
    contextlib.closing(Journal(folder.journal, progress.say)) as journal,
  ):
    _announce(progress, plan, description, settings, journal)
    journal.append({"event": "start"})

    def on_epoch(name: str, epoch: Epoch) -> None:
      journal.append(epoch_to_event(name, epoch))
      progress.on_epoch(name, epoch)
      board.on_epoch(name, epoch)

    with (
      open_board(settings, folder, plan) as board,
      get_runner(settings.runner).open_runner(
        settings,
        folder,
        plan,
        description,
        progress.on_start,
        on_epoch,
        progress.say,
      ) as runner,
    ):
      workers = runner.workers
      progress.on_workers(workers)
      recorded = RecordedRunner(
        runner, journal, lambda: housekeeping.catch_up()
      )
      housekeeping = Housekeeping(
        folder,
        brackets,
        lambda: recorded.fresh,
        journal,
        settings.keep_checkpoints,
      )
      observer = Observers(progress, housekeeping, board)
      play(brackets, recorded, observer)
      while True:
        champions, unverified = _write_champions(
          brackets, plan, settings, folder, journal, runner
        )
        jobs = _replace_misfits(champions, brackets, plan, settings, folder)
        if jobs is None:
          break
        play(brackets, recorded, observer, jobs)
      housekeeping.catch_up()
    journal.append({"event": "end"})
    return _result(
      brackets,
      champions,
      unverified,
      journal,
      workers,
      recorded.first_step_seconds,
    )


def _checked(result: Result, folder: RunFolder) -> Result:
  """Returns the result of a search that has all of its champions.

  Raises:
    SearchFailed: It has not.
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


def _announce(
  progress: Progress,
  plan: Plan,
  description: Description,
  settings: Settings,
  journal: Journal,
) -> None:
  if journal.epochs:
    progress.say(f"resumes after {journal.epochs} epochs")
  progress.say(
    f"{description.name}: {description.images} images,"
    f" {description.classes} classes; {len(plan.candidates)} candidates in"
    f" {len(plan.grouping.groups)} groups, {plan.candidate_epochs} epochs"
  )
  for note in (*description.notes, *plan.notes):
    progress.say(note)
  progress.say(f"augmentation of the training images: {settings.augment}")
  if not backend.converts():
    progress.say(
      "without TensorFlow no .tflite file is written or verified; on a"
      " machine that has it, `python -m elite_tf.convert"
      f" --run_dir={settings.run_dir}` does that"
    )


def _write_champions(
  brackets: list[Bracket],
  plan: Plan,
  settings: Settings,
  folder: RunFolder,
  journal: Journal,
  runner: Runner,
) -> tuple[list[ChampionResult], dict[str, str]]:
  """Returns the champions, and by name why others cannot be deployed."""
  exports = map(event_to_champion, journal.champions)
  known = {export.champion.name: export.champion for export in exports}
  champions = {bracket.champion: bracket for bracket in brackets}
  champions.pop(None, None)
  missing = [name for name in champions if name not in known]
  for name in missing:
    bracket = champions[name]
    runner.submit(Export(bracket.candidates[name], bracket.group))
  unverified = {}
  for _ in missing:
    exported = runner.wait()
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
