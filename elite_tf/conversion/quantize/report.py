"""What a person reads of a quantization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elite_tf.runs.metrics import Quantization

NOISY = 10  # Layers shown where much was lost.


def summary(quantization: Quantization) -> str:
  """Returns what was tried, and where it was lost, as lines for a terminal.

  Args:
    quantization: As `elite_tf.conversion.quantize.Quantized.report` returns it.
  """
  lines = [
    f"{'tried':8} {'val %':>6} {'lost':>6} {'bytes':>10} {'arena':>9}"
    f" {'seconds':>7}"
  ]
  exact = quantization.val_accuracy_float
  for trial in quantization.tried:
    lost = exact - trial.val_accuracy
    lines.append(
      f"{trial.method:8} {100 * trial.val_accuracy:6.2f}"
      f" {100 * lost:6.2f} {trial.tflite_bytes:10,}"
      f" {trial.arena_bytes:9,} {trial.seconds:7.1f}"
      f" {trial.details.get('measures', '')}".rstrip()
    )
  lines += [f"{n}: {why}" for n, why in quantization.skipped.items()]
  if quantization.noise:
    lines += ["", noise_table(quantization.noise)]
  return "\n".join(lines)


def noise_table(rows: Sequence[Mapping[str, Any]], count: int = NOISY) -> str:
  """Returns the noisiest layers as a table, one line a row.

  Args:
    rows: Of `elite_tf.conversion.quantize.sqnr.layer_noise`, the worst first.
    count: Rows to show, at most.
  """
  shown = rows[:count]
  width = max((len(row["layer"]) for row in shown), default=0)
  lines = [f"{'layer':{width}} {'operator':18} signal to noise"]
  for row in shown:
    lines.append(
      f"{row['layer']:{width}} {row['operator']:18} {row['sqnr_db']:6.1f} dB"
    )
  return "\n".join(lines)
