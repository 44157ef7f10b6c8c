"""What metrics.json in a champion's folder holds."""

import dataclasses
from dataclasses import field
from typing import Any

from elite_tf.system.records import OMIT_EMPTY, Record

FILE = "metrics.json"

# Counts: rows by true class, columns by answer.
Confusion = tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True)
class Preprocessing:
  """How a network's input is made of an image (`elite_tf.data.preprocess`).

  Attributes:
    resolution: Side of the input, in pixels.
    crop: Whether the central part of a photograph is taken.
    crop_margin: Pixels of the short side beside what is taken, of a photograph
      whose short side is `resolution` + `crop_margin`; 0 without a crop.
    filter: Of the resizing.
    pixel_zero: The input is (pixel - `pixel_zero`) * `pixel_scale`.
    pixel_scale: See above.
  """

  resolution: int
  crop: bool
  crop_margin: int
  filter: str
  pixel_zero: int
  pixel_scale: float


@dataclasses.dataclass(frozen=True)
class ClassRecall:
  """Share of the images of a class that were answered right.

  Attributes:
    class_: Name of the class.
    recall: 0 to 1; None for a class of which there is no image.
  """

  class_: str
  recall: float | None


@dataclasses.dataclass(frozen=True)
class ClassifierMetrics:
  """How well a network answers a split.

  Attributes:
    accuracy: Top-1 accuracy, 0 to 1.
    balanced_accuracy: Mean recall of the classes, 0 to 1.
    recall: Of every class, in the order of the outputs.
    confusion: Counts, rows by true class, columns by answer.
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
    kind: "int8" or "int16x8": what the network's numbers are.
    val_accuracy: Validation accuracy, 0 to 1, by TensorFlow Lite's fast
      kernels.
    tflite_bytes: Size of the file.
    arena_bytes: Arena that TensorFlow Lite Micro takes on this machine.
    seconds: Wall clock.
    details: What the method has to tell of itself.
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
  """How a quantized network came about.

  Attributes:
    method: The method taken.
    kind: "int8" or "int16x8": what the network's numbers are.
    val_accuracy_float: Validation accuracy before, 0 to 1.
    drop_points: Percentage points of validation accuracy lost.
    tried: Every method tried, in order.
    skipped: Why methods could not be tried, by name.
    noise: {"layer", "operator", "sqnr_db"} of each layer, the noisiest first;
      empty where too little was lost to ask why.
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
  """A .tflite file, and how it answers the test split.

  The attributes from `images` to `seconds` are those of
  `elite_tf.conversion.verify.compare.Verification`, the others those of
  `ClassifierMetrics`, but for

  Attributes:
    tflite_bytes: Size of the file.
    per_channel_dense: Names of dense layers whose weights have a scale for each
      output, which TensorFlow Lite Micro may compute otherwise.
    quantization: How it was quantized; None where it computes in floating
      point.
  """

  tflite_bytes: int
  per_channel_dense: tuple[str, ...]
  images: int
  equal: bool
  different: int
  first_difference: int | None
  accuracy: float
  confusion: Confusion
  arena_bytes: int
  arena_head_bytes: int
  arena_tail_bytes: int
  codes: int
  seconds: float
  balanced_accuracy: float
  recall: tuple[ClassRecall, ...]
  quantization: Quantization | None = field(default=None, metadata=OMIT_EMPTY)


@dataclasses.dataclass(frozen=True)
class Metrics(Record):
  """A network, its conversions, and how they answer the test split.

  Attributes:
    name: Of the network.
    test_images: Images of the test split.
    preprocessing: How the input is made.
    test_accuracy_float: Top-1 accuracy of the Keras model, 0 to 1.
    float_: How the Keras model answers.
    conversions: By name: "float", and "int8" or "int16x8". The float file
      answers a few images alone: the Keras model, which computes the same, has
      answered them all.
    seconds: Wall clock of conversion and verification; None where it was not
      measured.
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
    """Name of the quantized conversion; None where there is none."""
    return next((name for name in self.conversions if name != "float"), None)

  @property
  def quantized(self) -> ConversionMetrics | None:
    """The quantized conversion; None where there is none."""
    return self.conversions.get(self.kind)

  @property
  def deployed(self) -> ConversionMetrics | None:
    """The conversion for a board; None where nothing was converted."""
    return self.quantized or self.conversions.get("float")
