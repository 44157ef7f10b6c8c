"""Writes the files of a champion."""

import dataclasses
import time
from pathlib import Path

from elite_tf.conversion import model_card
from elite_tf.conversion.champion_metrics import (
  deployed_predictions,
  keras_answers,
  metrics_of,
)
from elite_tf.conversion.converted import Conversion, convert
from elite_tf.conversion.tflite.sliced import slice_model
from elite_tf.conversion.verify import predictions
from elite_tf.conversion.verify.predictions import Answers
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset
from elite_tf.networks.ancestors import NONE, ancestor_of
from elite_tf.networks.families import get_family
from elite_tf.runs import metrics
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.system.atomic_files import replace_folder, write_file
from elite_tf.types import Candidate


def write_champion(
  folder: Path, model, candidate: Candidate, data: Dataset, settings: Settings
) -> Metrics:
  """Writes a champion: first what was trained, then what is made of it.

  The first part is the Keras model and its figures, all of its files or none;
  they stay if the conversion fails. With another backend of Keras than
  TensorFlow there is no second part.

  Args:
    folder: Folder of the champion; replaced if it exists.
    model: keras.Model with the averaged weights.
    candidate: Candidate that the model was built from.
    data: Data set, as for `convert`.
    settings: Settings of the search.

  Returns:
    The contents of metrics.json.

  Raises:
    VerificationFailed: A .tflite file gives other outputs in TensorFlow Lite
      Micro.
    OSError: The folder cannot be written.
  """
  began = time.monotonic()
  answers = keras_answers(model, data.test, preprocess.crops(data.description))
  found = metrics_of(model, data, {}, answers)
  found = dataclasses.replace(found, seconds=time.monotonic() - began)
  names = data.description.class_names
  with replace_folder(folder) as beside:
    model.save(beside / "model.keras")
    (beside / "labels.txt").write_text("".join(f"{n}\n" for n in names))
    ancestor = _ancestor(candidate, settings)
    _write_figures(beside, found, model, data, {}, answers, ancestor)
  if not backend.current().converts:
    return found
  return add_conversions(folder, model, candidate, data, settings, answers)


def add_conversions(
  folder: Path,
  model,
  candidate: Candidate,
  data: Dataset,
  settings: Settings,
  answers: Answers | None = None,
) -> Metrics:
  """Converts and verifies a champion whose Keras model is in its folder.

  Nothing is written before all conversions are verified, and metrics.json comes
  last: what it lists is there, whenever the process ends.

  Args:
    folder: Folder of the champion.
    model: keras.Model with the averaged weights.
    candidate: Candidate that the model was built from.
    data: Data set, as for `convert`.
    settings: Settings of the conversion.
    answers: Answers of the model to the test split; None computes them.

  Returns:
    The contents of metrics.json.

  Raises:
    VerificationFailed: A .tflite file gives other outputs in TensorFlow Lite
      Micro.
    OSError: The folder cannot be written.
  """
  began = time.monotonic()
  answers = answers or keras_answers(
    model, data.test, preprocess.crops(data.description)
  )
  exported = _exported(model, candidate, settings.slices)
  conversions = convert(exported, data, settings)
  found = metrics_of(model, data, conversions, answers)
  files = {f"model_{n}.tflite": c.model for n, c in conversions.items()}
  for stale in set(folder.glob("model_*.tflite")):
    if stale.name not in files:
      stale.unlink()
  for name, content in files.items():
    write_file(folder / name, content)
  found = dataclasses.replace(found, seconds=time.monotonic() - began)
  ancestor = _ancestor(candidate, settings)
  _write_figures(folder, found, model, data, conversions, answers, ancestor)
  return found


def _write_figures(
  folder: Path,
  found: Metrics,
  model,
  data: Dataset,
  conversions: dict[str, Conversion],
  answers: Answers,
  ancestor: str,
) -> None:
  kept = deployed_predictions(model, data, conversions, answers)
  write_file(folder / predictions.FILE, predictions.to_bytes(kept))
  text = model_card.model_card(
    found, data.description, model.count_params(), ancestor
  )
  write_file(folder / model_card.FILE, text)
  found.write(folder / metrics.FILE)


def _ancestor(candidate: Candidate, settings: Settings) -> str:
  """Returns whose weights were the first ones; empty for random weights."""
  if settings.weights in ("", NONE):
    return ""
  found = ancestor_of(candidate.family)
  return found.name if found else ""


def _exported(model, candidate: Candidate, slices: bool):
  """Returns the model that is converted; it computes the same.

  With slices, the widest maps are computed by slices of channels.
  """
  if not slices:
    return model
  return slice_model(model, get_family(candidate.family).layers(candidate))
