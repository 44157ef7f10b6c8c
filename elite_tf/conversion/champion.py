"""A champion's files: what a person takes away from a search."""

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from elite_tf.conversion import model_card
from elite_tf.conversion.calibration_images import material
from elite_tf.conversion.interpreters.operators import require_operators
from elite_tf.conversion.quantize import METHODS, Options
from elite_tf.conversion.tflite import convert as tflite
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.conversion.tflite.sliced import slice_model
from elite_tf.conversion.verify import (
  align_logistic,
  align_mul,
  metrics,
  predictions,
)
from elite_tf.conversion.verify.compare import (
  Verification,
  compare,
  require_equal,
)
from elite_tf.conversion.verify.predictions import Answers
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset, Split
from elite_tf.networks.families import get_family
from elite_tf.system import backend
from elite_tf.types import Candidate

# Reference and micro kernels in floating point run as slowly as they are
# simple; these images tell whether they agree.
FLOAT_IMAGES = 64

# A quantized network is compared on so many images at least, those of the
# other parts if the test split has fewer.
LEAST_IMAGES = 256

EVALUATION_BATCH = 500


@dataclasses.dataclass(frozen=True)
class Conversion:
  """A network converted and run as it will run on the board.

  Attributes:
    model: The .tflite file.
    verification: Reference kernels against TensorFlow Lite Micro.
    quantization: `elite_tf.conversion.quantize.Quantized.report`; None where it computes
      in floating point.
  """

  model: bytes
  verification: Verification
  quantization: dict | None = None


def convert(
  model,
  data: Dataset,
  quantize: str,
  calibration_count: int,
  seed: int,
  options: Options = Options(),
) -> dict[str, Conversion]:
  """Converts a network and runs each conversion over the test split.

  Args:
    model: keras.Model of one of the families.
    data: Calibrates (train split) and verifies (test split).
    quantize: Name in `elite_tf.conversion.quantize.METHODS`, or `none`.
    calibration_count: Training images that calibrate.
    seed: Decides which.
    options: How they are chosen, and more that `quantize` leaves open.

  Returns:
    The conversions by name: `float`, and `int8` or `int16x8` by what became of
    `quantize`, unless that is `none`. The quantized one is verified on every
    test image, the float one on 64.

  Raises:
    VerificationFailed: TensorFlow Lite Micro differs from the reference
      kernels, or cannot run the network.
  """
  resolution = model.input_shape[1]
  crop = preprocess.crops(data.description)
  images = preprocess.Resized(data.test.images, resolution, crop)
  labels = data.test.labels
  models = {"float": tflite.float32(model)}
  counts = {"float": FLOAT_IMAGES}
  reports = {}
  if quantize != "none":
    quantized = METHODS[quantize](
      model, material(data, resolution, calibration_count, seed, options)
    )
    models[quantized.kind] = quantized.model
    counts[quantized.kind] = len(labels)
    reports[quantized.kind] = quantized.report()
  conversions = {}
  for name, bytes_ in models.items():
    count = counts[name]
    part = images if count == len(labels) else images[:count]
    bytes_, verification = verified(bytes_, part, labels[:count])
    if count < LEAST_IMAGES and name != "float":
      _compare_others(bytes_, data, resolution, crop)
    conversions[name] = Conversion(bytes_, verification, reports.get(name))
  return conversions


def verified(
  model: bytes, images: np.ndarray, labels: np.ndarray
) -> tuple[bytes, Verification]:
  """Returns a network that computes on a board what it does here.

  Args:
    model: The .tflite file.
    images: uint8 (n, height, width, channels), of the network's size.
    labels: Whole numbers (n,), the classes.

  Returns:
    The .tflite file, changed where kernels would round otherwise, and how
    TensorFlow Lite Micro compares to the reference kernels.

  Raises:
    VerificationFailed: TensorFlow Lite Micro lacks an operator, differs or
      cannot run the network.
  """
  require_operators(inspect(model).operators)
  verification = compare(model, images, labels)
  # Rare, and a minute's work: only where a difference has been seen. LOGISTIC's
  # scales are those of products, too.
  for mend in (
    align_mul.align,
    lambda m: align_mul.align(align_logistic.align(m)),
  ):
    if not verification.equal:
      model = mend(model)
      verification = compare(model, images, labels)
  require_equal(verification)
  return model, verification


def _compare_others(
  model: bytes, data: Dataset, resolution: int, crop: bool
) -> None:
  """Compares the kernels on images of the other parts.

  Raises:
    VerificationFailed: They differ.
  """
  for split in (data.val, data.train):
    images = preprocess.resize(split.images[:LEAST_IMAGES], resolution, crop)
    require_equal(compare(model, images, split.labels[: len(images)]))


def keras_answers(model, split: Split, crop: bool = False) -> Answers:
  """Returns the Keras model's answers to a split.

  Args:
    model: keras.Model of one of the families.
    split: As stored.
    crop: As `elite_tf.data.preprocess.central_square` has it.
  """
  answers = np.empty(len(split.labels), np.int64)
  probabilities = np.empty(len(split.labels), np.float32)
  # In parts: as float32 of the network's size a split may not fit into memory.
  for start in range(0, len(answers), EVALUATION_BATCH):
    part = slice(start, start + EVALUATION_BATCH)
    images = preprocess.preprocess(
      split.images[part], model.input_shape[1], crop
    )
    outputs = model.predict(images, batch_size=EVALUATION_BATCH, verbose=0)
    answers[part] = outputs.argmax(axis=-1)
    probabilities[part] = outputs.max(axis=-1)
  return Answers(answers, probabilities)


