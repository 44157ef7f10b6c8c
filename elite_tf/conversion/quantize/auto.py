"""The simplest method of quantization that keeps the accuracy."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from elite_tf.conversion.quantize import qat, search
from elite_tf.conversion.quantize.types import Material, Quantized
from elite_tf.errors import ConfigError

if TYPE_CHECKING:
  import keras

# The cheapest first, in time and on the board.
LADDER = (
  ("int8", search.int8),
  ("qat", qat.qat),
  ("int16x8", search.int16x8),
)


def auto(model: keras.Model, material: Material) -> Quantized:
  """Returns the first of int8, QAT and int16x8 that keeps the accuracy.

  Args:
    model: The trained network, of one of the families.
    material: Images that calibrate, train and decide; its options limit the
      loss of accuracy.

  Returns:
    The first one within the limit; if none is, the most accurate. A method
    that cannot quantize the network is skipped, except the first.

  Raises:
    ConfigError: The first method cannot quantize the network.
    VerificationFailed: Its logits are almost zero.
  """
  found: list[Quantized] = []
  skipped: dict[str, str] = {}
  for name, method in LADDER:
    try:
      found.append(method(model, material))
    except ConfigError as error:
      if not found:
        raise
      skipped[name] = str(error)
      continue
    if found[-1].drop <= material.options.max_drop:
      best = found[-1]
      break
  else:
    best = min(found, key=lambda quantized: quantized.drop)
  return dataclasses.replace(
    best,
    tried=tuple(quantized.taken for quantized in found),
    skipped=skipped,
    # The layers where int8 loses accuracy.
    noise=found[0].noise,
  )
