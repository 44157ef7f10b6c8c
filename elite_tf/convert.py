"""Converts a trained network to a verified .tflite file.

python -m elite_tf.convert --model=model.keras --data=digits --out=my.tflite
python -m elite_tf.convert --run_dir=runs/mine --out=my.tflite
python -m elite_tf.convert --run_dir=runs/mine

The second command copies the file that the search verified, or converts the
champion again if a flag differs from the search's settings. The last command
completes a search that ran without TensorFlow: it adds the .tflite files and
their figures to the run folder.
"""

import functools
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from absl import flags

from elite_tf.conversion.convert_file import Converted, convert_file
from elite_tf.conversion.hand_out import hand_out
from elite_tf.conversion.model_file import load_for
from elite_tf.conversion.quantize import report
from elite_tf.conversion.tflite.inspect import dense_note, inspect
from elite_tf.errors import ConfigError
from elite_tf.runs.find_champion import (
  differences,
  find_champion,
  search_settings,
)
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.presets import resolve
from elite_tf.runs.setting_field import flag_help
from elite_tf.runs.settings import CONVERSION, FIELDS, Settings
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
    "run_dir",
    "",
    "Folder of a finished search, instead of --model and --data. Flags that are"
    " not given have the values of the search.",
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


def find_network(
  model: str, run_dir: str, champion: str, given: Mapping[str, object]
) -> tuple[Path, Settings, RunFolder | None]:
  """Returns the .keras file, all settings, and the folder of its search.

  Args:
    model: `--model`.
    run_dir: `--run_dir`.
    champion: `--champion`.
    given: Settings by name, only those that were given.

  Raises:
    ConfigError: The flags do not name one network and one data set.
  """
  if bool(model) == bool(run_dir):
    raise ConfigError(
      "either --model or --run_dir must be given."
      f" Received: --model={model} --run_dir={run_dir}"
    )
  if run_dir:
    folder = RunFolder(Path(run_dir))
    files, _ = find_champion(folder, champion)
    return files / "model.keras", search_settings(folder, given), folder
  if champion:
    raise ConfigError(
      f"--champion needs --run_dir. Received: --champion={champion}"
    )
  settings = resolve(given)
  if not given.get("data"):
    raise ConfigError(
      "--data must name the data set that calibrates. Received: ''"
    )
  return Path(model), settings, None


def main() -> int:
  """Runs the command with the flags given; returns the exit code."""
  values = flags.FLAGS
  given = given_flags(CONVERSION)
  if values.data:
    given["data"] = values.data
  if values.run_dir and not values.out and not values.model:
    _require_converter()
    return _finish(values, given)
  out = check_new_file(values.out, values.overwrite)
  path, settings, folder = find_network(
    values.model, values.run_dir, values.champion, given
  )
  converted = folder and _hand_out(path.parent, out, settings, folder)
  if not converted:
    _require_converter()
    converted = convert_file(path, out, settings, folder)
  if values.format == "json":
    print(json.dumps({"out": str(out), **converted.metrics.to_json()}))
  else:
    _print(out, converted)
  return 0


def _require_converter() -> None:
  if not backend.current().converts:
    raise ConfigError(
      "KERAS_BACKEND must be tensorflow, the only one that writes .tflite"
      f" files. Received: {backend.current().name}"
    )


def _hand_out(
  files: Path, out: Path, settings: Settings, folder: RunFolder
) -> Converted | None:
  """Hands out the champion's file, unless it has to be converted anew."""
  differing = differences(folder.read_config().settings, settings)
  if differing:
    logger.info(
      f"{files.name} is converted again with {' '.join(differing)}; everything"
      " else is as in its search"
    )
    return None
  converted = hand_out(files, out)
  if converted:
    logger.info(f"{files.name}: the file that its search verified")
  return converted


def _print(out: Path, converted: Converted) -> None:
  made, found = converted.metrics.deployed, converted.metrics
  exact = f"float {100 * found.test_accuracy_float:.2f} %"
  accuracy = (
    f"{100 * found.quantized.accuracy:.2f} % ({exact})"
    if found.quantized
    else exact
  )
  print(
    f"{out}: {made.tflite_bytes:,} bytes, arena {made.arena_bytes:,} bytes,"
    f" test accuracy {accuracy}, equal to TensorFlow Lite Micro on"
    f" {made.images:,} images"
  )
  note = dense_note(inspect(converted.model))
  if note:
    print(note)
  if made.quantization:
    print(report.summary(made.quantization))


def _finish(values, given: Mapping[str, object]) -> int:
  folder = RunFolder(Path(values.run_dir))
  find_champion(folder, values.champion)
  settings = search_settings(folder, given)
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
