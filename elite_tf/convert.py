"""Converts a trained network to a verified .tflite file.

python -m elite_tf.convert --model=model.keras --data=digits --out=my.tflite
python -m elite_tf.convert --run_dir=runs/mine --out=my.tflite
python -m elite_tf.convert --run_dir=runs/mine

The last one finishes a search that was made without TensorFlow: afterwards its
folder is as if made with it.
"""

import dataclasses
import json
import sys
from pathlib import Path

from elite_tf.conversion.quantize import Options, check_method, report
from elite_tf.conversion.tflite.inspect import dense_note, inspect
from elite_tf.errors import ConfigError
from elite_tf.networks.families import get_family
from elite_tf.networks.from_keras import read_layers
from elite_tf.runs import find_champion as finished
from elite_tf.runs.folder import RunFolder, store_of
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.system.atomic_files import write_file
from elite_tf.system.cli import given_flags, run


def define_flags() -> None:
  """Defines the command's flags."""
  from absl import flags

  defaults = Settings()
  flags.DEFINE_string("model", "", "A .keras file of one of the families.")
  flags.DEFINE_string(
    "run_dir", "", "A finished search, instead of --model and --data."
  )
  flags.DEFINE_string(
    "champion", "", "Which champion of --run_dir; default: the most accurate."
  )
  flags.DEFINE_string(
    "data", "", "Data set that calibrates and verifies, as for the search."
  )
  flags.DEFINE_string(
      "cache_dir", "",
      "Folder of the decoded pictures; empty: the search's, or none is kept.",
  )  # fmt: skip
  flags.DEFINE_string(
      "tfds_dir", "",
      "Where the data of TensorFlow Datasets lie; empty: its own default.",
  )  # fmt: skip
  flags.DEFINE_bool(
    "download", False, "Let TensorFlow Datasets fetch data not there."
  )
  flags.DEFINE_string(
    "quantize",
    defaults.quantize,
    "How to quantize: int8 (after training), qat (quantization-aware"
    " training), int16x8 (16-bit activations), auto (the first of these that"
    " loses no more than --max_drop) or none (float).",
  )
  flags.DEFINE_integer(
    "calibration_images",
    defaults.calibration_images,
    "Training images that calibrate the quantization.",
  )
  flags.DEFINE_bool(
    "calibration_balance",
    defaults.calibration_balance,
    "The same number of them from every class.",
  )
  flags.DEFINE_float(
    "max_drop",
    defaults.max_drop,
    "Percentage points of validation accuracy that int8 may lose (auto).",
  )
  flags.DEFINE_integer(
    "qat_epochs",
    defaults.qat_epochs,
    "Epochs of quantization-aware training, at most.",
  )
  flags.DEFINE_integer("seed", 0, "Decides which images calibrate.")
  flags.DEFINE_string(
      "out", "",
      "The .tflite file to write; with --run_dir it may be left out: then the"
      " champions that have none yet get theirs, with metrics.json and"
      " result.json.",
  )  # fmt: skip
  flags.DEFINE_bool("overwrite", False, "Replace --out if it is there.")
  flags.DEFINE_enum(
      "format", "text", ["text", "json"],
      "json: the verification as one JSON object on stdout.",
  )  # fmt: skip


def find_champion(folder: RunFolder, champion: str) -> tuple[Path, str]:
  """Returns a champion's .keras file and its search's data set.

  Args:
    folder: Of a search that has ended.
    champion: Its name; empty means the most accurate one in validation.

  Raises:
    ConfigError: There is no such search or champion.
  """
  path, spec = finished.find_champion(folder, champion)
  return path / "model.keras", spec


def data_settings(values) -> Settings:
  """Returns where the data are: as the flags say, then as the search had it.

  Args:
    values: The command's flags; of a finished search, if they name one.
  """
  there = Settings()
  if values.run_dir:
    there = finished.data_settings(RunFolder(Path(values.run_dir)))
  return dataclasses.replace(
    there,
    cache_dir=values.cache_dir or there.cache_dir,
    tfds_dir=values.tfds_dir or there.tfds_dir,
    download=values.download,
  )


def check_output(path: str, overwrite: bool) -> Path:
  """Returns where to write.

  Raises:
    ConfigError: Nothing was said, or a file is there that is to be kept.
  """
  if not path:
    raise ConfigError("--out must name the .tflite file to write")
  out = Path(path)
  if out.exists() and not overwrite:
    raise ConfigError(f"--out={path} exists; --overwrite replaces it")
  if not out.absolute().parent.is_dir():
    raise ConfigError(f"--out={path}: no such folder {out.absolute().parent}")
  return out


def load_model(path: Path, pool: str = "elite"):
  """Returns the keras.Model of a .keras file.

  Args:
    path: The file.
    pool: Family of the search that made it; the module of the user's own may
      hold layers that the file names.

  Raises:
    ConfigError: It is missing or no .keras file.
  """
  import keras

  if not path.is_file():
    raise ConfigError(f"--model={path}: no such file")
  get_family(pool).import_code()
  try:
    return keras.saving.load_model(path, compile=False)
  except Exception as error:
    # What a damaged file makes Keras raise is of many types.
    reason = " ".join(str(error).split())[:200]
    raise ConfigError(f"--model={path} cannot be loaded ({reason})") from error


