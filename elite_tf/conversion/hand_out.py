"""Copies a champion's .tflite file, which its search verified."""

from pathlib import Path

from elite_tf.conversion.convert_file import Converted
from elite_tf.errors import ConfigError
from elite_tf.runs import metrics
from elite_tf.runs.metrics import Metrics
from elite_tf.system.atomic_files import write_file


def hand_out(folder: Path, out: Path) -> Converted | None:
  """Writes a champion's file for a board where the user wants it.

  TensorFlow is not loaded.

  Args:
    folder: Of the champion.
    out: The .tflite file; replaced if it is there.

  Returns:
    What was written; None if the champion has no .tflite file yet.

  Raises:
    ConfigError: metrics.json is damaged, or the file is not the one that it
      describes.
    OSError: A file cannot be read or written.
  """
  found = Metrics.read(folder / metrics.FILE)
  deployed = found.deployed
  if deployed is None:
    return None
  path = folder / f"model_{found.kind or 'float'}.tflite"
  model = path.read_bytes()
  if len(model) != deployed.tflite_bytes or not deployed.equal:
    raise ConfigError(
      f"{path} must be the file that was verified, of {deployed.tflite_bytes}"
      f" bytes. Received: {len(model)} bytes"
    )
  write_file(out, model)
  return Converted(model, found)
