"""What --board=list prints: names and figures of every board."""

import csv

import pytest

from elite_tf.hardware import boards
from elite_tf.hardware.board_list import describe_boards


def _rows():
  with open(boards.DATA, newline="", encoding="utf-8") as file:
    return list(csv.DictReader(file))


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row["name"])
def test_a_line_has_the_figures_of_the_file(row):
  (line,) = [
    line
    for line in describe_boards().splitlines()
    if line.split()[0] == row["name"]
  ]
  assert row["processor"] in line and line.endswith(f"  {row['title']}")
  assert f" {int(row['clock_hz']) // 10**6} MHz " in line
  assert f" {int(row['flash_bytes']) // 1024} KiB " in line
  # The ESP32-S3 has a quarter of a KiB less than 334 KiB.
  assert f" {float(row['sram_bytes']) / 1024:.6g} KiB " in line


def test_there_is_a_heading_and_a_line_for_each_board():
  head, *lines = describe_boards().splitlines()
  assert head.split() == ["name", "core", "clock", "flash", "SRAM", "board"]
  assert [line.split()[0] for line in lines] == [r["name"] for r in _rows()]


def test_columns_are_aligned():
  ends = {line.index(" MHz") for line in describe_boards().splitlines()[1:]}
  assert len(ends) == 1
