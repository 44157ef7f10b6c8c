"""The champions of a run: their rows, and what their folders hold."""

import json

from elite_tf.conversion.verify import predictions
from elite_tf.errors import ConfigError
from elite_tf.hardware import boards
from elite_tf.hardware.boards import Limits, shortfall
from elite_tf.hardware.fit import Needs, arena_needed, measured_shortfall
from elite_tf.hardware.memory import CODE_BYTES, Memory
from elite_tf.report.facts import Champion, Fit
from elite_tf.runs.folder import RunFolder


def read_champion(
  folder: RunFolder, row: dict, memory: Memory | None
) -> Champion:
  """Returns a champion with what its folder holds; what is missing is noted.

  Args:
    folder: Of the search.
    row: Its row of result.json.
    memory: What it was predicted to take; None where that is not known.

  Raises:
    OSError: A file is there and cannot be read.
  """
  place = folder.champion(row["name"])
  notes = []
  labels = _lines(place / "labels.txt")
  kind = kind_of(row)
  confusion = ()
  try:
    found = json.loads((place / "metrics.json").read_text("utf-8"))
    # The float file answered a few images only; the Keras model all of them.
    figures = found["conversions"] if kind != "float" else found
    figures = figures.get(kind, {})
    confusion = tuple(map(tuple, figures.get("confusion", ())))
  except FileNotFoundError:
    notes.append("metrics.json is missing.")
  except (ValueError, KeyError, TypeError) as error:
    notes.append(f"metrics.json is damaged ({error}).")
  kept = None
  try:
    kept = predictions.read(place / predictions.FILE)
  except ConfigError as error:
    notes.append(str(error))
  if kept is None or not confusion:
    notes.append(
      "Not all of its answers to the test split were kept: versions before"
      " 0.2 kept none."
    )
  return Champion(
    row,
    labels,
    confusion,
    kind,
    kept,
    _fits(row, memory),
    tuple(notes),
  )


def kind_of(row: dict) -> str:
  """Returns what a champion's numbers are: int8, int16x8 or float."""
  return row.get("kind") or (
    "float" if row["test_accuracy_int8"] is None else "int8"
  )


def _lines(path) -> tuple[str, ...]:
  try:
    lines = path.read_text("utf-8", errors="replace").split("\n")
  except FileNotFoundError:
    return ()
  return tuple(map(printable, lines[:-1] if lines[-1] == "" else lines))


def printable(text: str) -> str:
  """Returns text without what neither XML nor a person can read."""
  return "".join(
    c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
  )


def _fits(row: dict, memory: Memory | None) -> tuple[Fit, ...]:
  """Returns of every known board whether a champion fits it."""
  if row["tflite_bytes"] is None:
    return ()
  found = []
  for board in boards.load_boards().values():
    limits = Limits(board.flash_bytes, board.sram_bytes, board)
    missing = measured(row, memory, limits)
    found.append(Fit(board.name, board.title or board.name, *missing))
  return tuple(found)


def measured(row: dict, memory: Memory | None, limits: Limits):
  """Returns the `boards.Shortfall` of a champion, by its measured bytes.

  Args:
    row: Its row of result.json.
    memory: What it was predicted to take. Without that its arena counts as on
      this computer, whose pointers are longer than a board's.
    limits: What it may take.
  """
  if memory is not None and kind_of(row) == "int8":
    needs = Needs(memory, None, shortfall(limits, 0, 0))
    return measured_shortfall(
      needs, limits, row["tflite_bytes"], row["arena_bytes"]
    )
  return shortfall(
    limits,
    row["tflite_bytes"] + CODE_BYTES,
    arena_needed(row["arena_bytes"]),
  )
