"""The main job: from a data set to verified champions.

python -m elite_tf.search --data=digits --preset=quick
"""

import dataclasses
import json
import sys
import types

from elite_tf import planning
from elite_tf.command import given_flags, run, versions
from elite_tf.errors import ConfigError
from elite_tf.quantize import check_method
from elite_tf.run_folder import default_run_dir
from elite_tf.settings import PRESETS, Settings, resolve

_HELP = {
    "data": (
        "Data set: digits (bundled), idx:DIR (MNIST's file format) or npz:FILE"
        " (x_train y_train x_test y_test, or x y)."
    ),
    "run_dir": (
        "Folder of the run; the same command again resumes it. Default:"
        " runs/<data>-<pool>."
    ),
    "pool": "Family that the candidates are drawn from: elite, hf or lite.",
    "levels": "Coefficients per axis; 4 are the paper's.",
    "base_resolution": (
        "Input size at r = 1, in pixels; 0 chooses by the size of the images."
    ),
    "activation": (
        "Activation of stem, blocks and head: swish, hard_swish or relu6;"
        " empty means the family's."
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
    "criterion": "What a round is decided by: average (the paper's) or current.",
    "batch_size": "Images a training step.",
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
    "runner": "Where candidates train: local.",
    "workers": "Processes of the local runner; 0 means one a core.",
    "seed": "Decides first weights, order of images, dropout and the val split.",
}


def define_flags() -> None:
  """Defines the command's flags."""
  from absl import flags  # pylint: disable=g-import-not-at-top

  for field in dataclasses.fields(Settings):
    define = {
        bool: flags.DEFINE_bool,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
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


def prepare(settings: Settings):
  """Returns (settings with the run folder named, plan, description of data).

  Raises:
    ConfigError: The settings or the data are not what they should be.
  """
  check_method(settings.quantize)
  if settings.runner != "local":
    raise ConfigError(f"--runner must be local. Received: {settings.runner!r}")
  plan, description = planning.plan_for_data(settings)
  run_dir = settings.run_dir or default_run_dir(description.name, settings.pool)
  return dataclasses.replace(settings, run_dir=run_dir), plan, description


def search(preset: str = "", console=None, **settings) -> dict:
  """Runs a search, or resumes it, and returns its result.

  Args:
    preset: Name in `elite_tf.settings.PRESETS`, or empty.
    console: rich.console.Console that shows the progress; None shows none.
    **settings: Fields of `elite_tf.settings.Settings`, the command's flags.

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
  from elite_tf import pipeline  # pylint: disable=g-import-not-at-top

  return pipeline.run_search(resolved, plan, description, versions(), console)


def main() -> int:
  """Runs the command; flags are parsed."""
  from absl import flags  # pylint: disable=g-import-not-at-top

  values = flags.FLAGS
  names = [field.name for field in dataclasses.fields(Settings)]
  as_json = values.format == "json"
  settings = resolve(given_flags(names), values.preset)
  settings, plan, description = prepare(settings)
  if values.dry_run and as_json:
    print(json.dumps(planning.plan_to_json(plan)))
    return 0
  from rich.console import Console  # pylint: disable=g-import-not-at-top

  from elite_tf import tables  # pylint: disable=g-import-not-at-top

  console = Console(stderr=as_json)
  if values.dry_run:
    tables.print_plan(console, plan, description)
    return 0
  from elite_tf import pipeline  # pylint: disable=g-import-not-at-top

  result = pipeline.run_search(settings, plan, description, versions(), console)
  if as_json:
    print(json.dumps(result))
  else:
    tables.print_result(console, result, settings.run_dir)
  return 0


def console() -> None:
  """Entry point."""
  define_flags()
  run(
      main,
      lambda: (
          "interrupted; the same command goes on from the last epochs saved"
      ),
  )


class _Command(types.ModuleType):
  """Lets `elite_tf.search(...)` be called, the command's module being it."""

  def __call__(self, *arguments, **settings) -> dict:
    return search(*arguments, **settings)


if __name__ == "__main__":
  console()
else:
  sys.modules[__name__].__class__ = _Command
