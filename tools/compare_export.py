"""Compares the conversion with a plain call of TensorFlow Lite's converter.

    tools/compare_export.py runs/mine model.keras --data=digits --out=export.json

Each argument is the folder of a finished search, which stands for its best
champion (with --all: all champions), or a .keras file trained on --data. Both
conversions use the same network, calibration images and test images:

    plain   `TFLiteConverter.from_keras_model`, full-integer int8, as in
            TensorFlow's documentation
    ours    `elite_tf.conversion.converted.convert`, `--quantize=int8`

Both files run in TensorFlow Lite's reference kernels and in TensorFlow Lite
Micro, and every byte of the outputs is compared. If TensorFlow Lite Micro cannot
run a file, its error is recorded instead, with the accuracy of the reference.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import trainings
from side_by_side import measures, record_or_exit

from elite_tf.conversion import calibration_images as calibration
from elite_tf.conversion import model_file
from elite_tf.data import sources
from elite_tf.errors import ConfigError, EliteError
from elite_tf.runs import find_champion
from elite_tf.runs.folder import RunFolder, store_of
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.system.quiet import quiet


@dataclasses.dataclass(frozen=True)
class Network:
  """A trained network and its data.

  Attributes:
    path: Path of the .keras file.
    settings: Settings of its search: data, seed, place of decoded pictures.
  """

  path: Path
  settings: Settings


def networks(path: str, data: str, every: bool) -> list[Network]:
  """Returns the networks that an argument names.

  Raises:
    ConfigError: The argument is not a finished search, and not a file with
      --data.
  """
  if not Path(path).is_dir():
    if not data:
      raise ConfigError(f"--data must name the data set of {path}")
    return [Network(Path(path), Settings(data=data))]
  folder = RunFolder(Path(path))
  best, spec = find_champion.find_champion(folder, "")
  settings = dataclasses.replace(
    find_champion.data_settings(folder),
    data=data or spec,
    seed=folder.read_config().settings.seed,
  )
  names = [best.name]
  if every:
    names = [c.name for c in folder.read_result().champions]
  return [
    Network(folder.champion(name) / "model.keras", settings) for name in names
  ]


def plain_int8(model, calibration_images) -> bytes:
  """Returns the file that TensorFlow Lite's converter makes of a Keras model.

  The options are those of "full integer quantization, integer only" in
  https://ai.google.dev/edge/litert/models/post_training_quantization.
  """
  import tensorflow as tf

  converter = tf.lite.TFLiteConverter.from_keras_model(model)
  converter.optimizations = [tf.lite.Optimize.DEFAULT]
  converter.representative_dataset = lambda: (
    [image[None]] for image in calibration_images
  )
  converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
  converter.inference_input_type = tf.int8
  converter.inference_output_type = tf.int8
  # The converter prints hundreds of lines to all streams.
  said = contextlib.redirect_stdout(io.StringIO())
  with quiet(), warnings.catch_warnings(), said:
    warnings.simplefilter("ignore")
    return converter.convert()


def contents(made: bytes) -> dict:
  """Returns size, operators and float tensors of a file."""
  from elite_tf.conversion.tflite.inspect import inspect

  inspection = inspect(made)
  return {
    "tflite_bytes": len(made),
    "operators": inspection.operators,
    "float_tensors": len(inspection.float_tensors),
  }


def answers(verified) -> dict:
  """Returns the figures of a result of `elite_tf.conversion.verify.compare`."""
  return {
    "runs_in_tflm": True,
    "arena_bytes": verified.arena_bytes,
    "accuracy_int8": verified.accuracy,
    "images_different": verified.different,
    "codes": verified.codes,
  }


def run(made: bytes, images, labels) -> dict:
  """Returns the figures of a file, or why TensorFlow Lite Micro cannot run it."""
  import numpy as np

  from elite_tf.conversion.interpreters.reference import run_reference
  from elite_tf.conversion.interpreters.tensors import input_table
  from elite_tf.conversion.tflite.inspect import inspect
  from elite_tf.conversion.verify.compare import compare

  try:
    return answers(compare(made, images, labels))
  except EliteError as error:
    inputs = input_table(inspect(made).input)[images]
    outputs = run_reference(made, inputs).reshape(len(images), -1)
    return {
      "runs_in_tflm": False,
      "tflm_says": str(error),
      "accuracy_int8": float(np.mean(outputs.argmax(axis=1) == labels)),
    }


def compare(network: Network, images: int, count: int) -> dict:
  """Returns the figures of both conversions of a network."""
  from elite_tf.conversion import converted
  from elite_tf.data import preprocess

  settings = network.settings
  data = sources.load(settings.data, settings.seed, store_of(settings))
  part = sources.Split(data.test.images[:images], data.test.labels[:images])
  data = dataclasses.replace(data, test=part)
  model = model_file.load_model(network.path)
  model_file.check_model(network.path, model, data.description, "int8")
  size, crop = model.input_shape[1], preprocess.crops(data.description)
  real = trainings.float_accuracy(model, part, crop)
  resized = preprocess.resize(part.images, size, crop)

  began = time.monotonic()
  calibrating = calibration.calibration_images(
    data.train, size, count, settings.seed, crop
  )
  plain = plain_int8(model, calibrating)
  plain_seconds = time.monotonic() - began

  began = time.monotonic()
  made = converted.convert(
    model,
    data,
    Settings(calibration_images=count, seed=settings.seed),
  )["int8"]
  seconds = time.monotonic() - began
  both = {
    "plain": contents(plain)
    | run(plain, resized, part.labels)
    | {"conversion_seconds": plain_seconds},
    "ours": contents(made.model)
    | answers(made.verification)
    | {
      # Includes the choice by validation accuracy and the verification.
      "conversion_seconds": seconds,
      "measures": measures(made.quantization),
    },
  }
  for row in both.values():
    row["drop_points"] = 100 * (real - row["accuracy_int8"])
  return {
    "network": model.name,
    "data": data.description.name,
    "params": model.count_params(),
    "test_images": len(part.labels),
    "calibration_images": len(calibrating),
    "accuracy_float": real,
    **both,
  }


def main(arguments: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("paths", nargs="+")
  parser.add_argument("--data", default="", help="as in elite_tf.search")
  parser.add_argument("--all", action="store_true", help="every champion")
  parser.add_argument(
    "--images", type=int, default=2000, help="number of test images"
  )
  parser.add_argument("--calibration_images", type=int, default=256)
  parser.add_argument("--out", help="JSON file; default: stdout")
  flags = parser.parse_args(arguments)

  def measure() -> dict:
    found = [
      network
      for path in flags.paths
      for network in networks(path, flags.data, flags.all)
    ]
    backend.load_keras()
    rows = []
    for network in found:
      rows.append(compare(network, flags.images, flags.calibration_images))
      print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return {"networks": rows}

  return record_or_exit(measure, flags.out)


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
