"""Post-training quantization, by whichever measures serve a network best."""

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

# What an activation's range may hold, percent of the values and of the images.
RANGES = ((100.0, 100.0), (99.99, 100.0), (99.9, 100.0), (100.0, 99.0))


@dataclasses.dataclass(frozen=True)
class Measures:
  """What is done about a network before and after it is quantized.

  Attributes:
    percentile: Percent of an activation's values that its range holds at
      either end; None means the converter's own calibration.
    images: Percent of the images all of whose values it holds.
    equalized: Whether channels are made alike first.
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


# From the simplest on: of equally good ones the first is taken.
CANDIDATES = (
  Measures(),
  *(Measures(*held) for held in RANGES),
  *(Measures(*held, equalized=True) for held in RANGES),
)


def int8(model: keras.Model, material: Material) -> Quantized:
  """Returns a network in int8, chosen by validation accuracy.

  The converter's plain quantization is taken if it loses nothing. Otherwise
  ranges and equalization are tried alone and together, then the biases of the
  best are corrected, and the most accurate network is taken; of equals the
  simplest.

  Args:
    model: The trained network.
    material: Calibrates and decides.

  Raises:
    ConfigError: As `elite_tf.conversion.quantize.post_training.int8` has it.
    VerificationFailed: Likewise.
  """
  from elite_tf.conversion.quantize.accuracy import accuracy
  from elite_tf.conversion.quantize.sqnr import layer_noise
  from elite_tf.conversion.tflite import convert as tflite

  began = time.monotonic()
  bench = _Bench(model, material)
  exact = accuracy(tflite.float32(model), material.val)
  tried = {CANDIDATES[0]: bench.convert(CANDIDATES[0])}
  scores = {CANDIDATES[0]: accuracy(tried[CANDIDATES[0]], material.val)}

  def attempt(measures: Measures) -> None:
    converted = bench.convert(measures)
    if converted is not None:
      tried[measures] = converted
      scores[measures] = accuracy(converted, material.val)

  if scores[CANDIDATES[0]] < exact:
    for measures in CANDIDATES[1:]:
      attempt(measures)
    # max() takes the first of equals, and the first is the simplest.
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
    tried[best], bench.network(best.equalized), material.calibration
  )
  return dataclasses.replace(quantized, noise=noise)


def int16x8(model: keras.Model, material: Material) -> Quantized:
  """Returns a network with activations in int16 and weights in int8.

  Args:
    model: The trained network.
    material: Calibrates and measures.

  Raises:
    ConfigError: The network cannot be quantized so.
    VerificationFailed: Its logits are all but zero.
  """
  from elite_tf.conversion.quantize import calibration as ranges
  from elite_tf.conversion.quantize import integers
  from elite_tf.conversion.quantize.accuracy import accuracy
  from elite_tf.conversion.quantize.sqnr import layer_noise

  began = time.monotonic()
  bench = _Bench(model, material)
  network = bench.network(False)
  converted = integers.int16x8(
    network, ranges.clip(network, bench.tails(False))
  )
  exact = accuracy(network, material.val)
  score = accuracy(converted, material.val)
  quantized = outcome("int16x8", "int16x8", converted, exact, score, began, {})
  if quantized.drop <= material.options.max_drop:
    return quantized
  noise = layer_noise(converted, network, material.calibration)
  return dataclasses.replace(quantized, noise=noise)


class _Bench:
  """Converts a network by measures; what two of them need is made once."""

  def __init__(self, model: keras.Model, material: Material):
    from elite_tf.conversion.quantize.post_training import check_calibration

    check_calibration(model, material.calibration)
    self._model = model
    self._images = material.calibration
    self.network = functools.cache(self._network)
    self.tails = functools.cache(self._tails)
    self._unmended = functools.cache(self._quantized)

  def convert(self, measures: Measures) -> bytes | None:
    """Returns the network in int8; None where a measure does not apply."""
    from elite_tf.conversion.quantize.bias import correct_bias

    try:
      converted = self._unmended(dataclasses.replace(measures, corrected=False))
    except ConfigError:
      if measures.equalized:
        return None  # No network of the families.
      raise
    if measures.corrected:
      network = self.network(measures.equalized)
      converted = correct_bias(converted, network, self._images)
    return converted

  def _network(self, equalized: bool) -> bytes:
    from elite_tf.conversion.quantize.equalize import equalize
    from elite_tf.conversion.tflite import convert as tflite

    model = self._model
    return tflite.float32(equalize(model, self._images) if equalized else model)

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
