"""Makes firmware of a .tflite champion, and runs it on an emulated board.

python -m elite_tf.deploy --run_dir=runs/digits-elite --target=c-mps2-an386 \
    --out=firmware --run
"""

import contextlib
import dataclasses
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from elite_tf.conversion.tflite.inspect import dense_note, inspect
from elite_tf.errors import ConfigError, VerificationFailed
from elite_tf.firmware import result
from elite_tf.firmware.targets import (
  Figures,
  Project,
  Target,
  describe,
  get_target,
  require_fit,
)
from elite_tf.hardware.boards import Board, get_board
from elite_tf.runs.find_champion import data_settings, find_champion
from elite_tf.runs.folder import RunFolder, store_of
from elite_tf.runs.settings import Settings
from elite_tf.system.atomic_files import replace_folder
from elite_tf.system.cli import run, show_log

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Source:
  """Where a network and its images come from.

  Attributes:
    model: The .tflite file.
    labels: Names of the classes; empty if they are not known.
    data: Specification of the data set; empty for none.
    settings: Where the data are kept.
  """

  model: Path
  labels: tuple[str, ...]
  data: str
  settings: Settings = Settings()


def define_flags() -> None:
  """Defines the command's flags."""
  from absl import flags

  flags.DEFINE_string("model", "", "A .tflite file, int8 throughout.")
  flags.DEFINE_string(
    "run_dir", "", "A finished search, instead of --model: its champion."
  )
  flags.DEFINE_string(
    "champion", "", "Which champion of --run_dir; default: the most accurate."
  )
  flags.DEFINE_string(
    "target", "c", "What to make sources for; list explains the targets."
  )
  flags.DEFINE_string(
    "board",
    "",
    "A board, as in the search's --board: the network must fit it, and"
    " --target=c adds a linker script and the compiler's flags.",
  )
  flags.DEFINE_string("out", "", "Folder to write, new or empty.")
  flags.DEFINE_string(
      "data", "",
      "Data set whose test split the firmware is checked with; default: that"
      " of --run_dir. Without one, random inputs check it.",
  )  # fmt: skip
  flags.DEFINE_bool(
    "run", False, "Compile it, run it and compare every byte of its outputs."
  )
  flags.DEFINE_integer(
    "images", 0, "With --run: how many test images it is to classify."
  )
  flags.DEFINE_string(
    "tflm_root",
    "",
    "TensorFlow Lite Micro's folder, for targets that use it.",
  )
  flags.DEFINE_enum(
      "format", "text", ["text", "json"],
      "json: the figures as one JSON object on stdout.",
  )  # fmt: skip


def find_source(model: str, run_dir: str, champion: str, data: str) -> Source:
  """Returns where the network comes from.

  Raises:
    ConfigError: Not exactly one was named, or it is not there.
  """
  if bool(model) == bool(run_dir):
    raise ConfigError("either --model or --run_dir must be given")
  if model:
    if champion:
      raise ConfigError("--champion needs --run_dir")
    path, labels = Path(model), ()
    if not path.is_file():
      raise ConfigError(f"--model={model}: no such file")
    return Source(path, labels, data)
  folder, found = find_champion(RunFolder(Path(run_dir)), champion)
  path, names = folder / "model_int8.tflite", folder / "labels.txt"
  if not path.is_file():
    raise ConfigError(
      f"--run_dir={run_dir}: {folder.name} has no int8 network, {path.name}"
    )
  labels = tuple(names.read_text().splitlines()) if names.is_file() else ()
  settings = data_settings(RunFolder(Path(run_dir)))
  return Source(path, labels, data or found, settings)


def check_out(path: str) -> Path:
  """Returns where to write.

  Raises:
    ConfigError: Nothing was said, or something is there.
  """
  if not path:
    raise ConfigError("--out must name the folder to write")
  out = Path(path)
  if out.exists() and (not out.is_dir() or any(out.iterdir())):
    raise ConfigError(f"--out={path} must be a new or empty folder")
  if not out.absolute().parent.is_dir():
    raise ConfigError(f"--out={path}: no such folder {out.absolute().parent}")
  return out


def write_folder(out: Path, files: Mapping[str, bytes]) -> None:
  """Writes a folder as a whole: it is there with all its files or not at all.

  Args:
    out: New or empty.
    files: Contents by path in the folder.
  """
  with replace_folder(out) as beside:
    for name, data in files.items():
      path = beside / name
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_bytes(data)


