"""Boards, sizes and limits: figures by hand, errors by their one line."""

import csv
import datetime
import re

import pytest

from elite_tf.errors import ConfigError
from elite_tf.hardware import boards
from elite_tf.hardware.boards import (
  Board,
  Limits,
  get_board,
  limits,
  parse_size,
)

HEADER = "name,clock_hz,vector,flash_bytes,sram_bytes"
ROW = "mine,100000000,dsp,524288,131072"


def _raw_rows():
  with open(boards.DATA, newline="", encoding="utf-8") as file:
    return list(csv.DictReader(file))


def _line(call, *arguments):
  """The one line of the ConfigError that a call raises."""
  with pytest.raises(ConfigError) as error:
    call(*arguments)
  line = str(error.value)
  assert "\n" not in line
  return line


@pytest.fixture
def write(tmp_path):
  def write_(*lines, encoding="utf-8"):
    path = tmp_path / "mine.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
    return str(path)

  return write_


@pytest.mark.parametrize("row", _raw_rows(), ids=lambda row: row["name"])
def test_every_row_is_valid_sourced_and_dated(row):
  board = get_board(row["name"])
  assert set(row) == set(boards.REQUIRED + boards.OPTIONAL)
  assert re.fullmatch("[a-z0-9]+", board.name)
  assert board.title and board.processor and board.caveats
  assert board.vector in boards.VECTORS
  assert bool(board.core) == bool(board.map_source)
  assert bool(board.core) or not board.fpu
  sources = (board.clock_source, board.flash_source, board.sram_source)
  for source in (*sources, *[board.map_source] * bool(board.core)):
    # An address and a place in it, or what was probed and when.
    assert re.match(
      r"[a-z.]+[.](com|io|org|cc)/\S+|probed on \S+|doc[.]", source
    )
  read = datetime.date.fromisoformat(board.date)
  assert read >= datetime.date(2026, 11, 1)
  # Microcontrollers: tens of megahertz, kilobytes to megabytes.
  assert 10e6 <= board.clock_hz <= 1e9
  assert 2**17 <= board.sram_bytes <= 2**23
  assert 2**19 <= board.flash_bytes <= 2**23


# As the makers' pages print them: MHz, KB of flash, KB of memory in one piece.
@pytest.mark.parametrize(
  ("name", "core", "mhz", "flash", "sram"),
  [
    ("nano33ble", "Cortex-M4", 64, 1024, 256),
    ("niclavision", "Cortex-M7", 480, 2048, 512),
    ("portentah7", "Cortex-M7", 480, 2048, 512),
    ("stm32f746disco", "Cortex-M7", 216, 1024, 320),
    ("nucleoh743", "Cortex-M7", 480, 2048, 512),
    ("nucleol4r5", "Cortex-M4", 120, 2048, 640),
    ("pico", "Cortex-M0+", 125, 2048, 256),
    ("pico2", "Cortex-M33", 150, 4096, 512),
    # 0x3FC88000 to 0x3FCDB700.
    ("esp32s3", "Xtensa LX7", 240, 8192, 341_760 / 1024),
    ("esp32s3psram", "Xtensa LX7", 240, 8192, 8192),
    ("teensy41", "Cortex-M7", 600, 7936, 512),
    ("sparkfunedge", "Cortex-M4", 48, 1024, 384),
    ("ensemblee7", "Cortex-M55", 400, 5632, 4096),
    ("mps3an547", "Cortex-M55", 32, 512, 512),
    ("mps2an500", "Cortex-M7", 25, 4096, 4096),
    ("mps2an386", "Cortex-M4", 25, 4096, 4096),
  ],
)
def test_figures(name, core, mhz, flash, sram):
  board = get_board(name)
  assert re.split(r" [(]", board.processor)[0] == core
  assert board.clock_hz == mhz * 1_000_000
  assert (board.flash_bytes, board.sram_bytes) == (flash * 1024, sram * 1024)


@pytest.mark.parametrize(
  ("core", "vector"),
  [
    ("Cortex-M0+", ""),
    ("Cortex-M4", "dsp"),
    ("Cortex-M33", "dsp"),
    ("Cortex-M7", "dsp-dual"),
    ("Cortex-M55", "mve"),
    ("Xtensa LX7", "esp32s3-pie"),
  ],
)
def test_vector_extension_is_the_core_s(core, vector):
  found = {
    board.vector
    for board in boards.load_boards().values()
    if board.processor.partition(" (")[0] == core
  }
  assert found == {vector}


def test_names_are_those_of_the_file_in_its_order():
  names = [row["name"] for row in _raw_rows()]
  assert list(boards.load_boards()) == names
  assert len(set(names)) == len(names) >= 16


