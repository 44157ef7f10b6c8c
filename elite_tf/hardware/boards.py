"""Boards: flash, memory and clock, and what fits on them.

The boards are the rows of `boards.csv` beside this file. A user's board is a
CSV file of one row with the columns in `REQUIRED`; those in `OPTIONAL` may be
left out.
"""

import csv
import dataclasses
import difflib
import fractions
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from elite_tf.errors import ConfigError
from elite_tf.system.text import one_line

DATA = Path(__file__).parent / "boards.csv"

REQUIRED = ("name", "clock_hz", "vector", "flash_bytes", "sram_bytes")
OPTIONAL = (
    "title", "processor", "clock_source", "flash_source", "sram_source",
    "date", "caveats", "core", "fpu", "flash_origin", "sram_origin",
    "map_source",
)  # fmt: skip

# Vector extensions that kernels can use: none (Cortex-M0+), DSP (Cortex-M4 and
# M33), DSP with two instructions per cycle (Cortex-M7), Helium (Cortex-M55),
# and the vector instructions of the ESP32-S3.
VECTORS = ("", "dsp", "dsp-dual", "mve", "esp32s3-pie")

# In data sheets of microcontrollers a kilobyte has 1024 bytes: 256 KB are
# 262144. So KB and KiB mean the same here.
UNITS = {"": 1, "K": 1024, "M": 1024**2}

