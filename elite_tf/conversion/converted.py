"""Converts a network to .tflite files and verifies them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from elite_tf.conversion.calibration_images import make_material
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
from elite_tf.data.sources import Dataset, Split
from elite_tf.runs.metrics import Quantization
from elite_tf.runs.settings import Settings

# Images on which a float network is compared, drawn evenly over the split, whose
# images may be in the order of the classes: both kinds of kernels are slow in
# floating point.
FLOAT_IMAGES = 64

# Least number of images on which a quantized network is compared; images of the
# other splits are added if the test split has fewer.
LEAST_IMAGES = 256


@dataclasses.dataclass(frozen=True)
class Conversion:
  """A network that was converted and verified.

  Attributes:
    model: Contents of the .tflite file.
    verification: TensorFlow Lite Micro compared with the reference kernels.
    quantization: How the network was quantized; None for floating point.
  """

  model: bytes
  verification: Verification
  quantization: Quantization | None = None


def convert(model, data: Dataset, settings: Settings) -> dict[str, Conversion]:
  """Converts a network and runs each .tflite file on the test split.

  Args:
    model: keras.Model of one of the families.
    data: Data set: the train split calibrates, the val split decides between
      ways of quantizing, the test split verifies.
    settings: Settings of the search; `quantize`, `calibration_images`,
      `calibration_balance`, `max_drop`, `qat_epochs` and `seed` are used.

  Returns:
    Conversions by name: "float" and, unless `quantize` is "none", "int8" or
    "int16x8". The quantized network is verified on every test image, the float
    network on 64, drawn evenly over the split.

  Raises:
    VerificationFailed: TensorFlow Lite Micro cannot run the network or gives
      other outputs than the reference kernels.
  """
  resolution = model.input_shape[1]
  crop = preprocess.crops(data.description)
  images = preprocess.Resized(data.test.images, resolution, crop)
  labels = data.test.labels
  models = {"float": tflite.float32(model)}
  counts = {"float": FLOAT_IMAGES}
  reports = {}
  if settings.quantize != "none":
    material = make_material(
      data,
      resolution,
      settings.calibration_images,
      settings.seed,
      Options.of(settings),
    )
    material = dataclasses.replace(material, float_model=models["float"])
    quantized = METHODS[settings.quantize](model, material)
    models[quantized.kind] = quantized.model
    counts[quantized.kind] = len(labels)
    reports[quantized.kind] = quantized.report()
  conversions = {}
  for name, bytes_ in models.items():
    count = counts[name]
    chosen = _evenly(len(labels), count)
    part = images if count == len(labels) else images[chosen]
    others = ()
    if count < LEAST_IMAGES and name != "float":
      others = _others(data, resolution, crop)
    bytes_, verification = verified(bytes_, part, labels[chosen], others)
    conversions[name] = Conversion(bytes_, verification, reports.get(name))
  return conversions


def _evenly(images: int, count: int) -> np.ndarray:
  """Returns the positions of `count` images, or of all if there are fewer."""
  count = min(count, images)
  return np.arange(count) * images // count


def verified(
  model: bytes,
  images: np.ndarray,
  labels: np.ndarray,
  others: Sequence[Split] = (),
) -> tuple[bytes, Verification]:
  """Verifies a network and returns it with the verification.

  If TensorFlow Lite Micro and the reference kernels round differently, scales
  of quantization are changed until both agree.

  Args:
    model: Contents of the .tflite file.
    images: uint8 (n, height, width, channels), of the size of the input.
    labels: Integers (n,), the classes of the images.
    others: More images of that size on which both must agree.

  Returns:
    Contents of the .tflite file, and its verification.

  Raises:
    VerificationFailed: TensorFlow Lite Micro lacks an operator, cannot run the
      network, or gives other outputs than the reference kernels.
  """
  require_operators(inspect(model).operators)
  verification, worst = _compare_all(model, images, labels, others)
  # Both changes are rarely needed and take a minute. A new scale of LOGISTIC
  # changes products, so that MUL is aligned again.
  for align in (
    align_mul.align,
    lambda m: align_mul.align(align_logistic.align(m)),
  ):
    if not worst.equal:
      model = align(model)
      verification, worst = _compare_all(model, images, labels, others)
  require_equal(worst)
  return model, verification


def _compare_all(
  model: bytes,
  images: np.ndarray,
  labels: np.ndarray,
  others: Sequence[Split],
) -> tuple[Verification, Verification]:
  """Returns the comparison on the images, and the first that is not equal.

  If all are equal, both are the same.
  """
  verification = found = compare(model, images, labels)
  for other in others:
    if found.equal:
      found = compare(model, other.images, other.labels)
  return verification, verification if found.equal else found


def _others(data: Dataset, resolution: int, crop: bool) -> list[Split]:
  """Returns images of the val and train splits, resized."""
  return [
    Split(
      preprocess.resize(split.images[:LEAST_IMAGES], resolution, crop),
      split.labels[:LEAST_IMAGES],
    )
    for split in (data.val, data.train)
  ]
