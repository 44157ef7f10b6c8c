"""The main job: from a data set to verified champions.

python -m elite_tf.search --data=digits --preset=quick
"""

import dataclasses
import json
import shlex
import sys
import types
from collections.abc import Callable
from pathlib import Path

from elite_tf.conversion.quantize import check_method
from elite_tf.data.augment import choose
from elite_tf.engine.runners import check_runner
from elite_tf.engine.tensorboard import check_tensorboard
from elite_tf.runs import plan as planning
from elite_tf.runs import plan_json
from elite_tf.runs.folder import RunFolder, default_run_dir
from elite_tf.runs.settings import PRESETS, Settings, resolve
from elite_tf.system import backend
from elite_tf.system.cli import given_flags, run, versions

_HELP = {
  "data": (
    "Data set: digits (bundled), folder:DIR (a subfolder a class, or train/"
    " val/ test/ of those), tfds:NAME (TensorFlow Datasets), idx:DIR"
    " (MNIST's file format) or npz:FILE (x_train y_train x_test y_test, or"
    " x y)."
  ),
  "cache_dir": (
    "Folder of the decoded pictures, which searches may share; empty: the"
    " run's cache/."
  ),
  "tfds_dir": (
    "Where the data of TensorFlow Datasets lie; empty: its own default."
  ),
  "download": "Let TensorFlow Datasets fetch data that are not there.",
  "run_dir": (
    "Folder of the run; the same command again resumes it. Default:"
    " runs/<data>-<pool>."
  ),
  "pool": (
    "Family that the candidates are drawn from: elite, hf, lite,"
    " mobilenet_v2, or module:function of your own, a function (width,"
    " depth, resolution, classes) -> keras.Model."
  ),
  "levels": "Coefficients per axis; 4 are the paper's.",
  "base_resolution": (
    "Input size at r = 1, in pixels; 0 chooses by the size of the images."
  ),
  "activation": (
    "Activation of stem, blocks and head: swish, hard_swish or relu6;"
    " empty means the family's."
  ),
  "stem_stride": (
    "Step of the first convolution, 1 or 2; 0 chooses by the base"
    " resolution: 1 below 64 pixels."
  ),
  "board": (
    "Only candidates that fit this board are trained: a name, or a CSV file"
    " of your own."
  ),
  "flash": "Flash that a network may take, as 1MB; empty: the board's.",
  "sram": "Memory that its arena may take, as 256KB; empty: the board's.",
  "include": "Shell patterns on candidates' names, comma separated.",
  "group_size": "Candidates a group.",
  "round_epochs": "Epochs a round.",
  "epochs": "Epochs of a champion in all.",
  "criterion": (
    "What a round is decided by: average (the paper's, of all epochs so"
    " far), best (of any epoch), current (epoch), exponential (average,"
    " late epochs weigh more), last_half (average of the later half) or"
    " median (best less the median of the others' averages)."
  ),
  "batch_size": "Images a training step.",
  "augment": (
    "How training images are changed: none, light, cifar10, svhn or"
    " imagenet (the paper's); empty chooses by the images."
  ),
  "class_weights": (
    "What an image counts in the training loss: none (all alike) or"
    " balanced (all classes alike)."
  ),
  "slices": (
    "Compute the widest maps by slices of channels: the same numbers, a"
    " smaller arena, some percent more operators."
  ),
  "quantize": (
    "How champions are quantized: int8 (after training), qat"
    " (quantization-aware training), int16x8 (16-bit activations), auto (the"
    " first of these that loses no more than --max_drop) or none."
  ),
  "calibration_images": "Training images that calibrate the quantization.",
  "calibration_balance": "The same number of them from every class.",
  "max_drop": "Percentage points of validation accuracy int8 may lose (auto).",
  "qat_epochs": "Epochs of quantization-aware training, at most.",
  "runner": (
    "Where candidates train: local, in processes on this machine, or ray,"
    " on a cluster."
  ),
  "workers": (
    "How many train at a time; 0 means one a core, fewer where memory is"
    " short, or with ray as many as the cluster has room for."
  ),
  "ray_address": (
    "Cluster of --runner=ray: host:port of its head, or auto; empty starts"
    " one on this machine."
  ),
  "cpus_per_candidate": (
    "Cores that a candidate takes on a cluster; 0.5: two share one."
  ),
  "gpus_per_candidate": "GPUs that a candidate takes on a cluster, as 0.25.",
  "epoch_timeout": (
    "Seconds without the end of an epoch (the first one holds its network's"
    " tracing) after which a worker is taken to hang; 0 means never."
  ),
  "keep_checkpoints": "Keep the checkpoints of eliminated candidates.",
  "tensorboard": (
    "Write curves and scores for TensorBoard, too: tensorboard --logdir"
    " RUN_DIR."
  ),
  "seed": "Decides first weights, order of images, dropout and the val split.",
}


