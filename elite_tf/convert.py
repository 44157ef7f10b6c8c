"""Converts a trained network to a verified .tflite file.

python -m elite_tf.convert --model=model.keras --data=digits --out=my.tflite
python -m elite_tf.convert --run_dir=runs/mine --out=my.tflite
python -m elite_tf.convert --run_dir=runs/mine

The last command completes a search that ran without TensorFlow: it adds the
.tflite files and their figures to the run folder.
"""

import dataclasses
import functools
import json
import logging
import sys
from pathlib import Path

from absl import flags

from elite_tf.conversion.convert_file import Converted, convert_file
from elite_tf.conversion.model_file import load_for
from elite_tf.conversion.quantize import report
from elite_tf.conversion.tflite.inspect import dense_note, inspect
from elite_tf.errors import ConfigError
from elite_tf.runs.find_champion import data_settings, find_champion
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.setting_field import flag_help
from elite_tf.runs.settings import CONVERSION, FIELDS, Settings, resolve
from elite_tf.system import backend
from elite_tf.system.cli import (
  define_flag,
  define_format,
  given_flags,
  run,
  show_log,
)
from elite_tf.system.output_path import check_new_file

logger = logging.getLogger("elite_tf.convert")


def define_flags() -> None:
  """Defines the flags of the command."""
  define_flag("model", "", "A .keras file of one of the families.")
  define_flag(
    "run_dir", "", "Folder of a finished search, instead of --model and --data."
  )
  define_flag(
    "champion",
    "",
    "Name of a champion of --run_dir. Empty: the most accurate one in"
    " validation.",
  )
  define_flag(
    "data",
    "",
    "Data set that calibrates and verifies the network, as in elite_tf.search."
    " Empty: the data set of --run_dir.",
  )
  for name in CONVERSION:
    define_flag(name, FIELDS[name].default, flag_help(FIELDS[name]))
  define_flag(
    "out",
    "",
    "The .tflite file to write. Empty, with --run_dir: every champion without"
    " .tflite files gets them, and metrics.json and result.json are completed.",
  )
  define_flag("overwrite", False, "Replace --out if it exists.")
  define_format("the metrics")


def find_model(
  model: str, run_dir: str, champion: str, data: str, settings: Settings
) -> tuple[Path, Settings]:
  """Returns the .keras file and the settings with its data set.

  Args:
    model: `--model`.
    run_dir: `--run_dir`.
    champion: `--champion`.
    data: `--data`.
    settings: As given.

  Raises:
    ConfigError: The flags do not name one network and one data set.
  """
  if bool(model) == bool(run_dir):
    raise ConfigError(
      "either --model or --run_dir must be given."
      f" Received: --model={model} --run_dir={run_dir}"
    )
  path = Path(model)
  if run_dir:
    folder = RunFolder(Path(run_dir))
    files, there = find_champion(folder, champion)
    path, data = files / "model.keras", data or there
    settings = data_settings(folder, settings)
  if not data:
    raise ConfigError(
      "--data must name the data set that calibrates. Received: ''"
    )
  return path, dataclasses.replace(settings, data=data)


def main() -> int:
  """Runs the command with the flags given; returns the exit code."""
  values = flags.FLAGS
  if not backend.current().converts:
    raise ConfigError(
      "KERAS_BACKEND must be tensorflow, the only one that writes .tflite"
      f" files. Received: {backend.current().name}"
    )
  if values.run_dir and not values.out and not values.model:
    return _finish(values)
  out = check_new_file(values.out, values.overwrite)
  settings = resolve(given_flags(CONVERSION))
  path, settings = find_model(
    values.model, values.run_dir, values.champion, values.data, settings
  )
  converted = convert_file(path, out, settings)
  if values.format == "json":
    print(json.dumps({"out": str(out), **converted.metrics.to_json()}))
  else:
    _print(out, converted)
  return 0


def _print(out: Path, converted: Converted) -> None:
  conversion = converted.conversion
  verified = conversion.verification
  print(
    f"{out}: {len(conversion.model):,} bytes, arena"
    f" {verified.arena_bytes:,} bytes, test accuracy"
    f" {100 * verified.accuracy:.2f} % (float"
    f" {100 * converted.metrics.test_accuracy_float:.2f} %), equal to"
    f" TensorFlow Lite Micro on {verified.images:,} images"
  )
  note = dense_note(inspect(conversion.model))
  if note:
    print(note)
  if conversion.quantization:
    print(report.summary(conversion.quantization))


def _finish(values) -> int:
  folder = RunFolder(Path(values.run_dir))
  find_champion(folder, values.champion)
  given = given_flags(("run_dir", "data", *CONVERSION))
  before = dataclasses.asdict(folder.read_config().settings)
  settings = resolve({**before, **given})
  backend.load_keras()
  from elite_tf.conversion import finish_run
  from elite_tf.report import ending

  names = finish_run.unfinished(folder, values.champion)
  load = functools.partial(load_for, settings=settings)
  finish_run.finish(folder, names, settings, load)
  if names:
    ending.write_or_warn(folder)
  else:
    logger.info(
      f"{folder.path}: every champion has its .tflite files already; with"
      " --out, one champion is converted again"
    )
  if values.format == "json":
    print(json.dumps(folder.read_result().to_json()))
  return 0


def console() -> None:
  """Entry point."""
  define_flags()
  with show_log():
    run(main)


if __name__ == "__main__":
  sys.exit(console())
