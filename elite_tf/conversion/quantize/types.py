"""What a method of quantization is given, and what it returns."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable

from elite_tf.runs.metrics import Quantization, Trial

if typing.TYPE_CHECKING:
  # Only for the annotations: a dry run knows the methods without numpy.
  import keras
  import numpy as np

  from elite_tf.data.sources.types import Split


@dataclasses.dataclass(frozen=True)
class Options:
  """What a user can choose about quantization, within the bounds of `Settings`.

  Attributes:
    calibration_balance: Whether every class has the same share of the images
      that calibrate.
    max_drop: Percentage points of validation accuracy that `auto` lets int8
      lose before it tries the next method.
    qat_epochs: Epochs of quantization-aware training, at most.
  """

  calibration_balance: bool = False
  max_drop: float = 1.0
  qat_epochs: int = 4

  @classmethod
  def of(cls, settings: typing.Any) -> Options:
    """Returns the options among settings, or flags, of the same names."""
    names = [field.name for field in dataclasses.fields(cls)]
    return cls(*(getattr(settings, name) for name in names))


@dataclasses.dataclass(frozen=True, eq=False)
class Material:
  """The images that a method works with, all of the network's size.

  Attributes:
    calibration: float32 (n, height, width, channels) of the training split, as
      `elite_tf.data.preprocess` gives them.
    val: Validation images, uint8, and their labels: what methods are chosen by.
    train: Returns the training images, uint8, and their labels.
    options: What was chosen.
    seed: Decides the order of the training images.
    float_model: The network's float32 .tflite file, where it has been converted
      already; None converts it when it is needed.
  """

  calibration: np.ndarray
  val: Split
  train: Callable[[], Split]
  options: Options = Options()
  seed: int = 0
  float_model: bytes | None = None

  def float32(self, model: keras.Model) -> bytes:
    """Returns the network's float32 .tflite file.

    Args:
      model: The network.

    Raises:
      ConfigError: It cannot be converted.
    """
    from elite_tf.conversion.tflite import convert

    return self.float_model or convert.float32(model)


@dataclasses.dataclass(frozen=True, eq=False)
class Quantized:
  """A quantized network and how it came about.

  Attributes:
    model: The .tflite file.
    float_val_accuracy: Validation accuracy before, 0 to 1.
    taken: The method that made it.
    tried: Every method tried, in order; none means the one taken alone.
    noise: Rows of `elite_tf.conversion.quantize.sqnr.layer_noise`, the worst first;
      empty where too little was lost to ask why.
    skipped: Why methods could not be tried, by name.
  """

  model: bytes
  float_val_accuracy: float
  taken: Trial
  tried: tuple[Trial, ...] = ()
  noise: tuple[dict[str, typing.Any], ...] = ()
  skipped: dict[str, str] = dataclasses.field(default_factory=dict)

  @property
  def kind(self) -> str:
    """What the network's numbers are: "int8" or "int16x8"."""
    return self.taken.kind

  @property
  def drop(self) -> float:
    """Percentage points of validation accuracy lost."""
    return 100 * (self.float_val_accuracy - self.taken.val_accuracy)

  def report(self) -> Quantization:
    """Returns what metrics.json tells of it."""
    return Quantization(
      method=self.taken.method,
      kind=self.kind,
      val_accuracy_float=self.float_val_accuracy,
      drop_points=self.drop,
      tried=self.tried or (self.taken,),
      skipped=self.skipped,
      noise=self.noise,
    )