def make_project(
  target: Target, source: Source, count: int, tflm_root: str
) -> Project:
  """Makes what is the network's, and what it is checked with.

  Args:
    target: What the sources are for.
    source: The network and its images.
    count: Images to classify.
    tflm_root: As the flag has it.
  """
  # NumPy and the data sets are loaded only now that the flags are in order.
  from elite_tf.data import sources
  from elite_tf.data.preprocess import crops
  from elite_tf.firmware import vectors
  from elite_tf.firmware.generate import generate

  model = source.model.read_bytes()
  pictures = None
  if source.data:
    data = sources.load(source.data, store=store_of(source.settings))
    pictures = vectors.Pictures(
      data.test.images, data.test.labels, crops(data.description)
    )
  generated = (target.generate or generate)(
    model,
    source.labels,
    origin=f"Made by elite_tf of {source.model.name}. Do not edit.",
    crop=pictures is not None and pictures.crop,
  )
  files = {name: text.encode() for name, text in generated.files.items()}
  files["vectors.bin"] = vectors.vectors(model, pictures)
  if count:
    files["images.bin"] = vectors.images(model, pictures, count)
  return Project(
    model=model,
    files=files,
    layers=generated.layers,
    constant_bytes=generated.constant_bytes,
    buffer_bytes=generated.buffer_bytes,
    tflm_root=tflm_root,
  )


@contextlib.contextmanager
def progress(count: int) -> Iterator[Callable[[int], None]]:
  """Shows how many of the images are done, if there are any."""
  if not count:
    yield lambda done: None
    return
  from rich.console import Console
  from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

  console = Console(stderr=True)
  columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
  with Progress(
    *columns, TimeRemainingColumn(), console=console, transient=True
  ) as bar:
    task = bar.add_task("images", total=count)
    yield lambda done: bar.update(task, completed=done)


def require_equal(figures: Figures) -> None:
  """Refuses firmware that computes something else than the host.

  Raises:
    VerificationFailed: An output differs.
  """
  vectors = figures.vectors - figures.equal
  images = figures.images - figures.images_equal
  if vectors or images or not figures.vectors:
    raise VerificationFailed(
      f"the firmware's outputs differ on {vectors} of {figures.vectors}"
      f" vectors and {images} of {figures.images} images"
    )


def check_flags(
  target: Target, images: int, runs: bool, tflm_root: str = ""
) -> None:
  """Refuses flags that do not go together.

  Raises:
    ConfigError: They do not.
  """
  if images < 0 or (images and not runs):
    raise ConfigError(
      f"--images must be 0 or more, and needs --run. Received: {images}"
    )
  if runs and target.run is None:
    raise ConfigError(f"--run: --target={target.name} has nothing to run on")
  if runs:
    target.require(tflm_root)


def find_board(name: str, target: Target) -> Board | None:
  """Returns the board to fit; None if none was named.

  Raises:
    ConfigError: There is none of that name, or the target is a board itself.
  """
  if not name:
    return None
  if target.board is None:
    raise ConfigError(
      f"--board={name}: --target={target.name} is made for a machine of its own"
    )
  return get_board(name)


def main() -> int:
  """Runs the command; flags are parsed."""
  from absl import flags

  values = flags.FLAGS
  if values.target == "list":
    print(describe())
    return 0
  target = get_target(values.target)
  board = find_board(values.board, target)
  source = find_source(
    values.model, values.run_dir, values.champion, values.data
  )
  out = check_out(values.out)
  check_flags(target, values.images, values.run, values.tflm_root)
  if values.images and not source.data:
    raise ConfigError("--images needs --data, where they come from")
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
  # There may be fewer than were asked for.
  head = project.files.get("images.bin", bytes(8))[4:8]
  with progress(int.from_bytes(head, "little")) as on_image:
    figures = target.run(out, project, on_image)
  result.say(values.format, out, target, project, figures)
  require_equal(figures)
  return 0


def console() -> None:
  """Entry point."""
  define_flags()
  with show_log():
    run(main, lambda: "interrupted; no folder is left half-written")


if __name__ == "__main__":
  sys.exit(console())
