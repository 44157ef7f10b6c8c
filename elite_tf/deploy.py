r"""Makes firmware of a .tflite network, and runs it on an emulated board.

python -m elite_tf.deploy --run_dir=runs/digits-elite --target=c-mps2-an386 \
    --out=firmware --run
"""

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator

from absl import flags

from elite_tf.conversion.tflite.inspect import dense_note, inspect
from elite_tf.errors import ConfigError
from elite_tf.firmware import result
from elite_tf.firmware.make_project import (
  find_source,
  make_project,
  write_folder,
)
from elite_tf.firmware.targets import (
  Target,
  describe,
  get_target,
  require_fit,
)
from elite_tf.hardware.board_list import describe_boards
from elite_tf.hardware.boards import Board, get_board
from elite_tf.system.cli import (
  define_flag,
  define_format,
  open_console,
  run,
  show_log,
)
from elite_tf.system.output_path import check_new_folder

logger = logging.getLogger("elite_tf.deploy")


def define_flags() -> None:
  """Defines the flags of the command."""
  define_flag("model", "", "A .tflite file, int8 throughout.")
  define_flag(
    "run_dir",
    "",
    "Folder of a finished search, instead of --model: a champion of it.",
  )
  define_flag(
    "champion",
    "",
    "Name of a champion of --run_dir. Empty: the most accurate one in"
    " validation.",
  )
  define_flag(
    "target", "c", "What to make sources for; `list` explains the targets."
  )
  define_flag(
    "board",
    "",
    "Board that the network must fit: a name, or a CSV file that describes your"
    " own; `list` prints the boards. --target=c then adds a linker script and"
    " the flags of the compiler.",
  )
  define_flag("out", "", "Folder to write, new or empty.")
  define_flag(
    "data",
    "",
    "Data set whose test split checks the firmware, as in elite_tf.search."
    " Empty: the data set of --run_dir; with --model, random inputs.",
  )
  define_flag(
    "run",
    False,
    "Compile the sources, run them and compare every byte of the outputs.",
  )
  define_flag(
    "images", 0, "Number of test images that --run classifies. 0: none."
  )
  define_flag(
    "tflm_root",
    "",
    "Folder of TensorFlow Lite Micro, for targets that use it.",
  )
  define_format("the figures")


def check_flags(
  target: Target, images: int, runs: bool, tflm_root: str, data: str
) -> None:
  """Checks flags that depend on each other.

  Args:
    target: `--target`.
    images: `--images`.
    runs: `--run`.
    tflm_root: `--tflm_root`.
    data: Specification of the data set; empty for none.

  Raises:
    ConfigError: They do not go together, or a program that `--run` needs is
      missing.
  """
  if images < 0 or (images and not runs):
    raise ConfigError(
      f"--images must be 0 or more, and needs --run. Received: {images}"
    )
  if runs and target.run is None:
    raise ConfigError(f"--run: --target={target.name} has nothing to run on")
  if runs:
    target.require(tflm_root)
  if images and not data:
    raise ConfigError("--images needs --data. Received: --data=")


def find_board(name: str, target: Target) -> Board | None:
  """Returns the board that the network must fit; None if `name` is empty.

  Raises:
    ConfigError: There is no such board, or the target is a board itself.
  """
  if not name:
    return None
  if target.board is None:
    raise ConfigError(
      f"--board={name}: --target={target.name} is made for a machine of its own"
    )
  return get_board(name)


@contextlib.contextmanager
def image_progress(count: int) -> Iterator[Callable[[int], None]]:
  """Shows how many of `count` images are done; nothing if there are none."""
  if not count:
    yield lambda done: None
    return
  from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

  console = open_console(stderr=True)
  columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
  with Progress(
    *columns, TimeRemainingColumn(), console=console, transient=True
  ) as bar:
    task = bar.add_task("images", total=count)
    yield lambda done: bar.update(task, completed=done)


def main() -> int:
  """Runs the command with the flags given; returns the exit code."""
  values = flags.FLAGS
  for name, text in (("target", describe), ("board", describe_boards)):
    if values[name].value == "list":
      print(text())
      return 0
  target = get_target(values.target)
  board = find_board(values.board, target)
  source = find_source(
    values.model, values.run_dir, values.champion, values.data
  )
  out = check_new_folder(values.out)
  check_flags(target, values.images, values.run, values.tflm_root, source.data)
  project = make_project(target, source, values.images, values.tflm_root)
  target.check(project)
  note = target.name.startswith("tflm") and dense_note(inspect(project.model))
  if note:
    logger.warning(note)
  files = target.files(project)
  if board:
    require_fit(
      f"--board={board.name}",
      project,
      target.code_bytes,
      board.flash_bytes,
      board.sram_bytes,
    )
    files |= target.board(board)
  write_folder(out, files)
  if not values.run:
    result.say(values.format, out, target, project, None)
    return 0
  # The data set may have fewer images than --images.
  head = project.files.get("images.bin", bytes(8))[4:8]
  with image_progress(int.from_bytes(head, "little")) as on_image:
    figures = target.run(out, project, on_image)
  result.say(values.format, out, target, project, figures)
  result.require_equal(figures)
  return 0


def console() -> None:
  """Entry point."""
  define_flags()
  with show_log():
    run(main, lambda: "interrupted; no folder is left half-written")


if __name__ == "__main__":
  sys.exit(console())
