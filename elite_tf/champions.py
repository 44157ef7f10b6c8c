"""A champion's files: what a person takes away from a search."""

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from elite_tf import device, metrics, preprocess
from elite_tf.datasets import Dataset, Split
from elite_tf.export import tflite
from elite_tf.export.logistic import align
from elite_tf.export.sliced import slice_model
from elite_tf.families import get_family
from elite_tf.quantize import METHODS
from elite_tf.spec import Candidate
from elite_tf.verify import Verification, compare, require_equal

# Reference and micro kernels in floating point run as slowly as they are
# simple; these images tell whether they agree.
FLOAT_IMAGES = 64

EVALUATION_BATCH = 500


@dataclasses.dataclass(frozen=True)
class Conversion:
  """A network converted and run as it will run on the board.

  Attributes:
    model: The .tflite file.
    verification: Reference kernels against TensorFlow Lite Micro.
  """

  model: bytes
  verification: Verification


def calibration_images(
    train: Split, resolution: int, count: int, seed: int, crop: bool = False
) -> np.ndarray:
  """Returns float32 images of the training split, drawn by the seed.

  Args:
    train: The training split; no other calibrates.
    resolution: The network's, in pixels.
    count: Images wanted; all there are if fewer.
    seed: Decides which.
    crop: As `elite_tf.preprocess.central_square` has it.
  """
  order = np.random.default_rng([seed, len(train.labels)]).permutation(
      len(train.labels)
  )
  return preprocess.preprocess(train.images[order[:count]], resolution, crop)


def convert(
    model,
    data: Dataset,
    quantize: str,
    calibration_count: int,
    seed: int,
) -> dict[str, Conversion]:
  """Converts a network and runs each conversion over the test split.

  Args:
    model: keras.Model of one of the families.
    data: Calibrates (train split) and verifies (test split).
    quantize: Name in `elite_tf.quantize.METHODS`, or `none`.
    calibration_count: Training images that calibrate.
    seed: Decides which.

  Returns:
    The conversions by name: `float`, and `quantize` unless it is `none`. The
    quantized one is verified on every test image, the float one on 64.

  Raises:
    VerificationFailed: TensorFlow Lite Micro differs from the reference
      kernels, or cannot run the network.
  """
  resolution = model.input_shape[1]
  crop = preprocess.crops(data.description)
  images = preprocess.resize(data.test.images, resolution, crop)
  labels = data.test.labels
  models = {"float": tflite.float32(model)}
  counts = {"float": FLOAT_IMAGES}
  if quantize != "none":
    calibration = calibration_images(
        data.train, resolution, calibration_count, seed, crop
    )
    models[quantize] = METHODS[quantize](model, calibration)
    counts[quantize] = len(labels)
  conversions = {}
  for name, bytes_ in models.items():
    count = counts[name]
    verification = compare(bytes_, images[:count], labels[:count])
    if not verification.equal:
      # Rare, and a minute's work: only where the difference has been seen.
      bytes_ = align(bytes_)
      verification = compare(bytes_, images[:count], labels[:count])
    require_equal(verification)
    conversions[name] = Conversion(bytes_, verification)
  return conversions


def keras_confusion(
    model, split: Split, crop: bool = False
) -> metrics.Confusion:
  """Returns the Keras model's answers on a split: rows by truth.

  Args:
    model: keras.Model of one of the families.
    split: As stored.
    crop: As `elite_tf.preprocess.central_square` has it.
  """
  classes = model.output_shape[-1]
  answers = np.empty(len(split.labels), np.int64)
  # In parts: as float32 of the network's size a split may not fit into memory.
  for start in range(0, len(answers), EVALUATION_BATCH):
    part = slice(start, start + EVALUATION_BATCH)
    images = preprocess.preprocess(
        split.images[part], model.input_shape[1], crop
    )
    answers[part] = model.predict(
        images, batch_size=EVALUATION_BATCH, verbose=0
    ).argmax(axis=-1)
  return metrics.confusion_matrix(split.labels, answers, classes)