def check_model(
  path: Path, model, description, quantize: str, pool: str = "elite"
) -> None:
  """Checks that a model suits a data set and how it is to be quantized.

  Args:
    path: Its file, for the message.
    model: keras.Model.
    description: Of the data set.
    quantize: How it is to be quantized.
    pool: Family of the search that made it; one of the user's own may have any
      layers, unless they are to be trained anew for quantization.

  Raises:
    ConfigError: Its input or its classes are not those of the data, or it has
      to have the families' layers and has others.
  """
  shape, outputs = model.input_shape, model.output_shape
  if (
    len(shape) != 4
    or shape[1] is None
    or shape[1] != shape[2]
    or shape[3] != description.channels
  ):
    raise ConfigError(
      f"--model={path} must take square images of {description.channels}"
      f" channels, as --data has them. Received: input {shape}"
    )
  if outputs != (None, description.classes):
    raise ConfigError(
      f"--model={path} must have an output for each of the"
      f" {description.classes} classes of --data. Received: output {outputs}"
    )
  has_layers = get_family(pool).has_layers
  if not has_layers and quantize != "qat":
    return
  try:
    read_layers(model)
  except ConfigError as error:
    flag = "" if has_layers else "--quantize=qat, "
    raise ConfigError(f"{flag}--model={path}: {error}") from error


def _say(line: str) -> None:
  print(line, file=sys.stderr)


def main() -> int:
  """Runs the command; flags are parsed."""
  from absl import flags

  values = flags.FLAGS
  if backend.backend() != "tensorflow":
    raise ConfigError(
      "KERAS_BACKEND must be tensorflow, which alone writes .tflite files."
      f" Received: {backend.backend()}"
    )
  if values.run_dir and not values.out and not values.model:
    return _finish(values)
  out = check_output(values.out, values.overwrite)
  check_method(values.quantize)
  options = Options.of(values)
  if values.calibration_images < 1:
    raise ConfigError(
      "--calibration_images must be at least 1."
      f" Received: {values.calibration_images}"
    )
  if bool(values.model) == bool(values.run_dir):
    raise ConfigError("either --model or --run_dir must be given")
  path, spec = Path(values.model), values.data
  if values.run_dir:
    path, spec = find_champion(RunFolder(Path(values.run_dir)), values.champion)
    spec = values.data or spec
  if not spec:
    raise ConfigError("--data must name the data set that calibrates")

  # TensorFlow is loaded only now that the flags are known to be in order.
  from elite_tf.data import sources

  settings = data_settings(values)
  description = sources.describe(spec, store_of(settings))
  backend.prepare()
  from elite_tf.conversion import champion as champions

  model = load_model(path, settings.pool)
  check_model(path, model, description, values.quantize, settings.pool)
  if not settings.base_resolution:
    settings = dataclasses.replace(
      settings, base_resolution=model.input_shape[1]
    )
  store = dataclasses.replace(store_of(settings), say=_say)
  data = sources.load(spec, values.seed, store)
  for note in data.notes:
    _say(note)
  conversions = champions.convert(
    model,
    data,
    values.quantize,
    values.calibration_images,
    values.seed,
    options,
  )
  *_, name = conversions  # The quantized one, if there is one.
  write_file(out, conversions[name].model)
  metrics = champions.metrics_of(model, data, conversions)
  if values.format == "json":
    print(json.dumps({"out": str(out), **metrics}))
  else:
    verified = conversions[name].verification
    print(
      f"{out}: {len(conversions[name].model):,} bytes, arena"
      f" {verified.arena_bytes:,} bytes, test accuracy"
      f" {100 * verified.accuracy:.2f} % (float"
      f" {100 * metrics['test_accuracy_float']:.2f} %), equal to TensorFlow"
      f" Lite Micro on {verified.images:,} images"
    )
    note = dense_note(inspect(conversions[name].model))
    if note:
      print(note)
    if conversions[name].quantization:
      print(report.summary(conversions[name].quantization))
  return 0


def _finish(values) -> int:
  folder = RunFolder(Path(values.run_dir))
  find_champion(folder, values.champion)
  config = json.loads(folder.config.read_text())
  given = given_flags(
      ("run_dir", "data", "quantize", "calibration_images",
       "calibration_balance", "max_drop", "qat_epochs", "seed",
       "cache_dir", "tfds_dir", "download")
  )  # fmt: skip
  settings = dataclasses.replace(Settings(**config["settings"]), **given)
  check_method(settings.quantize)
  backend.prepare()
  from elite_tf.conversion import finish_run
  from elite_tf.report import ending

  def load(path: Path, description):
    model = load_model(path, settings.pool)
    check_model(path, model, description, settings.quantize, settings.pool)
    return model

  names = finish_run.unfinished(folder, values.champion)
  finish_run.finish(folder, names, settings, load, _say)
  if names:
    ending.write_or_say(folder, _say)
  if not names:
    _say(
      f"{folder.path}: every champion has its .tflite files already; --out"
      " writes one of them anew"
    )
  if values.format == "json":
    print(json.dumps(folder.read_result()))
  return 0


def console() -> None:
  """Entry point."""
  define_flags()
  run(main)


if __name__ == "__main__":
  sys.exit(console())
