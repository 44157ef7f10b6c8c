"""The champions of a run and the contents of their folders."""

from pathlib import Path

from elite_tf.conversion.verify import predictions
from elite_tf.errors import ConfigError
from elite_tf.hardware import boards
from elite_tf.hardware.boards import Limits
from elite_tf.hardware.memory import Memory
from elite_tf.report.facts import Champion, Fit
from elite_tf.runs import metrics
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.metrics import Confusion, Metrics
from elite_tf.runs.results import ChampionResult


def read_champion(
  folder: RunFolder, champion: ChampionResult, memory: Memory | None
) -> Champion:
  """Returns a champion and the contents of its folder.

  Missing and damaged files become notes.

  Args:
    folder: Folder of the search.
    champion: The entry in result.json.
    memory: Predicted memory; None if not known.

  Raises:
    OSError: A file exists and cannot be read.
  """
  place = folder.champion(champion.name)
  notes = []
  confusion, kept = (), None
  try:
    confusion = _confusion(Metrics.read(place / metrics.FILE))
  except FileNotFoundError:
    notes.append(f"{metrics.FILE} is missing.")
  except ConfigError as error:
    notes.append(f"{error}.")
  try:
    kept = predictions.read(place / predictions.FILE)
    if kept is None:
      notes.append(f"{predictions.FILE} is missing.")
  except ConfigError as error:
    notes.append(f"{error}.")
  return Champion(
    champion,
    _lines(place / "labels.txt"),
    confusion,
    champion.kind or "float",
    kept,
    _fits(champion, memory),
    tuple(notes),
  )


def _confusion(found: Metrics) -> Confusion:
  # The float file was run on a few images only, the Keras model on all.
  return (found.quantized or found.float_).confusion


def _lines(path: Path) -> tuple[str, ...]:
  try:
    lines = path.read_text("utf-8", errors="replace").split("\n")
  except FileNotFoundError:
    return ()
  return tuple(map(printable, lines[:-1] if lines[-1] == "" else lines))


def printable(text: str) -> str:
  """Returns text whose unprintable characters, not allowed in XML, are replaced."""
  return "".join(
    c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
  )


def _fits(champion: ChampionResult, memory: Memory | None) -> tuple[Fit, ...]:
  """Returns for each known board whether a champion fits."""
  if champion.tflite_bytes is None:
    return ()
  found = []
  for board in boards.load_boards().values():
    limits = Limits(board.flash_bytes, board.sram_bytes, board)
    missing = champion.shortfall(memory, limits)
    found.append(Fit(board.name, board.title or board.name, *missing))
  return tuple(found)
