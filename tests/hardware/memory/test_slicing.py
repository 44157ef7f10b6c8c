"""Plans and networks that are computed by slices."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from elite_tf.conversion.tflite.sliced import slice_model
from elite_tf.conversion.verify import compare
from elite_tf.hardware import memory
from elite_tf.hardware.memory.graph import lower
from elite_tf.hardware.memory.slicing import (
  CHANNEL_STEP,
  MAX_SLICES,
  choose_slices,
  slice_layers,
  sliceable,
)
from elite_tf.networks.families import FAMILIES, get_family
from elite_tf.networks.pool import make_pool

TOOL = Path(__file__).parents[3] / "tools" / "check_memory.py"
_SPEC = importlib.util.spec_from_file_location("check_memory_slices", TOOL)
check_memory = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = check_memory  # Dataclasses look for their module.
_SPEC.loader.exec_module(check_memory)


def _layers(*row):
  candidate = check_memory.find(*row)
  return candidate, get_family(candidate.family).layers(candidate)


WIDE = ("elite", 4, 4, 96, 3, 10, "")


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_slices_are_whole_and_in_order(family):
  """Every sliced row's channels are covered once; shapes fit one another."""
  for candidate in make_pool(family)[::7]:
    layers = get_family(family).layers(candidate)
    most = sliceable(layers)
    assert all(2 <= count <= MAX_SLICES for count in most.values())
    sliced = slice_layers(layers, most)
    rows = {row.name: row for row in sliced.layers}
    assert len(rows) == len(sliced.layers)
    seen = set()
    for row in sliced.layers:
      assert set(row.inputs) <= seen
      seen.add(row.name)
      if row.op == "concatenate":
        parts = [rows[name].shape for name in row.inputs]
        assert sum(shape[-1] for shape in parts) == row.shape[-1]
        assert {shape[:-1] for shape in parts} == {row.shape[:-1]}
      elif row.op in ("depthwise", "batch_norm", "activation"):
        assert rows[row.inputs[0]].shape[-1] == row.shape[-1]
    original = {row.name: row for row in layers}
    covered = {}
    for name, (source, start, stop) in sliced.origins.items():
      assert start == covered.get(source, 0) and start % CHANNEL_STEP == 0
      assert rows[name].shape[-1] == stop - start > 0
      covered[source] = stop
    assert covered == {n: original[n].shape[-1] for n in covered}


def test_slices_of_a_block_by_hand():
  """48 channels in two: expanded, filtered and gated by 24."""
  _, layers = _layers(*WIDE)
  sliced = slice_layers(layers, {"block3a_dwconv": 2})
  rows = {row.name: row for row in sliced.layers}
  assert rows["block3a_expand_conv_part1"].shape == (48, 48, 24)
  assert rows["block3a_dwconv_part0"].inputs == ("block3a_expand_swish_part0",)
  assert rows["block3a_se_squeeze"].op == "concatenate"
  assert rows["block3a_se_reduce"].inputs == ("block3a_se_squeeze",)
  assert rows["block3a_se_expand_part1"].inputs == ("block3a_se_reduce_swish",)
  assert rows["block3a_se_excite_part1"].inputs == (
    "block3a_swish_part1",
    "block3a_se_gate_part1",
  )
  assert rows["block3a_project_conv"].inputs == ("block3a_se_excite",)
  names = [row.name for row in sliced.layers]
  # The first slice is done with before the second is begun.
  assert names.index("block3a_se_squeeze_part0") < names.index(
    "block3a_expand_conv_part1"
  )
  assert "block3a_dwconv" not in rows
  assert sliced.origins["block3a_dwconv_part1"] == ("block3a_dwconv", 24, 48)


def test_no_slices_no_change():
  _, layers = _layers(*WIDE)
  assert slice_layers(layers, {}).layers == layers
  assert slice_layers(layers, {"block3a_dwconv": 1}).layers == layers


