"""Costs against figures worked out by hand and against the paper's Table 5."""

import json
import statistics
from pathlib import Path

import pytest

from elite_tf.networks.cost import layer_cost, network_cost
from elite_tf.networks.families import get_family
from elite_tf.networks.layers import LAYER_KINDS, kind_of
from elite_tf.networks.pool import make_pool
from elite_tf.types import Cost, Layer

TABLES = json.loads((Path(__file__).parent / "paper_tables.json").read_text())

# Family, w, d, r of the HF rows, which the table itself does not print, and
# the exact figures of the reading that reproduces it.
HF = {
  "HF0": ((1, 1, 1), 3_807_740, 383_486_976),
  "HF1": ((2, 2, 1), 3_166_892, 296_369_152),
  "HF2": ((1, 4, 1), 2_771_648, 246_855_680),
  "HF3": ((1, 2, 2), 3_444_700, 92_285_952),
  "HF4": ((2, 3, 2), 2_975_884, 65_551_360),
  "HF5": ((1, 4, 2), 2_771_648, 62_658_560),
}


def _cost(family, *levels):
  (candidate,) = (
    c for c in make_pool(family) if (c.w, c.d, c.r) == tuple(levels)
  )
  return network_cost(get_family(family).layers(candidate))


def _printed(value):
  return f"{value / 1e6:.2f}"


@pytest.mark.parametrize(
  ("layer", "channels_in", "params", "macs"),
  [
    # 3 * 3 * 3 * 32 weights at 112 * 112 places.
    (Layer("c", "conv", ("x",), (112, 112, 32), 3, 2), 3, 864, 10_838_016),
    # 5 * 7 weights and 7 biases at 2 * 3 places; biases add no products.
    (Layer("c", "conv", ("x",), (2, 3, 7), bias=True), 5, 42, 210),
    # 5 * 5 weights for each of 8 channels at 4 * 4 places.
    (Layer("d", "depthwise", ("x",), (4, 4, 8), 5), 8, 200, 3_200),
    (
      Layer("d", "depthwise", ("x",), (4, 4, 8), 5, bias=True),
      8,
      208,
      3200,
    ),
    (Layer("f", "dense", ("x",), (10,), bias=True), 64, 650, 640),
    (Layer("f", "dense", ("x",), (10,)), 64, 640, 640),
    # Scale, offset, moving mean and moving variance.
    (Layer("b", "batch_norm", ("x",), (9, 9, 16)), 16, 64, 0),
    (Layer("i", "input", (), (9, 9, 3)), 0, 0, 0),
    (Layer("a", "activation", ("x",), (9, 9, 3)), 3, 0, 0),
    *(
      (Layer("a", "activation", ("x",), (9, 9, 3), function=name), 3, 0, 0)
      for name in (
        "relu",
        "relu6",
        "swish",
        "hard_swish",
        "sigmoid",
        "softmax",
      )
    ),
    (Layer("c", "concatenate", ("x", "y"), (9, 9, 6)), 3, 0, 0),
    (Layer("m", "mean", ("x",), (1, 1, 3)), 3, 0, 0),
    (Layer("p", "multiply", ("x", "y"), (9, 9, 3)), 3, 0, 0),
    (Layer("s", "add", ("x", "y"), (9, 9, 3)), 3, 0, 0),
    (Layer("o", "dropout", ("x",), (3,), rate=0.2), 3, 0, 0),
    (Layer("o", "stochastic_depth", ("x",), (9, 9, 3)), 3, 0, 0),
  ],
)
def test_layer_by_hand(layer, channels_in, params, macs):
  assert layer_cost(layer, channels_in) == Cost(params, macs)


def test_every_kind_is_priced_by_hand():
  cases = test_layer_by_hand.pytestmark[0].args[1]
  priced = {kind_of(layer).name for layer, *_ in cases}
  assert priced == set(LAYER_KINDS)


def test_network_by_hand():
  """The channels of a layer come from its own input, not the layer before."""
  layers = (
    Layer("image", "input", (), (4, 4, 3)),
    Layer("a", "conv", ("image",), (4, 4, 8), 3),  # 216 * 16
    Layer("b", "conv", ("image",), (2, 2, 5), 1, 2),  # 15 * 4
    Layer("n", "batch_norm", ("b",), (2, 2, 5)),  # 20
    Layer("m", "mean", ("a",), (8,)),
    Layer("f", "dense", ("m",), (2,), bias=True),  # 18 and 16
  )
  assert network_cost(layers) == Cost(
    216 + 15 + 20 + 18, 216 * 16 + 15 * 4 + 16
  )
  assert network_cost(layers[:1]) == Cost(0, 0)


def test_baseline_is_efficientnet_b0():
  cost = _cost("elite", 1, 1, 1)
  assert cost.params == 5_330_564
  assert _printed(cost.macs) == "385.81"


@pytest.mark.parametrize("row", TABLES["table5_elite"], ids=lambda r: r["name"])
def test_elite_rows_of_table_5(row):
  levels = (row["w"], row["d"], row["r"])
  params = row["params_M"]
  if row["name"] == "eLite4":
    # The two misprints: its MACs are those of r = 2, its parameters 3.53 M.
    assert levels == (2, 3, 1) and params == 3.17
    levels, params = (2, 3, 2), 3.53
  cost = _cost("elite", *levels)
  assert _printed(cost.params) == f"{params:.2f}"
  assert _printed(cost.macs) == f"{row['macs_M']:.2f}"


def test_elite4_as_printed_is_another_network():
  cost = _cost("elite", 2, 3, 1)
  assert _printed(cost.params) == "3.53"
  assert _printed(cost.macs) != "231.88"


@pytest.mark.parametrize("row", TABLES["table5_hf"], ids=lambda r: r["name"])
def test_hf_rows_of_table_5(row):
  levels, params, macs = HF[row["name"]]
  assert _cost("hf", *levels) == Cost(params, macs)
  assert _printed(params) == f"{row['params_M']:.2f}"
  assert _printed(macs) == f"{row['macs_M']:.2f}"


def test_no_row_of_table_5_is_missing():
  assert len(TABLES["table5_elite"]) == 10
  assert {row["name"] for row in TABLES["table5_hf"]} == set(HF)


def test_pool_statistics():
  """The parameters as printed; of the MACs, what the 64 candidates have."""
  layers = get_family("elite").layers
  costs = [network_cost(layers(c)) for c in make_pool("elite")]
  printed = TABLES["pool_statistics"]
  params = [cost.params / 1e6 for cost in costs]
  assert f"{statistics.fmean(params):.1f}" == str(printed["params_mean_M"])
  assert f"{statistics.pstdev(params):.1f}" == str(printed["params_sd_M"])
  macs = [cost.macs / 1e6 for cost in costs]
  assert f"{statistics.fmean(macs):.1f}" == "164.0"
  assert f"{statistics.pstdev(macs):.1f}" == "87.5"
