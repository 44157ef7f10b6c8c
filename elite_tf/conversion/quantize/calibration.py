"""Calibration: the range of every activation.

TensorFlow Lite's own calibrator may read an activation after the next operator
has overwritten it: for a sum computed in place it records the sum's range for
the addend too, a third too wide in EfficientNets. Here every tensor keeps its
values until it has been read.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from elite_tf.conversion.interpreters.observe import observe
from elite_tf.conversion.tflite.flatbuffer import (
  activations,
  pack,
  schema,
  unpack,
)
from elite_tf.data.preprocess import PIXEL_SCALE, PIXEL_ZERO
from elite_tf.errors import ConfigError

# Share of the values that are stored at either end: the most that can be
# clipped.
TAIL = 1e-3

# Lowest and highest input of `elite_tf.data.preprocess`.
INPUT = (-PIXEL_ZERO * PIXEL_SCALE, (255 - PIXEL_ZERO) * PIXEL_SCALE)

Ranges = Mapping[int, tuple[float, float]]  # Tensor -> lowest, highest value.


@dataclasses.dataclass(frozen=True, eq=False)
class Tails:
  """The extreme values of one tensor over all images.

  Attributes:
    low: The lowest values, ascending, at least a share of `TAIL`.
    high: The highest values, ascending, as many.
    count: Number of all values.
    lows: The lowest value of every image, ascending.
    highs: The highest value of every image, ascending.
  """

  low: np.ndarray
  high: np.ndarray
  count: int
  lows: np.ndarray
  highs: np.ndarray

  def between(
    self, percentile: float = 100.0, images: float = 100.0
  ) -> tuple[float, float]:
    """Returns a range (low, high) with most of the values.

    Args:
      percentile: Percent of the values up to `high`, and percent from `low` on;
        100 * (1 - TAIL) to 100.
      images: Percent of the images with all values up to `high`, and percent
        with all values from `low` on. An unusual image has extreme values all
        over the small maps at a network's end, more than a percentile of the
        values can clip.
    """
    outside = _outside(percentile, self.count, len(self.high))
    odd = _outside(images, len(self.highs), len(self.highs))
    return (
      float(max(self.low[outside], self.lows[odd])),
      float(min(self.high[-1 - outside], self.highs[-1 - odd])),
    )


def _outside(percent: float, count: int, most: int) -> int:
  """Returns how many of `count` are beyond a percentile, less than `most`."""
  return min(int(round((1 - percent / 100) * count, 6)), most - 1)


def measure(model: bytes, images: np.ndarray) -> dict[int, Tails]:
  """Returns the tails of every activation of a float network.

  Args:
    model: A float .tflite file.
    images: float32 (n, height, width, channels).
  """
  tails: dict[int, Tails] = {}
  for values in observe(model, images):
    for index, array in values.items():
      flat = array.ravel()
      keep = math.ceil(TAIL * flat.size * len(images))
      known = tails.get(index, _NOTHING)
      tails[index] = Tails(
        low=-_highest(-flat, -known.low, keep),
        high=_highest(flat, known.high, keep),
        count=flat.size + known.count,
        lows=np.append(known.lows, flat.min()),
        highs=np.append(known.highs, flat.max()),
      )
  return {
    index: Tails(
      np.sort(found.low),
      np.sort(found.high),
      found.count,
      np.sort(found.lows),
      np.sort(found.highs),
    )
    for index, found in tails.items()
  }


_EMPTY = np.empty(0, np.float32)
_NOTHING = Tails(_EMPTY, _EMPTY, 0, _EMPTY, _EMPTY)


def _highest(values: np.ndarray, known: np.ndarray, keep: int) -> np.ndarray:
  """Returns the `keep` highest of all values, unsorted."""
  if len(known) < keep:
    both = np.concatenate([known, values])
  else:
    above = values[values > known.min()]
    both = np.concatenate([known, above]) if above.size else known
  if both.size <= keep:
    return both
  return np.partition(both, both.size - keep)[-keep:]


def clip(
  model: bytes,
  tails: Mapping[int, Tails],
  percentile: float = 100.0,
  images: float = 100.0,
) -> Ranges:
  """Returns the range of every activation, with extreme values clipped.

  The input's range is never wider than that of a pixel.

  Args:
    model: The float .tflite file that the tails were measured with.
    tails: Of every activation, by tensor.
    percentile: As for `Tails.between`.
    images: As for `Tails.between`.
  """
  (source,) = unpack(model).subgraphs[0].inputs
  ranges = {
    index: found.between(percentile, images) for index, found in tails.items()
  }
  low, high = tails[source].between()
  ranges[source] = max(low, INPUT[0]), min(high, INPUT[1])
  return ranges


def mark(
  model: bytes,
  ranges: Ranges,
  form: Callable[[int, float, float], tuple[float, float]],
) -> bytes:
  """Returns the network with ranges written into it, as by a calibrator.

  Args:
    model: A float .tflite file.
    ranges: Of every activation.
    form: Function of (tensor, lowest, highest value) -> the range to write.

  Raises:
    ConfigError: An activation has no range; names it.
  """
  root = unpack(model)
  graph = root.subgraphs[0]
  for index in activations(root):
    if index not in ranges:
      name = graph.tensors[index].name.decode()
      raise ConfigError(
        f"every activation needs a range. Received: no range of tensor {name}"
      )
    tensor = graph.tensors[index]
    tensor.quantization = (
      tensor.quantization or schema().QuantizationParametersT()
    )
    low, high = form(index, *ranges[index])
    tensor.quantization.min, tensor.quantization.max = [low], [high]
  return pack(root)
