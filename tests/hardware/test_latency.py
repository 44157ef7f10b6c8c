"""The estimate of latency against published measurements and by hand."""

import collections
import csv
import datetime
import re
from pathlib import Path

import pytest

from elite_tf.hardware import latency
from elite_tf.hardware.boards import VECTORS, Board, load_boards
from elite_tf.hardware.latency import CYCLES
from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import FAMILIES
from elite_tf.networks.layers import LAYER_KINDS
from elite_tf.networks.layers.base import ByKernel
from elite_tf.networks.pool import make_pool
from elite_tf.types import Layer

PUBLISHED = Path(__file__).parent / "latency_published.csv"
with open(PUBLISHED, newline="", encoding="utf-8") as _file:
  ROWS = list(csv.DictReader(_file))

# A unit of each kind of work at a time.
UNITS = {kind: ByKernel(**{kind: 1_000}) for kind in ByKernel._fields}


def _row_work(row):
  return ByKernel(*(int(row[kind]) for kind in ByKernel._fields))


def _error(row):
  """By how much the estimate is off: 0.1 is a tenth too long."""
  cycles = latency.estimate_cycles(_row_work(row), row["vector"])
  return cycles / int(row["clock_hz"]) / float(row["seconds"]) - 1


def _ids(row):
  return f"{row['role']}-{row['network']}-{row['processor']}"


@pytest.mark.parametrize("row", ROWS, ids=_ids)
def test_every_published_measurement_is_sourced_and_dated(row):
  assert row["role"] in ("fit", "check", "faster", "slower")
  assert row["vector"] in VECTORS
  assert row["processor"] and row["engine"]
  assert re.match(r"github[.]com/\S+ ", row["source"]) and "@" in row["source"]
  assert datetime.date.fromisoformat(row["date"]).year >= 2020
  assert 0 < float(row["seconds"]) < 10 and sum(_row_work(row)) > 0
  given = re.search(r"[(]([0-9.]+) inf[.]/s[)]", row["source"])
  if given:  # MLPerf Tiny's logs state inferences a second.
    assert float(row["seconds"]) * float(given[1]) == pytest.approx(1, rel=1e-5)


# Multiply-accumulates of MLPerf Tiny's networks as published with them.
@pytest.mark.parametrize(
  ("network", "macs"),
  [
    # MobileNet v1 0.25 at 96: 7.5 M; ResNet-8: 12.5 M; DS-CNN: 2.7 M.
    ("vww", 7_489_664),
    ("ic", 12_501_632),
    ("kws", 2_656_768),
    # 640-128-128-128-128-8-128-128-128-128-640.
    ("ad", 2 * (640 * 128 + 3 * 128 * 128 + 128 * 8)),
    # MCUNet's own model zoo prints 11.6 M.
    ("mcunet-vww1", 11_578_816),
  ],
)
def test_work_of_the_published_networks(network, macs):
  works = {_row_work(row) for row in ROWS if row["network"] == network}
  assert len(works) == 1
  assert sum(works.pop()[:4]) == macs


def _mobilenet(side, channels):
  """MobileNet v1 0.25 with two classes, its sizes written out."""
  shape = (side, side, channels)
  layers = [Layer("image", "input", (), shape)]

  def add(op, shape, **fields):
    name = f"l{len(layers)}"
    layers.append(Layer(name, op, (layers[-1].name,), shape, **fields))

  side //= 2
  add("conv", (side, side, 8), kernel=3, stride=2)
  add("activation", (side, side, 8), function="relu6")
  before = 8
  for channels, stride in [
      (16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1),
      (128, 1), (128, 1), (128, 1), (128, 1), (256, 2), (256, 1),
  ]:  # fmt: skip
    side //= stride
    add("depthwise", (side, side, before), kernel=3, stride=stride)
    add("batch_norm", (side, side, before))
    add("conv", (side, side, channels))
    add("activation", (side, side, channels), function="relu6")
    before = channels
  add("mean", (256,))
  add("dense", (2,), bias=True)
  return tuple(layers)


@pytest.mark.parametrize(("network", "channels"), [("vww", 3), ("person", 1)])
def test_work_of_a_network_is_that_of_the_published_network(network, channels):
  """The last mean is counted too, which the published work leaves out."""
  (expected,) = {_row_work(row) for row in ROWS if row["network"] == network}
  work = latency.work(_mobilenet(96, channels))
  assert work == expected._replace(elementwise=3 * 3 * 256)


def _groups():
  groups = collections.defaultdict(list)
  for row in ROWS:
    groups[row["role"], row["vector"]].append(_error(row))
  return groups


def _stated():
  """The table of the module's docstring: (role, vector) -> the rest."""
  pattern = r" {4}(\w+) +([a-z0-9-]+) .* (\d+)  (\S+) to (\S+) %"
  return {
    (role, "" if vector == "none" else vector): tuple(map(int, rest))
    for role, vector, *rest in re.findall(pattern, latency.__doc__)
  }


