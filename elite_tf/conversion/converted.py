"""A network converted to .tflite, and verified to compute the same on a board."""

import dataclasses

import numpy as np

from elite_tf.conversion.calibration_images import material
from elite_tf.conversion.interpreters.operators import require_operators
from elite_tf.conversion.quantize import METHODS, Options
from elite_tf.conversion.tflite import convert as tflite
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.conversion.verify import align_logistic, align_mul
from elite_tf.conversion.verify.compare import (
  Verification,
  compare,
  require_equal,
)
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset
from elite_tf.runs.metrics import Quantization
from elite_tf.runs.settings import Settings

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
    quantization: How it was quantized; None where it computes in floating
      point.
  """

  model: bytes
  verification: Verification
  quantization: Quantization | None = None


def convert(model, data: Dataset, settings: Settings) -> dict[str, Conversion]:
  """Converts a network and runs each conversion over the test split.

  Args:
    model: keras.Model of one of the families.
    data: Calibrates (train split) and verifies (test split).
    settings: Those of quantization, and the seed, which decides the images
      that calibrate.

  Returns:
    The conversions by name: `float`, and `int8` or `int16x8` by what became of
    `settings.quantize`, unless that is `none`. The quantized one is verified on every
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
  if settings.quantize != "none":
    images_ = material(
      data,
      resolution,
      settings.calibration_images,
      settings.seed,
      Options.of(settings),
    )
    quantized = METHODS[settings.quantize](model, images_)
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
