"""A search from its plan to its result: the steps in their order."""

import contextlib
import dataclasses
import io
import json
import shutil
from pathlib import Path

from rich.console import Console

from elite_tf import datasets
from elite_tf.datasets import Description
from elite_tf.errors import SearchFailed
from elite_tf.journal import Journal
from elite_tf.planning import Plan, limits_of, measured_shortfall
from elite_tf.progress import Progress
from elite_tf.run_folder import RunFolder, open_run, write_file
from elite_tf.runners.local import LocalRunner, default_workers
from elite_tf.runners.recorded import RecordedRunner
from elite_tf.runners.worker import Export
from elite_tf.settings import Settings
from elite_tf.spec import Job
from elite_tf.tournament import Bracket, Observer, Rules, play

# Bytes on the disk for each parameter: five float32 vectors in a checkpoint,
# and a champion's files.
CHECKPOINT_BYTES = 20
CHAMPION_BYTES = 12


class Housekeeping(Observer):
  """Writes histories as they grow and removes what is no longer needed."""

  def __init__(self, folder: RunFolder):
    self._folder = folder

  def on_outcome(self, bracket, outcome):
    """Writes the candidate's table."""
    self._folder.write_history(outcome.name, bracket.histories[outcome.name])

  def on_round_end(self, bracket):
    """Removes the checkpoints of those eliminated.

    One that has to take a failed champion's place is trained again, to the same
    weights.
    """
    for name in bracket.rounds[-1].eliminated:
      self._folder.checkpoint(name).unlink(missing_ok=True)


class Observers(Observer):
  """Passes what happens on to several observers, in order."""

  def __init__(self, *observers: Observer):
    self._observers = observers

  def on_outcome(self, bracket, outcome):
    """A job ended."""
    for observer in self._observers:
      observer.on_outcome(bracket, outcome)

  def on_round_end(self, bracket):
    """A group's round ended."""
    for observer in self._observers:
      observer.on_round_end(bracket)

  def on_group_end(self, bracket):
    """A group has its champion, or none is left."""
    for observer in self._observers:
      observer.on_group_end(bracket)


def disk_bytes(plan: Plan) -> int:
  """Returns the room that a search needs on the disk, at most, in bytes.

  Checkpoints of one group and of the champions before it are there at a time.
  """
  largest = sum(
      CHECKPOINT_BYTES * plan.costs[position].params
      for position in plan.grouping.groups[0]
  )
  champions = sum(
      (CHECKPOINT_BYTES + CHAMPION_BYTES)
      * max(plan.costs[position].params for position in group)
      for group in plan.grouping.groups
  )
  return largest + champions