@pytest.mark.parametrize(
  ("name", "near"),
  [
    ("nano33bel", "nano33ble"),
    ("Nano-33-BLE", "nano33ble"),
    ("portenta", "portentah7"),
    ("nucleo_h743zi", "nucleoh743"),
    ("mps3-an547", "mps3an547"),
    ("esp32s2", "esp32s3"),
  ],
)
def test_unknown_board(name, near):
  line = _line(get_board, name)
  assert line.startswith("--board must be one of nano33ble, ")
  assert all(known in line for known in boards.load_boards())
  assert line.endswith(f"Received: {name!r}; did you mean {near!r}?")


def test_unknown_board_like_none():
  assert _line(get_board, "xyzzy").endswith("Received: 'xyzzy'")


def test_own_board(write):
  path = write(HEADER, ROW)
  assert get_board(path) == Board("mine", 100_000_000, "dsp", 524288, 131072)
  assert limits(path).sram_bytes == 131072


def test_own_board_in_the_working_folder(write, monkeypatch, tmp_path):
  write(HEADER, ROW)
  (tmp_path / "mine.csv").rename(tmp_path / "mine")
  # A folder is no board, nor does it hide the board of its name.
  (tmp_path / "pico").mkdir()
  (tmp_path / "xyzzy").mkdir()
  monkeypatch.chdir(tmp_path)
  assert get_board("mine").name == "mine"
  assert get_board("pico").title == "Raspberry Pi Pico"
  assert _line(get_board, "xyzzy").endswith("Received: 'xyzzy'")


def test_own_board_with_everything(write):
  """Columns in any order, quoted, with a byte order mark and a blank line."""
  path = write(
    "caveats,vector,sram_bytes,flash_bytes,clock_hz,name,title",
    '"one bank, no more",, 1024 ,2048,8000000,m0,"A ""board"""',
    "",
    encoding="utf-8-sig",
  )
  board = get_board(path)
  assert (board.name, board.title) == ("m0", 'A "board"')
  assert (board.vector, board.clock_hz) == ("", 8_000_000)
  assert (board.sram_bytes, board.flash_bytes) == (1024, 2048)
  assert board.caveats == "one bank, no more" and board.date == ""


@pytest.mark.parametrize(
  ("lines", "end"),
  [
    ([], ", line 1: field 'name' is missing"),
    ([HEADER], " has no row below its header"),
    (
      [HEADER.replace(",sram_bytes", ""), "mine,1,dsp,1"],
      ", line 1: field 'sram_bytes' is missing",
    ),
    (
      [HEADER + ",titel", ROW + ",x"],
      ", line 1: unknown field 'titel'; did you mean 'title'?",
    ),
    (
      [HEADER + ",name", ROW + ",x"],
      ", line 1: field 'name' occurs twice",
    ),
    (
      [HEADER, ROW + ",7"],
      ", line 2: more values than fields. Received: ['7']",
    ),
    (
      [HEADER, "mine,1,dsp,1"],
      ", line 2: field 'sram_bytes' has no value",
    ),
    (
      [HEADER, ROW, ROW],
      ", line 3: name 'mine' occurs twice",
    ),
    (
      [HEADER, ROW.replace("mine", "")],
      ", line 2: field 'name' must be of letters, digits, '.', '_' and"
      " '-'. Received: ''",
    ),
    (
      [HEADER, ROW.replace("mine", '"a\nb"')],
      ", line 3: field 'name' must be of letters, digits, '.', '_' and"
      " '-'. Received: 'a\\nb'",
    ),
    (
      [HEADER, ROW.replace("dsp", "neon")],
      ", line 2: field 'vector' must be empty or one of dsp, dsp-dual,"
      " mve, esp32s3-pie. Received: 'neon'",
    ),
    (
      [HEADER, ROW.replace("100000000", "100 MHz")],
      ", line 2: field 'clock_hz' must be a whole number above 0."
      " Received: '100 MHz'",
    ),
    (
      [HEADER, ROW.replace("524288", "0")],
      ", line 2: field 'flash_bytes' must be a whole number above 0."
      " Received: '0'",
    ),
    (
      [HEADER, ROW.replace("131072", "-131072")],
      ", line 2: field 'sram_bytes' must be a whole number above 0."
      " Received: '-131072'",
    ),
    (
      [HEADER, ROW.replace("131072", "٣")],
      ", line 2: field 'sram_bytes' must be a whole number above 0."
      " Received: '٣'",
    ),
    (
      [HEADER, ROW.replace("131072", "")],
      ", line 2: field 'sram_bytes' must be a whole number above 0."
      " Received: ''",
    ),
  ],
)
def test_own_board_that_is_wrong(write, lines, end):
  """The error names the file, the line in it and the field."""
  path = write(*lines)
  assert _line(get_board, path) in (f"{path}{end}", f"--board={path}{end}")


def test_own_board_among_several(write):
  path = write(HEADER, ROW, ROW.replace("mine", "other"))
  assert list(boards.load_boards(path)) == ["mine", "other"]
  assert _line(get_board, path) == (
    f"--board={path} must describe one board. Received: mine, other"
  )


