"""The result of a method: its network as written to a file, and its figures."""

import time
from typing import Any

from elite_tf.conversion.quantize.types import Quantized, Trial


def outcome(
  method: str,
  kind: str,
  converted: bytes,
  exact: float,
  val_accuracy: float,
  began: float,
  details: dict[str, Any],
) -> Quantized:
  """Returns a quantized network, made compact, with its size and arena.

  Args:
    method: Its name in `elite_tf.conversion.quantize.METHODS`.
    kind: Type of the network's numbers, "int8" or "int16x8".
    converted: The .tflite file, as the quantizer wrote it.
    exact: Validation accuracy of the float network, 0 to 1.
    val_accuracy: Of the quantized network, 0 to 1.
    began: `time.monotonic()` when the method began.
    details: Further figures of the method, for metrics.json.
  """
  from elite_tf.conversion.interpreters.micro import arena_bytes
  from elite_tf.conversion.tflite.compact import compact

  model = compact(converted)
  trial = Trial(
    method=method,
    kind=kind,
    val_accuracy=val_accuracy,
    tflite_bytes=len(model),
    arena_bytes=arena_bytes(model),
    seconds=time.monotonic() - began,
    details=details,
  )
  return Quantized(model, exact, trial)