_SIZE = re.compile(r"([0-9]+(?:[.][0-9]+)?) ?(?:([KM]?)I?B)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NUMBER = re.compile(r"[+-]?[0-9.]+")


@dataclasses.dataclass(frozen=True)
class Board:
  """One board, as its makers describe it.

  Attributes:
    name: Name in `--board`.
    clock_hz: Clock of the core that runs the network, in hertz.
    vector: One of `VECTORS`.
    flash_bytes: Flash of the chip or module, the bootloader's part included.
    sram_bytes: Largest contiguous memory that an arena can be in, everything
      else in it (stack, radio) included.
    title: Full name.
    processor: The core, and the chip it is in.
    clock_source: Source of the clock.
    flash_source: Source of the size of the flash.
    sram_source: Source of the banks of memory.
    date: Day on which the sources were read (YYYY-MM-DD).
    caveats: What the figures do not say.
    core: Cortex-M core by its name in compilers (cortex-m4); empty for other
      cores, and where the addresses are not known.
    fpu: Floating-point unit by its name in compilers; empty for none.
    flash_origin: Address of the flash.
    sram_origin: Address of the memory of `sram_bytes`.
    map_source: Source of the addresses.
  """

  name: str
  clock_hz: int
  vector: str
  flash_bytes: int
  sram_bytes: int
  title: str = ""
  processor: str = ""
  clock_source: str = ""
  flash_source: str = ""
  sram_source: str = ""
  date: str = ""
  caveats: str = ""
  core: str = ""
  fpu: str = ""
  flash_origin: int = 0
  sram_origin: int = 0
  map_source: str = ""


@dataclasses.dataclass(frozen=True)
class Limits:
  """The most that a network may take; None for no limit.

  Attributes:
    flash_bytes: Most bytes of flash.
    sram_bytes: Most bytes of memory.
    board: The board that the limits come from, if any.
    seconds: Most seconds of one inference on the board.
  """

  flash_bytes: int | None = None
  sram_bytes: int | None = None
  board: Board | None = None
  seconds: float | None = None


class Shortfall(NamedTuple):
  """Bytes by which a network exceeds its limits, 0 where it fits."""

  flash_bytes: int
  sram_bytes: int


def load_boards(path: Path | str | None = None) -> dict[str, Board]:
  """Returns the boards of a file by name, in its order.

  Args:
    path: CSV file with a header; None: the package's boards.

  Raises:
    ConfigError: The file cannot be read, or a row is wrong; the error names
      file and line.
  """
  path = DATA if path is None else Path(path)
  boards: dict[str, Board] = {}
  try:
    # Spreadsheets write a byte order mark, which is not part of a field's name.
    with open(path, newline="", encoding="utf-8-sig") as file:
      for board, place in _rows(file, path):
        if board.name in boards:
          raise ConfigError(f"{place}: name {board.name!r} occurs twice")
        boards[board.name] = board
  except OSError as error:
    raise ConfigError(
      f"--board={path}: the file cannot be read ({one_line(error)})"
    ) from None
  except (UnicodeDecodeError, csv.Error) as error:
    raise ConfigError(f"--board={path} is not a CSV file: {error}") from None
  if not boards:
    raise ConfigError(f"--board={path} has no row below its header")
  return boards


def _rows(file, path: Path) -> Iterator[tuple[Board, str]]:
  reader = csv.DictReader(file, strict=True)
  _check_header(reader.fieldnames or [], path)
  for row in reader:
    place = f"{path}, line {reader.line_num}"
    yield _board(row, place), place


def _check_header(header: list[str], path: Path) -> None:
  for field in REQUIRED:
    if field not in header:
      raise ConfigError(f"{path}, line 1: field {field!r} is missing")
  for field in header:
    if field not in REQUIRED + OPTIONAL:
      raise ConfigError(
        f"{path}, line 1: unknown field {field!r}"
        f"{_nearest(field, REQUIRED + OPTIONAL)}"
      )
    if header.count(field) > 1:
      raise ConfigError(f"{path}, line 1: field {field!r} occurs twice")


def _board(row: dict, place: str) -> Board:
  # The reader puts values without a field under None, and None into fields
  # without a value.
  if None in row:
    raise ConfigError(
      f"{place}: more values than fields. Received: {row[None]}"
    )
  values: dict[str, object] = {}
  for field, text in row.items():
    if text is None:
      raise ConfigError(f"{place}: field {field!r} has no value")
    values[field] = text.strip()
  if not _NAME.fullmatch(values["name"]):
    raise ConfigError(
      f"{place}: field 'name' must be of letters, digits, '.', '_'"
      f" and '-'."
      f" Received: {values['name']!r}"
    )
  if values["vector"] not in VECTORS:
    raise ConfigError(
      f"{place}: field 'vector' must be empty or one of"
      f" {', '.join(VECTORS[1:])}. Received: {values['vector']!r}"
    )
  for field in ("clock_hz", "flash_bytes", "sram_bytes"):
    values[field] = _whole(values[field], field, place)
  if values.get("core"):
    for field in ("flash_origin", "sram_origin"):
      values[field] = _address(values.get(field, ""), field, place)
  else:
    values |= {"flash_origin": 0, "sram_origin": 0}
  return Board(**values)


def _whole(text: str, field: str, place: str) -> int:
  if not re.fullmatch("[0-9]{1,18}", text) or int(text) == 0:
    raise ConfigError(
      f"{place}: field {field!r} must be a whole number above 0."
      f" Received: {text!r}"
    )
  return int(text)


def _address(text: str, field: str, place: str) -> int:
  if not re.fullmatch("0x[0-9A-Fa-f]{1,8}", text):
    raise ConfigError(
      f"{place}: field {field!r} must be an address such as 0x20000000, if"
      f" 'core' is given. Received: {text!r}"
    )
  return int(text, 16)


def get_board(name: str) -> Board:
  """Returns a board by its name, or the board that a file describes.

  Args:
    name: A name in `boards.csv`, or the path of a CSV file of one row.

  Raises:
    ConfigError: There is no such board; the error names all.
  """
  boards = load_boards()
  if name in boards:
    return boards[name]
  if _is_path(name):
    return _only(load_boards(name), name)
  raise ConfigError(
    f"--board must be one of {', '.join(boards)}, or the path of a file."
    f" Received: {name!r}{_nearest(name, boards)}"
  )


def _is_path(name: str) -> bool:
  # What looks like a path is taken as one, even if there is no such file: the
  # error is then about the file.
  looks = "/" in name or "\\" in name or name.lower().endswith(".csv")
  return looks or Path(name).is_file()


def _only(boards: dict[str, Board], path: str) -> Board:
  if len(boards) > 1:
    raise ConfigError(
      f"--board={path} must describe one board. Received: {', '.join(boards)}"
    )
  return next(iter(boards.values()))


def _nearest(name: str, known) -> str:
  """Returns the end of an error message: what was probably meant."""
  # Without punctuation: "Nano-33-BLE" is nano33ble.
  plain = {re.sub("[^a-z0-9]", "", word): word for word in known}
  wanted = re.sub("[^a-z0-9]", "", name.lower())
  near = difflib.get_close_matches(wanted, plain, n=1, cutoff=0.5)
  return f"; did you mean {plain[near[0]]!r}?" if near else ""


def parse_size(text: str, flag: str) -> int:
  """Returns a size in bytes: `1MB`, `256KB`, `512KiB`, `1.5MB`, `2097152B`.

  A kilobyte has 1024 bytes, as in the data sheets of microcontrollers, and a
  megabyte 1024 kilobytes.

  Args:
    text: Number and unit.
    flag: Name of the flag, for the error.

  Raises:
    ConfigError: The text is not a size, or not a whole number of bytes above 0.
  """
  given = text.strip() if isinstance(text, str) else text
  if not isinstance(given, str) or _NUMBER.fullmatch(given):
    raise ConfigError(
      f"--{flag} needs a unit, as in 256KB or 1MB. Received: {text!r}"
    )
  match = _SIZE.fullmatch(given)
  if not match:
    raise ConfigError(
      f"--{flag} must be a size above 0, as 256KB or 1MB. Received: {text!r}"
    )
  number, unit = match.groups()
  size = fractions.Fraction(number) * UNITS[unit.upper()]
  if size <= 0 or size.denominator != 1:
    raise ConfigError(
      f"--{flag} must be a whole number of bytes above 0. Received: {text!r}"
    )
  return int(size)


def limits(board: str = "", flash: str = "", sram: str = "") -> Limits:
  """Returns the limits that the flags set; an empty flag sets none.

  Args:
    board: `--board`: a name or the path of a file.
    flash: `--flash`: a size, at most the board's.
    sram: `--sram`: a size, at most the board's.

  Raises:
    ConfigError: A flag is wrong, or exceeds what the board has.
  """
  if not board:
    return Limits(_size(flash, "flash"), _size(sram, "sram"))
  found = get_board(board)
  return Limits(
    _tightened(flash, "flash", found.flash_bytes, board),
    _tightened(sram, "sram", found.sram_bytes, board),
    found,
  )


def _size(text: str, flag: str) -> int | None:
  return parse_size(text, flag) if text != "" else None


def _tightened(text: str, flag: str, has: int, board: str) -> int:
  size = _size(text, flag)
  if size is None:
    return has
  if size > has:
    raise ConfigError(
      f"--{flag} must not exceed the {has} bytes of --board={board}."
      f" Received: {text!r} ({size} bytes)"
    )
  return size


def shortfall(limits: Limits, flash_bytes: int, sram_bytes: int) -> Shortfall:
  """Returns by how many bytes a network exceeds its limits.

  Args:
    limits: The most that it may take.
    flash_bytes: Flash that it takes.
    sram_bytes: Memory that it takes.
  """
  return Shortfall(
    _missing(flash_bytes, limits.flash_bytes),
    _missing(sram_bytes, limits.sram_bytes),
  )


def _missing(needed: int, limit: int | None) -> int:
  return 0 if limit is None else max(0, needed - limit)


def fits(limits: Limits, flash_bytes: int, sram_bytes: int) -> bool:
  """Returns whether a network is within its limits, the limits included."""
  return shortfall(limits, flash_bytes, sram_bytes) == (0, 0)