def test_own_board_that_is_not_there(tmp_path):
  for path in (f"{tmp_path}/none.csv", f"{tmp_path}/none"):
    assert _line(get_board, path) == (
      f"--board={path}: the file cannot be read (No such file or directory)"
    )
  assert _line(get_board, f"{tmp_path}/").endswith("(Is a directory)")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'name,"x\n'])
def test_own_board_that_is_no_csv_file(tmp_path, content):
  path = tmp_path / "image.csv"
  path.write_bytes(content)
  line = _line(get_board, str(path))
  assert line.startswith(f"--board={path} is not a CSV file: ")


@pytest.mark.parametrize(
  ("text", "size"),
  [
    ("1MB", 1_048_576),
    ("1MiB", 1_048_576),
    ("256KB", 262_144),
    ("512KiB", 524_288),
    ("2097152B", 2_097_152),
    ("1.5MB", 1_572_864),
    ("0.5kb", 512),
    (" 64 kB ", 65_536),
    ("1B", 1),
  ],
)
def test_sizes(text, size):
  assert parse_size(text, "flash") == size


@pytest.mark.parametrize("text", ["256", "0", "-1", "1.5", "", 262144, None])
def test_size_without_a_unit(text):
  if text == "":
    expected = "--sram must be a size above 0, as 256KB or 1MB. Received: ''"
  else:
    expected = f"--sram needs a unit, as in 256KB or 1MB. Received: {text!r}"
  assert _line(parse_size, text, "sram") == expected


@pytest.mark.parametrize("text", ["0KB", "0.0MB", "0.3B", "1.0001KB"])
def test_size_that_is_no_whole_number_of_bytes(text):
  assert _line(parse_size, text, "flash") == (
    f"--flash must be a whole number of bytes above 0. Received: {text!r}"
  )


@pytest.mark.parametrize(
    "text",
    ["-256KB", "lots", "KB", "1e3KB", "256K", "1GB", "1 M B", "1,5MB", "٣KB",
     "256KBx", "256KB\n1MB", "inf MB"],
)  # fmt: skip
def test_size_that_is_none(text):
  assert _line(parse_size, text, "flash") == (
    f"--flash must be a size above 0, as 256KB or 1MB. Received: {text!r}"
  )


def test_no_limits():
  assert limits() == Limits(None, None, None)
  assert boards.fits(limits(), 10**12, 10**12)
  assert boards.shortfall(limits(), 10**12, 10**12) == (0, 0)


def test_limits_without_a_board():
  assert limits(flash="1MB") == Limits(1_048_576, None, None)
  assert limits(sram="96KB") == Limits(None, 98_304, None)


def test_limits_of_a_board():
  nano = get_board("nano33ble")
  assert limits("nano33ble") == Limits(1_048_576, 262_144, nano)


def test_flags_tighten_a_board():
  nano = get_board("nano33ble")
  assert limits("nano33ble", "512KB", "100KB") == Limits(524_288, 102_400, nano)
  # All that the board has is no contradiction.
  assert limits("nano33ble", "1MB", "256KB") == limits("nano33ble")


@pytest.mark.parametrize(
    ("flash", "sram", "line"),
    [
        (
            "2MB", "",
            "--flash must not exceed the 1048576 bytes of --board=nano33ble."
            " Received: '2MB' (2097152 bytes)",
        ),
        (
            "", "262145B",
            "--sram must not exceed the 262144 bytes of --board=nano33ble."
            " Received: '262145B' (262145 bytes)",
        ),
    ],
)  # fmt: skip
def test_flags_that_contradict_a_board(flash, sram, line):
  assert _line(limits, "nano33ble", flash, sram) == line


def test_wrong_flags_are_named():
  assert _line(limits, "", "1MB", "256").startswith("--sram needs a unit")
  assert _line(limits, "", "x", "").startswith("--flash must be a size")
  assert _line(limits, "pico", "", "x").startswith("--sram must be a size")
  assert _line(limits, "pic0").startswith("--board must be one of")


@pytest.mark.parametrize(
  ("flash", "sram", "missing"),
  [
    (1_048_576, 262_144, (0, 0)),  # At the limit it fits.
    (1_048_577, 262_144, (1, 0)),
    (1_048_576, 262_244, (0, 100)),
    (2_048_576, 300_000, (1_000_000, 37_856)),
    (0, 0, (0, 0)),
  ],
)
def test_what_fits(flash, sram, missing):
  nano = limits("nano33ble")
  assert boards.shortfall(nano, flash, sram) == missing
  assert boards.shortfall(nano, flash, sram).sram_bytes == missing[1]
  assert boards.fits(nano, flash, sram) is (missing == (0, 0))


def test_one_limit_alone():
  small = Limits(sram_bytes=1000)
  assert boards.fits(small, 10**9, 1000)
  assert boards.shortfall(small, 10**9, 1001) == (0, 1)