def test_map_that_a_skip_reads_too_is_not_sliced():
  """A stem as wide as the first block's output starts that block's skip."""
  _candidate, layers = _layers(*WIDE)
  assert "block2a_dwconv" in sliceable(layers)
  pool = make_pool("elite", levels=20)
  narrow = next(c for c in pool if (c.w, c.d) == (20, 4))
  narrow = dataclasses.replace(narrow, resolution=96)
  layers = get_family("elite").layers(narrow)
  assert any(row.name == "block2a_add" for row in layers)
  assert "block2a_dwconv" not in sliceable(layers)


def test_no_more_slices_than_the_kernel_concatenates():
  """Of 96 and 144 channels there could be 12 and 18; it has room for ten."""
  _, layers = _layers(*WIDE)
  most = sliceable(layers)
  assert most["block2a_dwconv"] == 2 and most["block3a_dwconv"] == 6
  assert most["block4a_dwconv"] == most["block5a_dwconv"] == 10


def test_chosen_slices_make_the_arena_small():
  """By hand: block 3a's map is 3 * 48 * 48 * 48 bytes. In six slices, 8 * 48
  * 48 of them at a time, it is below what others take."""
  _candidate, layers = _layers(*WIDE)
  slices = choose_slices(layers)
  before = memory.predict(layers)
  after = memory.predict(slice_layers(layers, slices).layers)
  assert slices["block3a_dwconv"] == 6
  assert before.arena_head_bytes == 331_776
  assert after.arena_head_bytes == 99_120
  assert before.arena_bytes > 2 * after.arena_bytes


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_choice_never_makes_it_larger(family):
  for candidate in make_pool(family)[::9]:
    layers = get_family(family).layers(candidate)
    sliced = slice_layers(layers, choose_slices(layers)).layers
    assert (
      memory.predict(sliced).arena_bytes <= memory.predict(layers).arena_bytes
    )


@pytest.fixture(
  scope="module",
  params=[("elite", 4, 4, 64, 3, 10, ""), ("lite", 4, 4, 32, 1, 10, "swish")],
  ids=str,
)
def sliced(request):
  candidate, layers = _layers(*request.param)
  model = check_memory.network(candidate)
  slices = choose_slices(layers) | {"block5a_dwconv": 3}
  return (
    candidate,
    slice_layers(layers, slices),
    model,
    slice_model(model, layers, slices),
  )


def _images(candidate, count):
  shape = (
    count,
    candidate.resolution,
    candidate.resolution,
    candidate.channels,
  )
  return np.random.default_rng(2).integers(0, 256, shape, np.uint8)


def test_sliced_network_computes_the_same(sliced):
  candidate, plan, model, other = sliced
  assert {layer.name for layer in other.layers} == {x.name for x in plan.layers}
  assert other.count_params() == model.count_params()
  images = (_images(candidate, 8).astype(np.float32) - 128) / 128
  expected = np.asarray(model(images))
  assert expected.std() > 1e-3
  assert np.asarray(other(images)) == pytest.approx(expected, abs=1e-5)


def test_sliced_network_runs_in_the_predicted_arena(sliced):
  candidate, plan, _model, other = sliced
  file = check_memory.convert(other)
  predicted = memory.predict(plan.layers)
  images = _images(candidate, 4)
  inputs = (images.astype(int) - 128).astype(np.int8)
  run = compare.run_micro(file, inputs, processes=1)
  assert run.arena_head_bytes == predicted.arena_head_bytes
  assert run.arena_bytes == predicted.arena_bytes_host
  assert len(file) == pytest.approx(predicted.tflite_bytes, rel=1e-3)
  assert np.array_equal(run.outputs, compare.run_reference(file, inputs, 1))
  assert len(lower(plan.layers).operators) > len(plan.origins) / 3


def test_slices_cost_no_accuracy_in_int8(sliced):
  """Each slice has a range of its own, and is none the worse for it."""
  candidate, _, model, other = sliced
  images = _images(candidate, 16)
  inputs = (images.astype(int) - 128).astype(np.int8)
  answers = np.asarray(model((images.astype(np.float32) - 128) / 128))
  plain, parts = (
    compare.run_micro(check_memory.convert(x), inputs).outputs.astype(int)
    for x in (model, other)
  )
  errors = [abs((x + 128) / 256 - answers).mean() for x in (plain, parts)]
  assert errors[1] < 1.2 * errors[0] + 1 / 256
