"""A champion's files: what a person takes away from a search."""

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from elite_tf import preprocess
from elite_tf.datasets import Dataset, Split
from elite_tf.export import tflite
from elite_tf.export.inspect import inspect
from elite_tf.export.logistic import align
from elite_tf.interpreters.operators import require_operators
from elite_tf.quantize import METHODS, Material, Options
from elite_tf.verify import Verification, compare, require_equal

# Reference and micro kernels in floating point run as slowly as they are
# simple; these images tell whether they agree.
FLOAT_IMAGES = 64

# A quantized network is compared on so many images at least, those of the
# other parts if the test split has fewer.
LEAST_IMAGES = 256


@dataclasses.dataclass(frozen=True)
class Conversion:
  """A network converted and run as it will run on the board.

  Attributes:
    model: The .tflite file.
    verification: Reference kernels against TensorFlow Lite Micro.
    quantization: `elite_tf.quantize.Quantized.report`; None where it computes
      in floating point.
  """

  model: bytes
  verification: Verification
  quantization: dict | None = None


def calibration_images(
    train: Split,
    resolution: int,
    count: int,
    seed: int,
    balance: bool = False,
) -> np.ndarray:
  """Returns float32 images of the training split, drawn by the seed.

  Args:
    train: The training split; no other calibrates.
    resolution: The network's, in pixels.
    count: Images wanted; all there are if fewer.
    seed: Decides which.
    balance: Whether every class has the same share, as far as its images go.
  """
  order = np.random.default_rng([seed, len(train.labels)]).permutation(
      len(train.labels)
  )
  if balance:
    order = order[_rank_in_class(train.labels[order]).argsort(kind="stable")]
  return preprocess.preprocess(train.images[order[:count]], resolution)


def _rank_in_class(labels: np.ndarray) -> np.ndarray:
  """Returns for each label how many of the same come before it."""
  ranks = np.empty(len(labels), np.int64)
  for label in np.unique(labels):
    where = np.flatnonzero(labels == label)
    ranks[where] = np.arange(len(where))
  return ranks


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
    quantize: Name in `elite_tf.quantize.METHODS`, or `none`.
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
  images = preprocess.resize(data.test.images, resolution)
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
    bytes_, verification = verified(bytes_, images[:count], labels[:count])
    if count < LEAST_IMAGES and name != "float":
      _compare_others(bytes_, data, resolution)
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
  if not verification.equal:
    # Rare, and a minute's work: only where the difference has been seen.
    model = align(model)
    verification = compare(model, images, labels)
  require_equal(verification)
  return model, verification


def _compare_others(model: bytes, data: Dataset, resolution: int) -> None:
  """Compares the kernels on images of the other parts.

  Raises:
    VerificationFailed: They differ.
  """
  others = np.concatenate(
      [data.val.images[:LEAST_IMAGES], data.train.images[:LEAST_IMAGES]]
  )[:LEAST_IMAGES]
  images = preprocess.resize(others, resolution)
  require_equal(compare(model, images, np.zeros(len(images), np.int32)))


def material(
    data: Dataset, resolution: int, count: int, seed: int, options: Options
) -> Material:
  """Returns what a method of quantization works with.

  Args:
    data: Calibrates and trains (train split) and decides (val split).
    resolution: The network's, in pixels.
    count: Training images that calibrate.
    seed: Decides which, and the order in which images train.
    options: What was chosen.
  """

  def resized(split: Split) -> Split:
    return Split(preprocess.resize(split.images, resolution), split.labels)

  calibration = calibration_images(
      data.train, resolution, count, seed, options.calibration_balance
  )
  return Material(
      calibration, resized(data.val), lambda: resized(data.train), options, seed
  )


def keras_accuracy(model, split: Split) -> float:
  """Returns the Keras model's top-1 accuracy on a split, 0 to 1."""
  images = preprocess.preprocess(split.images, model.input_shape[1])
  answers = model.predict(images, batch_size=500, verbose=0).argmax(axis=-1)
  return float((answers == split.labels).mean())


def metrics_of(
    model, data: Dataset, conversions: dict[str, Conversion]
) -> dict:
  """Returns what metrics.json holds of a network and its conversions."""
  return {
      "name": model.name,
      "test_images": len(data.test.labels),
      "test_accuracy_float": keras_accuracy(model, data.test),
      "conversions": {
          name: {
              "tflite_bytes": len(conversion.model),
              **dataclasses.asdict(conversion.verification),
              **(
                  {"quantization": conversion.quantization}
                  if conversion.quantization
                  else {}
              ),
          }
          for name, conversion in conversions.items()
      },
  }


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

  Args:
    folder: Where its files go; made anew.
    model: keras.Model with the averaged weights.
    data: Calibrates (train split) and measures (test split).
    quantize: Name in `elite_tf.quantize.METHODS`, or `none`.
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
    metrics = metrics_of(model, data, conversions)
    metrics["seconds"] = time.monotonic() - began
    text = json.dumps(metrics, indent=2) + "\n"
    (beside / "metrics.json").write_text(text)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(beside, folder)
  finally:
    shutil.rmtree(beside, ignore_errors=True)
  return metrics