def metrics_of(
  model,
  data: Dataset,
  conversions: dict[str, Conversion],
  answers: Answers | None = None,
) -> dict:
  """Returns what metrics.json holds of a network and its conversions.

  Args:
    model: keras.Model of one of the families.
    data: Measures (test split).
    conversions: Of the model.
    answers: The model's to the test split; None means they are asked for here.
  """
  crop = preprocess.crops(data.description)
  names = data.description.class_names
  answers = answers or keras_answers(model, data.test, crop)
  confusion = metrics.confusion_matrix(
    data.test.labels, answers.classes, model.output_shape[-1]
  )
  real = metrics.report(confusion, names)
  return {
    "name": model.name,
    "test_images": len(data.test.labels),
    "preprocessing": preprocess.describe(model.input_shape[1], crop),
    "test_accuracy_float": real["accuracy"],
    "float": real,
    "conversions": {
      name: {
        "tflite_bytes": len(conversion.model),
        "per_channel_dense": list(inspect(conversion.model).per_channel_dense),
        **conversion.verification.figures(),
        **metrics.report(conversion.verification.confusion, names),
        **(
          {"quantization": conversion.quantization}
          if conversion.quantization
          else {}
        ),
      }
      for name, conversion in conversions.items()
    },
  }


def deployed_predictions(
  model, data: Dataset, conversions: dict[str, Conversion], answers: Answers
) -> predictions.Predictions:
  """Returns the test split's answers of what is deployed.

  Args:
    model: keras.Model of one of the families.
    data: Its test split was asked.
    conversions: The quantized one answers, where there is one.
    answers: The model's, which count where there is none.
  """
  name = next((name for name in conversions if name != "float"), "keras")
  if name in conversions:
    answers = conversions[name].verification.answers
  crop = preprocess.crops(data.description)
  images = preprocess.Resized(data.test.images, model.input_shape[1], crop)
  return predictions.predictions_of(name, data.test.labels, answers, images)


def measured(found: dict) -> dict:
  """Returns what result.json says of a champion's test and files.

  Args:
    found: Its metrics, as metrics.json has them.

  Returns:
    {"test_accuracy_float", "test_accuracy_int8",
    "test_balanced_accuracy_float", "test_balanced_accuracy_int8",
    "tflite_bytes", "arena_bytes", "kind"}, None where nothing was converted;
    `int8` stands for whole numbers, `kind` says which: int8 or int16x8.
  """
  conversions = found["conversions"]
  kind = next((name for name in conversions if name != "float"), None)
  quantized = conversions.get(kind) or {}
  exported = quantized or conversions.get("float") or {}
  return {
    "test_accuracy_float": found["test_accuracy_float"],
    "test_accuracy_int8": quantized.get("accuracy"),
    "test_balanced_accuracy_float": found["float"]["balanced_accuracy"],
    "test_balanced_accuracy_int8": quantized.get("balanced_accuracy"),
    "tflite_bytes": exported.get("tflite_bytes"),
    "arena_bytes": exported.get("arena_bytes"),
    "kind": kind,
  }


def exported_form(candidate: Candidate, slices: bool) -> Callable:
  """Returns in which form a champion is exported: model -> model.

  Args:
    candidate: What it was built from.
    slices: Whether its widest maps are computed by slices of channels.
  """
  if not slices:
    return lambda model: model
  layers = get_family(candidate.family).layers(candidate)
  return lambda model: slice_model(model, layers)


def write_champion(
  folder: Path,
  model,
  data: Dataset,
  quantize: str,
  calibration_count: int,
  seed: int,
  form: Callable = lambda model: model,
  options: Options = Options(),
) -> dict:
  """Converts, verifies and writes a champion; all of its files or none.

  Where Keras runs on something else than TensorFlow nothing is converted:
  model.keras, labels.txt and the float model's metrics are all there is.

  Args:
    folder: Where its files go; made anew.
    model: keras.Model with the averaged weights.
    data: Calibrates (train split) and measures (test split).
    quantize: Name in `elite_tf.conversion.quantize.METHODS`, or `none`.
    calibration_count: Training images that calibrate.
    seed: Decides which.
    form: Function from the model to the one that is converted and computes the
      same; model.keras stays as it is.
    options: As `convert` has them.

  Returns:
    The metrics, as metrics.json has them.

  Raises:
    VerificationFailed: A conversion does not compute the same on a board.
    OSError: The folder cannot be written.
  """
  began = time.monotonic()
  conversions = {}
  if backend.converts():
    conversions = convert(
      form(model), data, quantize, calibration_count, seed, options
    )
  beside = folder.with_name(f".{folder.name}.{os.getpid()}")
  beside.mkdir(parents=True)
  try:
    model.save(beside / "model.keras")
    for name, conversion in conversions.items():
      (beside / f"model_{name}.tflite").write_bytes(conversion.model)
    names = data.description.class_names
    (beside / "labels.txt").write_text("".join(f"{n}\n" for n in names))
    answers = keras_answers(
      model, data.test, preprocess.crops(data.description)
    )
    found = metrics_of(model, data, conversions, answers)
    found["seconds"] = time.monotonic() - began
    text = json.dumps(found, indent=2) + "\n"
    (beside / "metrics.json").write_text(text)
    kept = deployed_predictions(model, data, conversions, answers)
    (beside / predictions.FILE).write_bytes(predictions.to_bytes(kept))
    text = model_card.model_card(found, data.description, model.count_params())
    (beside / model_card.FILE).write_text(text)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(beside, folder)
  finally:
    shutil.rmtree(beside, ignore_errors=True)
  return found