def run_search(
    settings: Settings,
    plan: Plan,
    description: Description,
    versions: dict[str, str],
    console: Console | None = None,
) -> dict:
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
  if not RunFolder(Path(settings.run_dir)).config.exists():
    # What is wrong with the data is found before anything is written.
    datasets.load(settings.data, settings.seed)
  folder = open_run(settings, versions, disk_bytes(plan))
  found = folder.read_result()
  if found is not None:
    console.print(
        f"{folder.path}: this search has ended already",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return _checked(found, folder)
  with contextlib.closing(Journal(folder.journal)) as journal:
    journal.append({"event": "start"})
    rules = Rules(settings.round_epochs, settings.epochs, settings.criterion)
    brackets = [
        Bracket(number, group, rules)
        for number, group in enumerate(plan.groups(), start=1)
    ]
    workers, threads = default_workers(len(plan.candidates))
    workers = settings.workers or workers
    with Progress(console, plan, brackets, rules, workers) as progress:
      _announce(progress, plan, description, journal)
      with LocalRunner(
          settings,
          folder,
          workers,
          threads,
          progress.on_start,
          progress.on_epoch,
          progress.say,
      ) as runner:
        observer = Observers(progress, Housekeeping(folder))
        recorded = RecordedRunner(runner, journal)
        play(brackets, recorded, observer)
        while True:
          champions, unverified = _write_champions(
              brackets, plan, settings, folder, journal, runner
          )
          jobs = _replace_misfits(champions, brackets, plan, settings, folder)
          if jobs is None:
            break
          play(brackets, recorded, observer, jobs)
    journal.append({"event": "end"})
    result = _result(brackets, champions, unverified, journal, workers)
    write_file(folder.result, json.dumps(result, indent=2) + "\n")
  return _checked(result, folder)


def _checked(result: dict, folder: RunFolder) -> dict:
  """Returns the result of a search that has all of its champions.

  Raises:
    SearchFailed: It has not.
  """
  failed = [g["group"] for g in result["groups"] if g["champion"] is None]
  if failed:
    raise SearchFailed(
        f"every candidate failed in group {', '.join(map(str, failed))}; the"
        f" reasons stand in {folder.result}"
    )
  for name, reason in result["unverified"].items():
    raise SearchFailed(f"champion {name}: {reason}")
  return result


def _announce(
    progress: Progress, plan: Plan, description: Description, journal: Journal
) -> None:
  trained = journal.of_kind("trained")
  if trained:
    epochs = sum(len(event["epochs"]) for event in trained)
    progress.say(f"resumes after {epochs} epochs")
  progress.say(
      f"{description.name}: {description.images} images,"
      f" {description.classes} classes; {len(plan.candidates)} candidates in"
      f" {len(plan.grouping.groups)} groups, {plan.candidate_epochs} epochs"
  )


def _write_champions(
    brackets: list[Bracket],
    plan: Plan,
    settings: Settings,
    folder: RunFolder,
    journal: Journal,
    runner: LocalRunner,
) -> tuple[list[dict], dict[str, str]]:
  """Returns the champions' rows and the reasons why others have none."""
  known = {
      event["champion"]["name"]: event["champion"]
      for event in journal.of_kind("champion")
  }
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
    known[exported.name] = _champion(
        champions[exported.name], plan, exported.metrics, folder
    )
    journal.append(
        {
            "event": "champion",
            "champion": known[exported.name],
            "seconds": exported.metrics["seconds"],
        }
    )
  return [known[name] for name in champions if name in known], unverified


def _replace_misfits(
    champions: list[dict],
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
    needs = plan.needs[plan.position(champion["name"])]
    if needs is None:
      continue
    missing = measured_shortfall(
        needs, limits, champion["tflite_bytes"], champion["arena_bytes"]
    )
    if missing != (0, 0):
      all_fit = False
      shutil.rmtree(folder.champion(champion["name"]))
      jobs += home[champion["name"]].reject(
          f"does not fit: {missing.flash_bytes} bytes of flash and"
          f" {missing.sram_bytes} of memory are missing, as measured"
      )
  return None if all_fit else jobs


def _champion(
    bracket: Bracket,
    plan: Plan,
    metrics: dict,
    folder: RunFolder,
) -> dict:
  name = bracket.champion
  cost = plan.cost(name)
  needs = plan.needs[plan.position(name)]
  conversions = metrics["conversions"]
  kind = next((name for name in conversions if name != "float"), "float")
  exported = conversions[kind]
  quantized = None if kind == "float" else exported
  where = folder.champion(name).relative_to(folder.path)
  return {
      "name": name,
      "group": bracket.group,
      "params": cost.params,
      "macs": cost.macs,
      "val_accuracy": bracket.histories[name][-1].val_accuracy,
      "test_accuracy_float": metrics["test_accuracy_float"],
      "test_accuracy_int8": quantized["accuracy"] if quantized else None,
      "kind": kind,
      "tflite_bytes": exported["tflite_bytes"],
      "arena_bytes": exported["arena_bytes"],
      "estimated_seconds": needs.seconds if needs else None,
      "files": sorted(
          str(where / file.name) for file in folder.champion(name).iterdir()
      ),
  }


def _result(
    brackets: list[Bracket],
    champions: list[dict],
    unverified: dict[str, str],
    journal: Journal,
    workers: int,
) -> dict:
  trained = journal.of_kind("trained")
  epochs = [epoch for event in trained for epoch in event["epochs"]]
  return {
      "groups": [
          {
              "group": bracket.group,
              "candidates": list(bracket.candidates),
              "rounds": [
                  dataclasses.asdict(played) for played in bracket.rounds
              ],
              "failures": bracket.failures,
              "champion": bracket.champion,
          }
          for bracket in brackets
      ],
      "champions": champions,
      "unverified": unverified,
      "seconds": journal.seconds(),
      "training_seconds": journal.seconds(("trained",)),
      "step_seconds": sum(epoch["seconds"] for epoch in epochs),
      "first_step_seconds": sum(e["first_step_seconds"] for e in trained),
      "convert_seconds": sum(
          event["seconds"] for event in journal.of_kind("champion")
      ),
      "candidate_epochs": len(epochs),
      "workers": workers,
  }
