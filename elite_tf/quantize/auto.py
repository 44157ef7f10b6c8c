"""The simplest way of quantizing that keeps the accuracy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from elite_tf.quantize import aware, measured
from elite_tf.quantize.material import Material, Quantized

if TYPE_CHECKING:
  import keras

# The cheapest first, for a person and for the board.
LADDER = (measured.int8, aware.qat, measured.int16x8)


def auto(model: keras.Model, material: Material) -> Quantized:
  """Returns the first of int8, QAT and int16x8 that keeps the accuracy.

  Args:
    model: The trained network, of one of the families.
    material: Its options say how much accuracy may be lost.

  Returns:
    The first that loses no more; where all of them do, the most accurate.

  Raises:
    ConfigError: As the methods have it.
    VerificationFailed: Likewise.
  """
  found: list[Quantized] = []
  for method in LADDER:
    found.append(method(model, material))
    if found[-1].drop <= material.options.max_drop:
      best = found[-1]
      break
  else:
    best = min(found, key=lambda quantized: quantized.drop)
  return dataclasses.replace(
      best,
      tried=tuple(quantized.taken for quantized in found),
      # Where plain integers lost it.
      noise=found[0].noise,
  )