@pytest.mark.parametrize(
  "group", sorted(_groups()), ids=lambda group: "-".join(group)
)
def test_docstring_states_the_error_of_the_estimate(group):
  errors = [100 * error for error in _groups()[group]]
  stated = _stated()[group]
  assert stated == (len(errors), round(min(errors)), round(max(errors)))


def test_docstring_states_no_other_error():
  assert _stated().keys() == _groups().keys()


def test_measurements_that_the_constants_were_not_made_from_are_met():
  errors = [_error(row) for row in ROWS if row["role"] == "check"]
  assert len(errors) >= 5
  assert max(map(abs, errors)) < 0.3
  # Of those with CMSIS-NN, and those with ESP-NN, most are within a quarter.
  assert sum(abs(error) < 0.25 for error in errors) >= len(errors) - 1


def test_estimate_is_an_upper_bound_of_faster_kernels():
  assert all(_error(row) > -0.01 for row in ROWS if row["role"] == "faster")


def test_constants_are_by_the_vector_extensions_of_boards():
  assert set(CYCLES) == set(VECTORS)


@pytest.mark.parametrize("kind", UNITS)
@pytest.mark.parametrize("vector", sorted(CYCLES))
def test_more_work_takes_longer_and_a_slower_core_too(vector, kind):
  cycles = latency.estimate_cycles(UNITS[kind], vector)
  assert 0 < cycles <= latency.estimate_cycles(UNITS[kind], "")


@pytest.mark.parametrize("board", load_boards().values(), ids=lambda b: b.name)
def test_every_board_has_an_estimate(board):
  seconds = latency.estimate_seconds(_mobilenet(96, 3), board)
  # From an M55 at 400 MHz to cores of 25 MHz; measured ones lie in between.
  assert 0.01 < seconds < 2


def test_estimate_by_hand():
  """Cortex-M4: 3.3, 3.8, 13, 3.7 cycles a product, 20 and 540 an element."""
  layers = (
    Layer("x", "input", (), (4, 4, 2)),
    Layer("a", "conv", ("x",), (4, 4, 8), kernel=3),  # 16*8*9*2 = 2304
    Layer("b", "activation", ("a",), (4, 4, 8), function="swish"),  # 128
    Layer("c", "depthwise", ("b",), (2, 2, 8), kernel=5, stride=2),  # 800
    Layer("d", "conv", ("c",), (2, 2, 3), bias=True),  # 4*3*8 = 96
    Layer("e", "add", ("d", "d"), (2, 2, 3)),  # 12
    Layer("f", "mean", ("e",), (3,)),  # 12, those it reads
    Layer("g", "dense", ("f",), (10,)),  # 30
    Layer("h", "activation", ("g",), (10,), function="softmax"),  # 10
  )
  work = latency.work(layers)
  assert work == ByKernel(96, 2304, 800, 30, 128 + 12 + 12, 128 + 10)
  cycles = 96 * 3.3 + 2304 * 3.8 + 800 * 13 + 30 * 3.7 + 152 * 20 + 138 * 540
  assert latency.estimate_cycles(work, "dsp") == pytest.approx(cycles)
  board = Board("b", 80_000_000, "dsp", 1, 1)
  assert latency.estimate_seconds(layers, board) == pytest.approx(cycles / 8e7)


@pytest.mark.parametrize(
  ("function", "elementwise", "logistic"),
  [
    ("relu6", 0, 0),
    ("hard_swish", 60, 0),
    ("sigmoid", 0, 60),
    ("swish", 60, 60),
    ("something_new", 60, 60),  # As much as the dearest that is known.
  ],
)
def test_activations(function, elementwise, logistic):
  layers = (
    Layer("x", "input", (), (4, 5, 3)),
    Layer("y", "activation", ("x",), (4, 5, 3), function=function),
  )
  assert latency.work(layers) == ByKernel(
    elementwise=elementwise, logistic=logistic
  )


def test_nothing_takes_no_time():
  assert latency.work(()) == ByKernel()
  assert latency.estimate_cycles(ByKernel(), "dsp") == 0


# What takes time on a board; the rest is for training or is folded away.
TAKES_TIME = {
    "conv", "depthwise", "dense", "activation", "swish", "hard_swish",
    "sigmoid", "softmax", "mean", "multiply", "add",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LAYER_KINDS))
def test_every_kind_of_layer_is_known(name):
  op, function = LAYER_KINDS[name].op, LAYER_KINDS[name].function
  layers = (
    Layer("x", "input", (), (4, 4, 2)),
    Layer("y", op, ("x",), (4, 4, 2), kernel=3, function=function),
  )
  assert (sum(latency.work(layers)) > 0) == (name in TAKES_TIME)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_products_of_a_network_are_those_of_its_cost(family):
  for candidate in make_pool(family)[:8]:
    layers = FAMILIES[family].layers(candidate)
    assert sum(latency.work(layers)[:4]) == network_cost(layers).macs