def define_flags() -> None:
  """Defines the command's flags."""
  from absl import flags

  for field in dataclasses.fields(Settings):
    define = {
      bool: flags.DEFINE_bool,
      float: flags.DEFINE_float,
      int: flags.DEFINE_integer,
      str: flags.DEFINE_string,
    }[type(field.default)]
    define(field.name, field.default, _HELP[field.name])
  flags.DEFINE_bool("dry_run", False, "Print the plan and stop.")
  flags.DEFINE_enum(
      "format", "text", ["text", "json"],
      "json: the plan or the result as one JSON object on stdout, everything"
      " else on stderr.",
  )  # fmt: skip
  flags.DEFINE_string(
    "preset", "", f"Settings together: {' or '.join(sorted(PRESETS))}."
  )


def _say(line: str) -> None:
  print(line, file=sys.stderr)


def prepare(settings: Settings, say: Callable[[str], None] = lambda line: None):
  """Returns (settings with nothing left to choose, plan, description of data).

  Args:
    settings: As given.
    say: Told in one line of what takes long.

  Raises:
    ConfigError: The settings or the data are not what they should be.
  """
  backend.backend()
  check_method(settings.quantize)
  check_runner(settings.runner)
  check_tensorboard(settings)
  plan, description = planning.plan_for_data(settings, say)
  run_dir = settings.run_dir or default_run_dir(description.name, settings.pool)
  settings = dataclasses.replace(
    settings,
    run_dir=run_dir,
    base_resolution=plan.base_resolution,
    augment=settings.augment or choose(description),
  )
  return settings, plan, description


def search(preset: str = "", console=None, **settings) -> dict:
  """Runs a search, or resumes it, and returns its result.

  Args:
    preset: Name in `elite_tf.runs.settings.PRESETS`, or empty.
    console: rich.console.Console that shows the progress; None shows none.
    **settings: Fields of `elite_tf.runs.settings.Settings`, the command's flags.

  Returns:
    What result.json holds: {"groups", "champions", "seconds",
    "candidate_epochs", ...}.

  Raises:
    ConfigError: The settings or the data are not what they should be.
    SearchFailed: Every candidate of a group failed.
    VerificationFailed: A champion does not compute the same on a board.
  """
  resolved, plan, description = prepare(resolve(settings, preset))
  # TensorFlow is loaded only now that all is known to be in order.
  from elite_tf.engine import pipeline

  result = pipeline.run_search(resolved, plan, description, versions(), console)
  return result.to_json()


def main(on_begin: Callable[[RunFolder], None] = lambda folder: None) -> int:
  """Runs the command; flags are parsed.

  Args:
    on_begin: Told of the run folder before anything is written to it.
  """
  from absl import flags

  values = flags.FLAGS
  names = [field.name for field in dataclasses.fields(Settings)]
  as_json = values.format == "json"
  settings = resolve(given_flags(names), values.preset)
  settings, plan, description = prepare(settings, _say)
  if values.dry_run and as_json:
    print(json.dumps(plan_json.plan_to_json(plan)))
    for note in (*description.notes, *plan.notes):
      _say(note)
    return 0
  from rich.console import Console

  from elite_tf.engine import tables

  console = Console(stderr=as_json)
  if values.dry_run:
    tables.print_plan(console, plan, description)
    return 0
  on_begin(RunFolder(Path(settings.run_dir)))
  from elite_tf.engine import pipeline

  result = pipeline.run_search(settings, plan, description, versions(), console)
  if as_json:
    print(json.dumps(result.to_json()))
  else:
    tables.print_result(console, result, settings.run_dir)
  return 0


def how_to_go_on(folder: RunFolder | None) -> str:
  """Returns the line for a person who has interrupted a search."""
  if folder is None or not folder.config.exists():
    return "interrupted before anything was written"
  return (
    "interrupted; goes on from the last epoch with: python -m elite_tf.search"
    f" --flagfile={shlex.quote(str(folder.flags))}"
    f" --run_dir={shlex.quote(str(folder.path))}"
  )


def console() -> None:
  """Entry point."""
  begun: list[RunFolder | None] = [None]
  define_flags()
  run(lambda: main(begun.append), lambda: how_to_go_on(begun[-1]))


class _Command(types.ModuleType):
  """Lets `elite_tf.search(...)` be called, the command's module being it."""

  def __call__(self, *arguments, **settings) -> dict:
    return search(*arguments, **settings)


if __name__ == "__main__":
  console()
else:
  sys.modules[__name__].__class__ = _Command
