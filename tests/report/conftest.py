"""Run folders as a search leaves them, made without training anything."""

import dataclasses
import zlib

import numpy as np
import pytest

from elite_tf.conversion.verify import predictions
from elite_tf.conversion.verify.metrics import (
  classifier_metrics,
  confusion_matrix,
)
from elite_tf.conversion.verify.predictions import Answers
from elite_tf.data.sources import Description
from elite_tf.report import page
from elite_tf.runs import plan as planning
from elite_tf.runs import plan_json
from elite_tf.runs.folder import RunFolder, open_run
from elite_tf.runs.journal import (
  Journal,
  champion_to_event,
  epoch_to_event,
  outcome_to_event,
)
from elite_tf.runs.metrics import ConversionMetrics, Metrics, Preprocessing
from elite_tf.runs.presets import resolve
from elite_tf.runs.results import (
  ChampionEvent,
  ChampionResult,
  GroupResult,
  Result,
  figures_of,
)
from elite_tf.tournament.bracket import Bracket, Rules
from elite_tf.types import Epoch, Outcome

SMALL = {
  "include": "elite-w4-d[34]-*",
  "group_size": 4,
  "round_epochs": 3,
  "epochs": 12,
}


def _epoch(name, number):
  """Draws an epoch from its name and number; later ones are better."""
  drawn = zlib.crc32(f"{name} {number}".encode()) / 2**32
  accuracy = 1 - (0.5 + 0.3 * drawn) / number**0.5
  return Epoch(number, 2 - accuracy, accuracy, 1.9 - accuracy, accuracy, 0.5)


def _metrics(name, truth, answers, labels):
  """Metrics of a network whose float and int8 models answer alike."""
  answered = classifier_metrics(
    confusion_matrix(truth, answers, len(labels)), labels
  )
  file = ConversionMetrics(
    tflite_bytes=123_457,
    per_channel_dense=(),
    images=len(truth),
    equal=True,
    different=0,
    first_difference=None,
    accuracy=answered.accuracy,
    confusion=answered.confusion,
    arena_bytes=65_537,
    arena_head_bytes=60_000,
    arena_tail_bytes=5_537,
    codes=88,
    seconds=1.5,
    balanced_accuracy=answered.balanced_accuracy,
    recall=answered.recall,
  )
  return Metrics(
    name=name,
    test_images=len(truth),
    preprocessing=Preprocessing(13, False, "bicubic", 128, 1 / 128),
    test_accuracy_float=0.91234,
    float_=dataclasses.replace(answered, balanced_accuracy=0.90001),
    conversions={"float": file, "int8": file},
  )


def _write_champion(folder, name, labels):
  """Writes a champion's folder; returns its metrics."""
  place = folder.champion(name)
  place.mkdir(parents=True)
  rng = np.random.default_rng(0)
  classes = len(labels)
  truth = rng.integers(0, classes, 60)
  answers = np.where(rng.random(60) < 0.8, truth, (truth + 1) % classes)
  images = rng.integers(0, 256, (60, 13, 13, 1), np.uint8)
  kept = predictions.predictions_of(
    "int8", truth, Answers(answers, rng.random(60, np.float32)), images
  )
  (place / predictions.FILE).write_bytes(predictions.to_bytes(kept))
  metrics = _metrics(name, truth, answers, labels)
  metrics.write(place / "metrics.json")
  (place / "labels.txt").write_text("".join(f"{n}\n" for n in labels))
  (place / "model_int8.tflite").write_bytes(b"TFL3")
  return metrics


def _play(bracket, log, known, left):
  """Plays a group as far as outcomes are left; returns how many are then."""
  jobs = bracket.start()
  while jobs and left:
    job, left = jobs.pop(0), left - 1
    name = job.candidate.name
    epochs = tuple(_epoch(name, n + 1) for n in range(job.start, job.stop))
    error = known.get(name)
    for epoch in epochs:
      log.append(epoch_to_event(name, epoch))
    outcome = Outcome(name, job.start, job.stop, epochs, error)
    log.append(outcome_to_event(outcome))
    jobs += bracket.record(outcome)
  return left


@pytest.fixture
def undrawn(monkeypatch):
  """Leaves the pictures out of a page: drawing takes a second."""
  for function in ("draw_bracket", "draw_curves", "draw_confusion"):
    monkeypatch.setattr(page, function, lambda *_: "")
  for function in ("draw_levels", "draw_ratios"):
    monkeypatch.setattr(page, function, lambda *_: "")
  monkeypatch.setattr(page, "draw_costs", lambda _: [])


@pytest.fixture(scope="session")
def make_run(tmp_path_factory):
  """Returns a function that makes the folder of a search.

  It takes labels, how many outcomes there are before it stops, who fails and
  why, and settings; it returns the folder.
  """

  def make(
    labels=("cat", "dog", "owl"),
    outcomes=10**6,
    failures=None,
    name="run",
    **settings,
  ):
    place = tmp_path_factory.mktemp("report") / name
    given = {**SMALL, "run_dir": str(place), **settings}
    settings = resolve(given)
    settings = dataclasses.replace(settings, base_resolution=16)
    description = Description("toys", len(labels), 1, 16, 16, tuple(labels), 99)
    plan = planning.make_plan(settings, len(labels), 1, 16)
    folder = open_run(settings, {"python": "3.11"}, 0)
    plan_json.plan_record(plan, description).write(folder.plan)
    rules = Rules(settings.round_epochs, settings.epochs, settings.criterion)
    brackets = [
      Bracket(number, group, rules)
      for number, group in enumerate(plan.groups(), start=1)
    ]
    log = Journal(folder.journal)
    log.append({"event": "start"})
    left = outcomes
    for bracket in brackets:
      left = _play(bracket, log, failures or {}, left)
    if left:
      _finish(folder, plan, brackets, labels, log)
    log.close()
    return folder

  return make


def _finish(folder, plan, brackets, labels, log):
  champions = []
  for bracket in brackets:
    if bracket.champion is None:
      continue
    cost = plan.cost(bracket.champion)
    metrics = _write_champion(folder, bracket.champion, labels)
    champion = ChampionResult(
      name=bracket.champion,
      group=bracket.group,
      params=cost.params,
      macs=cost.macs,
      val_accuracy=bracket.histories[bracket.champion].val_accuracy[-1],
      **figures_of(metrics),
      estimated_seconds=None,
      files=tuple(folder.champion_files(bracket.champion)),
    )
    log.append(champion_to_event(ChampionEvent(champion, 1.5)))
    champions.append(champion)
  Result(
    groups=tuple(map(GroupResult.of, brackets)),
    champions=tuple(champions),
    unverified={},
    seconds=1234.5,
    training_seconds=1000.25,
    step_seconds=1900.75,
    first_step_seconds=31.5,
    convert_seconds=3.0,
    candidate_epochs=72,
    workers=2,
  ).write(RunFolder(folder.path).result)
