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
from elite_tf.conversion.converted import convert
from elite_tf.conversion.tflite.sliced import slice_model
from elite_tf.conversion.verify import predictions
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset
from elite_tf.networks.ancestors import NONE, ancestor_of
from elite_tf.networks.families import get_family
from elite_tf.runs import metrics
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.system.atomic_files import replace_folder
from elite_tf.types import Candidate


def write_champion(
  folder: Path, model, candidate: Candidate, data: Dataset, settings: Settings
) -> Metrics:
  """Converts, verifies and writes a champion: all of its files or none.

  With another backend of Keras than TensorFlow nothing is converted: there are
  no .tflite files, and the metrics are those of the Keras model.

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
  conversions = {}
  if backend.current().converts:
    exported = _exported(model, candidate, settings.slices)
    conversions = convert(exported, data, settings)
  with replace_folder(folder) as beside:
    model.save(beside / "model.keras")
    for name, conversion in conversions.items():
      (beside / f"model_{name}.tflite").write_bytes(conversion.model)
    names = data.description.class_names
    (beside / "labels.txt").write_text("".join(f"{n}\n" for n in names))
    answers = keras_answers(
      model, data.test, preprocess.crops(data.description)
    )
    found = metrics_of(model, data, conversions, answers)
    found = dataclasses.replace(found, seconds=time.monotonic() - began)
    found.write(beside / metrics.FILE)
    kept = deployed_predictions(model, data, conversions, answers)
    (beside / predictions.FILE).write_bytes(predictions.to_bytes(kept))
    random = settings.weights in ("", NONE)
    ancestor = None if random else ancestor_of(candidate.family)
    text = model_card.model_card(
      found,
      data.description,
      model.count_params(),
      ancestor.name if ancestor else "",
    )
    (beside / model_card.FILE).write_text(text)
  return found


def _exported(model, candidate: Candidate, slices: bool):
  """Returns the model that is converted; it computes the same.

  With slices, the widest maps are computed by slices of channels.
  """
  if not slices:
    return model
  return slice_model(model, get_family(candidate.family).layers(candidate))