def metrics_of(
    model, data: Dataset, conversions: dict[str, Conversion]
) -> dict:
  """Returns what metrics.json holds of a network and its conversions."""
  crop = preprocess.crops(data.description)
  names = data.description.class_names
  real = metrics.report(keras_confusion(model, data.test, crop), names)
  return {
      "name": model.name,
      "test_images": len(data.test.labels),
      "preprocessing": preprocess.describe(model.input_shape[1], crop),
      "test_accuracy_float": real["accuracy"],
      "float": real,
      "conversions": {
          name: {
              "tflite_bytes": len(conversion.model),
              **dataclasses.asdict(conversion.verification),
              **metrics.report(conversion.verification.confusion, names),
          }
          for name, conversion in conversions.items()
      },
  }


def measured(found: dict, quantize: str) -> dict:
  """Returns what result.json says of a champion's test and files.

  Args:
    found: Its metrics, as metrics.json has them.
    quantize: How it was to be quantized, or `none`.

  Returns:
    {"test_accuracy_float", "test_accuracy_int8",
    "test_balanced_accuracy_float", "test_balanced_accuracy_int8",
    "tflite_bytes", "arena_bytes"}, None where nothing was converted.
  """
  conversions = found["conversions"]
  quantized = conversions.get(quantize) or {}
  exported = quantized or conversions.get("float") or {}
  return {
      "test_accuracy_float": found["test_accuracy_float"],
      "test_accuracy_int8": quantized.get("accuracy"),
      "test_balanced_accuracy_float": found["float"]["balanced_accuracy"],
      "test_balanced_accuracy_int8": quantized.get("balanced_accuracy"),
      "tflite_bytes": exported.get("tflite_bytes"),
      "arena_bytes": exported.get("arena_bytes"),
  }


def exported_form(candidate: Candidate, slices: bool) -> Callable:
  """Returns in which form a champion is exported: model -> model.

  Args:
    candidate: What it was built from.
    slices: Whether its widest maps are computed by slices of channels.
  """
  if not slices:
    return lambda model: model
  layers = get_family(candidate.family).plan(candidate)
  return lambda model: slice_model(model, layers)


def write_champion(
    folder: Path,
    model,
    data: Dataset,
    quantize: str,
    calibration_count: int,
    seed: int,
    form: Callable = lambda model: model,
) -> dict:
  """Converts, verifies and writes a champion; all of its files or none.

  Where Keras runs on something else than TensorFlow nothing is converted:
  model.keras, labels.txt and the float model's metrics are all there is.

  Args:
    folder: Where its files go; made anew.
    model: keras.Model with the averaged weights.
    data: Calibrates (train split) and measures (test split).
    quantize: Name in `elite_tf.quantize.METHODS`, or `none`.
    calibration_count: Training images that calibrate.
    seed: Decides which.
    form: Function from the model to the one that is converted and computes the
      same; model.keras stays as it is.

  Returns:
    The metrics, as metrics.json has them.

  Raises:
    VerificationFailed: A conversion does not compute the same on a board.
    OSError: The folder cannot be written.
  """
  began = time.monotonic()
  conversions = {}
  if device.converts():
    conversions = convert(form(model), data, quantize, calibration_count, seed)
  beside = folder.with_name(f".{folder.name}.{os.getpid()}")
  beside.mkdir(parents=True)
  try:
    model.save(beside / "model.keras")
    for name, conversion in conversions.items():
      (beside / f"model_{name}.tflite").write_bytes(conversion.model)
    names = data.description.class_names
    (beside / "labels.txt").write_text("".join(f"{n}\n" for n in names))
    found = metrics_of(model, data, conversions)
    found["seconds"] = time.monotonic() - began
    text = json.dumps(found, indent=2) + "\n"
    (beside / "metrics.json").write_text(text)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(beside, folder)
  finally:
    shutil.rmtree(beside, ignore_errors=True)
  return found
