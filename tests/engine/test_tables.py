"""Plan and result on a terminal of 80 columns: nothing is cut off."""

import dataclasses
import io

import pytest
from rich.console import Console

from elite_tf.engine import tables
from elite_tf.networks.families import FAMILIES
from elite_tf.runs import plan as planning
from elite_tf.runs.presets import resolve
from elite_tf.runs.results import ChampionResult, Result


@pytest.fixture
def console():
  return Console(file=io.StringIO(), width=80)


def _lines(console):
  return console.file.getvalue().splitlines()


def _row(lines, name):
  (line,) = (line for line in lines if name in line.split())
  return line


@pytest.mark.parametrize("pool", sorted(FAMILIES))
def test_plan(console, pool):
  """A row for each candidate, with all of its figures on one line."""
  plan, description = planning.plan_for_data(resolve({"pool": pool}))
  tables.print_plan(console, plan, description)
  lines = _lines(console)
  assert max(map(len, lines)) <= 80
  assert not any("…" in line for line in lines)
  for number, group in enumerate(plan.groups(), start=1):
    for candidate in group:
      row = _row(lines, candidate.name)
      cost = plan.cost(candidate.name)
      assert row.split()[0] == str(number)
      assert f"{cost.params / 1e6:.2f} M" in row
      assert f"{cost.macs / 1e6:.2f} M" in row
      assert str(candidate.resolution) in row.split()
  text = " ".join(lines)
  assert "1797 images, 10 classes" in text
  count = len(plan.candidates)
  assert f"{count} candidates in {count // 8} groups, 3 rounds" in text
  assert f"{plan.candidate_epochs:,} epochs" in text


def _result(**changes):
  champion = ChampionResult(
    name="elite-w4-d4-r224",
    group=8,
    params=1_339_528,
    macs=74_561_616,
    val_accuracy=0.98765,
    test_accuracy_float=1.0,
    test_accuracy_int8=0.97183,
    test_balanced_accuracy_float=1.0,
    test_balanced_accuracy_int8=0.97183,
    tflite_bytes=1_700_353,
    arena_bytes=123_904,
    kind="int8",
    estimated_seconds=None,
    files=(),
  )
  return Result(
    groups=(),
    champions=(dataclasses.replace(champion, **changes),),
    unverified={},
    seconds=5000.0,
    training_seconds=4000.0,
    step_seconds=3000.0,
    first_step_seconds=300.0,
    convert_seconds=90.0,
    candidate_epochs=3680,
    workers=2,
  )


def test_result(console):
  tables.print_result(console, _result(), "runs/digits-elite")
  lines = _lines(console)
  table = [line for line in lines if "champion" in line.split()]
  row = _row(lines, "elite-w4-d4-r224")
  assert len(row) <= 80 and max(map(len, table)) <= 80
  assert "1.34 M" in row and "74.56 M" in row
  assert "98.77" in row or "98.76" in row
  # Flash and arena in whole KiB, rounded up: 1660.5 and 121.
  assert row.split()[-4:] == ["1661", "KiB", "121", "KiB"]
  text = " ".join(" ".join(lines).split())
  assert "3,680 epochs" in text and "runs/digits-elite/champions" in text


def test_result_without_an_int8_network(console):
  result = _result(test_accuracy_int8=None)
  tables.print_result(console, result, "runs/x")
  assert "-" in _row(_lines(console), "elite-w4-d4-r224").split()


def test_folder_with_brackets_is_no_markup(console):
  tables.print_result(console, _result(), "runs/[bold]a[/x]")
  assert "runs/[bold]a[/x]/champions" in console.file.getvalue()


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 KiB"), (1, "1 KiB"), (1024, "1 KiB"),
                       (1025, "2 KiB")]
)  # fmt: skip
def test_sizes_are_rounded_up(size, text):
  assert tables.kibibytes(size) == text
