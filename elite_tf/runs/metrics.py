"""Contents of metrics.json in the folder of a champion."""

import dataclasses
from dataclasses import field
from typing import Any

from elite_tf.system.records import OMIT_EMPTY, Record

FILE = "metrics.json"

# Most classes with a confusion matrix: of 1,000 it would be most of the file, and
# almost all zeros. The single answers are in predictions.npz.
MOST_CONFUSED = 100

# Counts of images: rows are true classes, columns are answers. Empty for more
# than `MOST_CONFUSED` classes.
Confusion = tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True)
class Preprocessing:
  """How the input of a network is made from an image.

  `elite_tf.data.preprocess.describe` has the steps.

  Attributes:
    resolution: Side of the input, in pixels.
    crop: Whether only the central part of an image is used.
    filter: Filter of the resizing.
    pixel_zero: The input is (pixel - `pixel_zero`) * `pixel_scale`.
    pixel_scale: See `pixel_zero`.
    crop_eighths: How many eighths of the short side of the image are used; 8
      without crop, and in files of earlier versions, whose crop was another.
  """

  resolution: int
  crop: bool
  filter: str
  pixel_zero: int
  pixel_scale: float
  crop_eighths: int = 8


@dataclasses.dataclass(frozen=True)
class ClassRecall:
  """Share of the images of a class that have the right answer.

  Attributes:
    class_: Name of the class; "class" in the file.
    recall: The share, 0 to 1; None for a class without images.
  """

  class_: str
  recall: float | None


@dataclasses.dataclass(frozen=True)
class ClassifierMetrics:
  """Metrics of a network on a split.

  Attributes:
    accuracy: Top-1 accuracy, 0 to 1.
    balanced_accuracy: Mean recall of the classes that have images, 0 to 1.
    recall: Recall of each class, in the order of the outputs.
    confusion: Counts of images: rows are true classes, columns are answers.
  """

  accuracy: float
  balanced_accuracy: float
  recall: tuple[ClassRecall, ...]
  confusion: Confusion


@dataclasses.dataclass(frozen=True)
class Trial:
  """A method of quantization that was tried.

  Attributes:
    method: Its name in `elite_tf.conversion.quantize.METHODS`.
    kind: Numbers of the quantized network, "int8" or "int16x8".
    val_accuracy: Validation accuracy with the fast kernels of TensorFlow Lite,
      0 to 1.
    tflite_bytes: Size of the .tflite file.
    arena_bytes: Arena that TensorFlow Lite Micro uses on this computer.
    seconds: Wall-clock seconds.
    details: Further figures, which depend on the method.
  """

  method: str
  kind: str
  val_accuracy: float
  tflite_bytes: int
  arena_bytes: int
  seconds: float
  details: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Quantization:
  """How a network was quantized.

  Attributes:
    method: Method that was chosen.
    kind: Numbers of the quantized network, "int8" or "int16x8".
    val_accuracy_float: Validation accuracy before quantization, 0 to 1.
    drop_points: Validation accuracy lost, in percentage points.
    tried: Methods that were tried, in order.
    skipped: Reasons why methods could not be tried, by name.
    noise: {"layer", "operator", "sqnr_db"} of each layer, the noisiest layer
      first; empty if little accuracy was lost.
  """

  method: str
  kind: str
  val_accuracy_float: float
  drop_points: float
  tried: tuple[Trial, ...]
  skipped: dict[str, str]
  noise: tuple[dict[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class ConversionMetrics:
  """Metrics of a .tflite file on the test split.

  `accuracy`, `balanced_accuracy`, `recall` and `confusion` are as in
  `ClassifierMetrics` if the file was run on the whole split, otherwise None and
  empty.

  Attributes:
    tflite_bytes: Size of the file.
    per_channel_dense: Names of dense layers with one scale per output, which
      TensorFlow Lite Micro may round differently.
    images: Number of images on which TensorFlow Lite Micro was compared with
      the reference kernels.
    equal: Whether all bytes of all outputs are equal.
    different: Number of images with different outputs.
    first_difference: Position of the first of these images; None if there is
      none.
    arena_bytes: Arena that TensorFlow Lite Micro used on this computer.
    arena_head_bytes: Part of the arena that is reused between layers.
    arena_tail_bytes: Part of the arena that is kept throughout.
    codes: Number of different values in all outputs.
    seconds: Wall-clock seconds of the comparison.
    quantization: How the network was quantized; None for floating point.
  """

  tflite_bytes: int
  per_channel_dense: tuple[str, ...]
  images: int
  equal: bool
  different: int
  first_difference: int | None
  accuracy: float | None
  confusion: Confusion
  arena_bytes: int
  arena_head_bytes: int
  arena_tail_bytes: int
  codes: int
  seconds: float
  balanced_accuracy: float | None
  recall: tuple[ClassRecall, ...]
  quantization: Quantization | None = field(default=None, metadata=OMIT_EMPTY)


@dataclasses.dataclass(frozen=True)
class Metrics(Record):
  """Metrics of a network and its conversions on the test split.

  Attributes:
    name: Name of the network.
    test_images: Number of images of the test split.
    preprocessing: How the input is made from an image.
    test_accuracy_float: Top-1 accuracy of the Keras model, 0 to 1.
    float_: Metrics of the Keras model; "float" in the file.
    conversions: Metrics of the .tflite files by name: "float", and "int8" or
      "int16x8". The float file, which computes the same as the Keras model, is
      run on a few images only, and has no accuracy of its own.
    seconds: Wall-clock seconds of conversion and verification; None if they
      were not measured.
  """

  name: str
  test_images: int
  preprocessing: Preprocessing
  test_accuracy_float: float
  float_: ClassifierMetrics
  conversions: dict[str, ConversionMetrics]
  seconds: float | None = field(default=None, metadata=OMIT_EMPTY)

  @property
  def kind(self) -> str | None:
    """Name of the quantized conversion; None if there is none."""
    return next((name for name in self.conversions if name != "float"), None)

  @property
  def quantized(self) -> ConversionMetrics | None:
    """Metrics of the quantized conversion; None if there is none."""
    return self.conversions.get(self.kind)

  @property
  def deployed(self) -> ConversionMetrics | None:
    """Metrics of the conversion for a board; None if there is none."""
    return self.quantized or self.conversions.get("float")
