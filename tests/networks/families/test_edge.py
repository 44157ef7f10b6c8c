"""edge: maps and costs by hand, and the layers that a chip pays for."""

import dataclasses

import pytest

from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import edge
from elite_tf.networks.pool import make_pool
from elite_tf.types import Candidate


def _candidate(resolution, width=0.5, depth=0.5, **changes):
  stride = edge.FAMILY.stem_stride(resolution)
  return Candidate(
      "edge", 8, 4, 1, width, depth, resolution, classes=10,
      stem_stride=stride, **changes,
  )  # fmt: skip


def _layers(candidate):
  return {layer.name: layer for layer in edge.layers(candidate)}


@pytest.mark.parametrize(
  ("resolution", "side"),
  [(28, 7), (32, 8), (48, 6), (64, 4), (96, 3), (128, 4), (224, 7)],
)
def test_last_map_is_neither_a_point_nor_wide(resolution, side):
  layers = _layers(_candidate(resolution))
  pooled = layers[layers["pool"].inputs[0]]
  assert pooled.shape[:2] == (side, side)


def test_a_candidate_of_a_large_pool_is_halved_by_its_own_size():
  """38 = ceil(64 * 0.587): the stem halves as in the pool, then one stage."""
  smallest = make_pool("edge", base_resolution=64)[-1]
  assert (smallest.resolution, smallest.stem_stride) == (38, 2)
  layers = _layers(smallest)
  assert layers[layers["pool"].inputs[0]].shape[:2] == (10, 10)


def test_costs_by_hand():
  """Widths 16, 16, 32, 48 and one, two and three blocks, on 32 pixels."""
  found = network_cost(edge.layers(_candidate(32)))
  macs = {
    "stem": 32 * 32 * 9 * 3 * 16,
    "block2a": 32 * 32 * 9 * 16 * 16,
    "block3a": 16 * 16 * 9 * 16 * 32,
    "block3b": 16 * 16 * (9 * 32 * 64 + 64 * 32),
    "block4a": 16 * 16 * 32 * 96 + 8 * 8 * (9 * 96 + 96 * 48),
    "block4b": 8 * 8 * (48 * 144 + 9 * 144 + 144 * 48),
    "block4c": 8 * 8 * (48 * 144 + 9 * 144 + 144 * 48),
    "logits": 48 * 10,
  }
  assert found.macs == sum(macs.values()) == 12_296_672
  # Four numbers of batch norm per channel of every convolution.
  normalized = 16 + 16 + 32 + 64 + 32 + 96 + 96 + 48 + 2 * (144 + 144 + 48)
  weights = (
    432 + 2304 + 4608 + 18432 + 2048 + 3072 + 864 + 4608
    + 2 * (6912 + 1296 + 6912) + 480 + 10
  )  # fmt: skip
  assert found.params == weights + 4 * normalized


def test_single_convolutions_hold_no_third_map():
  layers = _layers(_candidate(32, dropout=0.0))
  assert "block2a_add" not in layers and "block2a_project_conv" not in layers
  assert layers["block3b_add"].inputs == (
    "block3b_project_bn",
    "block3a_fused_relu6",
  )


def test_early_blocks_are_dense_late_ones_depthwise():
  layers = _layers(_candidate(96, 1.0, 1.0))
  fused = {n.split("_")[0][:6] for n in layers if n.endswith("_fused_conv")}
  depthwise = {n.split("_")[0][:6] for n in layers if n.endswith("_dwconv")}
  assert (fused, depthwise) == ({"block2", "block3"}, {"block4", "block5"})


def test_depths_follow_from_the_familys_own_repeats():
  """(2, 3, 5, 3) operators: 13, 12, 10, 9, 7, 5, 4 by multiples of 0.1."""
  pool = make_pool("edge", levels=7, base_resolution=96)
  assert sorted({c.depth for c in pool}, reverse=True) == [
      1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2,
  ]  # fmt: skip


def test_no_two_networks_of_a_pool_are_the_same():
  for base in (32, 96):
    pool = make_pool("edge", levels=7, base_resolution=base)
    first = [c for c in pool if c.r == 1]
    kinds = {edge.layers(c) for c in first}
    assert len(kinds) == len(first)


def test_without_dropout_there_is_no_such_layer():
  ops = {layer.op for layer in edge.layers(_candidate(32, dropout=0.0))}
  assert not ops & {"dropout", "stochastic_depth"}
  deep = dataclasses.replace(_candidate(32, 1.0, 1.0), dropout=0.2)
  assert {"dropout", "stochastic_depth"} <= {x.op for x in edge.layers(deep)}
