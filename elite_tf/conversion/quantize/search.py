"""Post-training quantization with the measures that suit a network best."""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import TYPE_CHECKING, Any

from elite_tf.conversion.quantize.result import outcome
from elite_tf.conversion.quantize.types import Material, Quantized
from elite_tf.errors import ConfigError

if TYPE_CHECKING:
  import keras

# Ranges of activations to try: percent of the values and of the images within.
RANGES = ((100.0, 100.0), (99.99, 100.0), (99.9, 100.0), (100.0, 99.0))


@dataclasses.dataclass(frozen=True)
class Measures:
  """Measures against loss of accuracy, before and after a quantization.

  Attributes:
    percentile: Percent of an activation's values within its range, at either
      end; None: the converter's own calibration.
    images: Percent of the images with all values within the range.
    equalized: Whether channels are equalized before.
    corrected: Whether biases are corrected afterwards.
  """

  percentile: float | None = None
  images: float = 100.0
  equalized: bool = False
  corrected: bool = False

  def words(self) -> str:
    """Returns the measures in words."""
    if self.percentile is None:
      ranges = ""
    elif self.images < 100:
      ranges = f"ranges of {self.images:g} % of the images"
    else:
      ranges = f"ranges of {self.percentile:g} % of the values"
    named = [
      ranges,
      "channels equalized" if self.equalized else "",
      "biases corrected" if self.corrected else "",
    ]
    return ", ".join(filter(None, named)) or "plain"


# The simplest first: of equally good ones, the first is chosen.
CANDIDATES = (
  Measures(),
  *(Measures(*held) for held in RANGES),
  *(Measures(*held, equalized=True) for held in RANGES),
)


def int8(model: keras.Model, material: Material) -> Quantized:
  """Returns a network in int8, chosen by validation accuracy.

  If the converter's plain quantization loses nothing, it is chosen. Otherwise
  ranges and equalization are tried alone and together, and bias correction with
  the best of them. The most accurate network is chosen; of equals, the
  simplest.

  Args:
    model: The trained network.
    material: Images that calibrate and decide.

  Raises:
    ConfigError: As in `elite_tf.conversion.quantize.post_training.int8`.
    VerificationFailed: As there.
  """
  from elite_tf.conversion.quantize.accuracy import accuracy
  from elite_tf.conversion.quantize.sqnr import layer_noise

  began = time.monotonic()
  converter = _Converter(model, material)
  exact = accuracy(converter.network(False), material.val)
  tried = {CANDIDATES[0]: converter.convert(CANDIDATES[0])}
  scores = {CANDIDATES[0]: accuracy(tried[CANDIDATES[0]], material.val)}

  def attempt(measures: Measures) -> None:
    converted = converter.convert(measures)
    if converted is not None:
      tried[measures] = converted
      scores[measures] = accuracy(converted, material.val)

  if scores[CANDIDATES[0]] < exact:
    for measures in CANDIDATES[1:]:
      attempt(measures)
    # Of equals, max() returns the first, which is the simplest.
    attempt(dataclasses.replace(max(scores, key=scores.get), corrected=True))
  best = max(scores, key=scores.get)
  quantized = outcome(
      "int8", "int8", tried[best], exact, scores[best], began,
      {
          "measures": best.words(),
          "candidates": [
              {"measures": measures.words(), "val_accuracy": score}
              for measures, score in scores.items()
          ],
      },
  )  # fmt: skip
  if quantized.drop <= material.options.max_drop:
    return quantized
  noise = layer_noise(
    tried[best], converter.network(best.equalized), material.calibration
  )
  return dataclasses.replace(quantized, noise=noise)


def int16x8(model: keras.Model, material: Material) -> Quantized:
  """Returns a network with activations in int16 and weights in int8.

  Args:
    model: The trained network.
    material: Images that calibrate and measure.

  Raises:
    ConfigError: The network cannot be quantized in this way.
    VerificationFailed: Its logits are almost zero.
  """
  from elite_tf.conversion.quantize import calibration as ranges
  from elite_tf.conversion.quantize import integers
  from elite_tf.conversion.quantize.accuracy import accuracy
  from elite_tf.conversion.quantize.sqnr import layer_noise

  began = time.monotonic()
  converter = _Converter(model, material)
  network = converter.network(False)
  converted = integers.int16x8(
    network, ranges.clip(network, converter.tails(False))
  )
  exact = accuracy(network, material.val)
  score = accuracy(converted, material.val)
  quantized = outcome("int16x8", "int16x8", converted, exact, score, began, {})
  if quantized.drop <= material.options.max_drop:
    return quantized
  noise = layer_noise(converted, network, material.calibration)
  return dataclasses.replace(quantized, noise=noise)


class _Converter:
  """Converts a network with measures; computes shared parts only once."""

  def __init__(self, model: keras.Model, material: Material):
    from elite_tf.conversion.quantize.post_training import check_calibration

    check_calibration(model, material.calibration)
    self._model = model
    self._material = material
    self._images = material.calibration
    self.network = functools.cache(self._network)
    self.tails = functools.cache(self._tails)
    self._uncorrected = functools.cache(self._quantized)

  def convert(self, measures: Measures) -> bytes | None:
    """Returns the network in int8; None if a measure is not possible."""
    from elite_tf.conversion.quantize.bias import correct_bias

    try:
      converted = self._uncorrected(
        dataclasses.replace(measures, corrected=False)
      )
    except ConfigError:
      if measures.equalized:
        return None  # Only networks of the families can be equalized.
      raise
    if measures.corrected:
      network = self.network(measures.equalized)
      converted = correct_bias(converted, network, self._images)
    return converted

  def _network(self, equalized: bool) -> bytes:
    from elite_tf.conversion.quantize.equalize import equalize
    from elite_tf.conversion.tflite import convert as tflite

    if equalized:
      return tflite.float32(equalize(self._model, self._images))
    return self._material.float32(self._model)

  def _tails(self, equalized: bool) -> dict[int, Any]:
    from elite_tf.conversion.quantize.calibration import measure

    return measure(self.network(equalized), self._images)

  def _quantized(self, measures: Measures) -> bytes:
    from elite_tf.conversion.quantize import calibration as ranges
    from elite_tf.conversion.quantize import integers, post_training

    if measures.percentile is None:
      return post_training.int8(self._model, self._images)
    network = self.network(measures.equalized)
    found = ranges.clip(
      network,
      self.tails(measures.equalized),
      measures.percentile,
      measures.images,
    )
    return integers.int8(network, found)
