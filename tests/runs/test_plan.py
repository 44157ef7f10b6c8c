"""The plan: interface.md's JSON, with the figures of the paper."""

import dataclasses
import json
import statistics
from pathlib import Path

import numpy as np
import pytest

import elite_tf
from elite_tf.errors import ConfigError
from elite_tf.networks.families import FAMILIES
from elite_tf.runs import plan as planning
from elite_tf.runs.presets import resolve

TABLES = json.loads(
  (Path(__file__).parents[1] / "networks" / "paper_tables.json").read_text()
)

FIELDS = {
    "name", "width", "depth", "resolution", "stem_stride", "w", "d", "r", "params", "macs",
    "flash_bytes", "sram_bytes", "estimated_seconds", "z_params", "z_macs", "z_sum", "group", "fits",
    "family",
}  # fmt: skip


@pytest.fixture(scope="module")
def paper():
  return elite_tf.plan()


def _complaint(*arguments, **named):
  with pytest.raises(ConfigError) as caught:
    elite_tf.plan(*arguments, **named)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  return line


def test_papers_search(paper):
  """64 candidates in 8 groups; 140 epochs a group until one is left."""
  assert paper["pool"] == "elite"
  assert len(paper["candidates"]) == 64
  assert [len(group) for group in paper["groups"]] == [8] * 8
  assert paper["rounds"] == 3
  assert paper["candidate_epochs"] == 8 * (80 + 40 + 20 + 320)


def test_pool_statistics(paper):
  printed = TABLES["pool_statistics"]
  params, macs = paper["statistics"]["params"], paper["statistics"]["macs"]
  assert f"{params['mean'] / 1e6:.1f}" == str(printed["params_mean_M"])
  assert f"{params['sd'] / 1e6:.1f}" == str(printed["params_sd_M"])
  assert f"{macs['mean'] / 1e6:.1f}" == "164.0"
  assert f"{macs['sd'] / 1e6:.1f}" == "87.5"


def test_groups_of_table_5(paper):
  """eLite0 to 2 are of the first group, eLite3 to 9 one of each, in order."""
  group = {(c["w"], c["d"], c["r"]): c["group"] for c in paper["candidates"]}
  found = []
  for row in TABLES["table5_elite"]:
    levels = (row["w"], row["d"], row["r"])
    # The printed r = 1 of eLite4 is a misprint for 2.
    found.append(group[(2, 3, 2) if row["name"] == "eLite4" else levels])
  assert found == [1, 1, 1, 2, 3, 4, 5, 6, 7, 8]


def test_elite4_as_printed_would_leave_a_group_without_a_champion(paper):
  group = {(c["w"], c["d"], c["r"]): c["group"] for c in paper["candidates"]}
  assert group[2, 3, 1] == 2


@pytest.mark.parametrize("pool", sorted(FAMILIES))
def test_plan_is_plain_json_and_hangs_together(pool):
  plan = elite_tf.plan(pool, classes=10, channels=1, group_size=5)
  assert json.loads(json.dumps(plan)) == plan
  assert set(plan) == {
      "pool", "candidates", "groups", "statistics", "rounds",
      "candidate_epochs",
      "disk_bytes",
  }  # fmt: skip
  by_name = {c["name"]: c for c in plan["candidates"]}
  assert len(by_name) == len(plan["candidates"])
  for candidate in plan["candidates"]:
    assert set(candidate) == FIELDS and candidate["fits"] is True
    name = f"{pool}-w{candidate['w']}-d{candidate['d']}"
    assert candidate["name"] == f"{name}-r{candidate['resolution']}"
  # Groups are of the candidates, heaviest first, and numbered from 1.
  flat = [name for group in plan["groups"] for name in group]
  assert sorted(flat) == sorted(by_name)
  sums = [by_name[name]["z_sum"] for name in flat]
  assert sums == sorted(sums, reverse=True)
  for number, group in enumerate(plan["groups"], start=1):
    assert {by_name[name]["group"] for name in group} == {number}
  # Equation 4 over the plan's own figures.
  for cost in ("params", "macs"):
    values = [c[cost] for c in plan["candidates"]]
    mean, sd = statistics.fmean(values), statistics.pstdev(values)
    assert plan["statistics"][cost] == pytest.approx({"mean": mean, "sd": sd})
    z = [c[f"z_{cost}"] for c in plan["candidates"]]
    assert z == pytest.approx([(value - mean) / sd for value in values])
  for c in plan["candidates"]:
    assert c["z_sum"] == pytest.approx(c["z_params"] + c["z_macs"])


def test_hf_has_its_32():
  plan = elite_tf.plan("hf")
  assert len(plan["candidates"]) == 32 and len(plan["groups"]) == 4
  heaviest = max(plan["candidates"], key=lambda c: c["macs"])
  assert (heaviest["params"], heaviest["macs"]) == (3_807_740, 383_486_976)
  assert {(c["r"], c["resolution"]) for c in plan["candidates"]} == {
    (1, 256),
    (2, 128),
  }


def test_more_levels():
  plan = elite_tf.plan(levels=6)
  assert len(plan["candidates"]) == 6 * 6 * 6
  assert len(elite_tf.plan(levels=1)["candidates"]) == 1
  lightest = min(plan["candidates"], key=lambda c: c["params"])
  assert (lightest["w"], lightest["d"]) == (6, 6)


def test_part_of_the_pool():
  plan = elite_tf.plan(
    include="*-w4-d[34]-*", group_size=4, round_epochs=4, epochs=24
  )
  # Two groups of four: 4 * 4 + 2 * 4, and 16 more for the champion.
  assert len(plan["candidates"]) == 8 and len(plan["groups"]) == 2
  assert plan["rounds"] == 2
  assert plan["candidate_epochs"] == 2 * (16 + 8 + 16)


def test_uneven_groups():
  plan = elite_tf.plan(group_size=5, round_epochs=1, epochs=10)
  # Twelve groups of five (5 + 3 + 2 + 7) and one of four (4 + 2 + 8).
  assert [len(group) for group in plan["groups"]] == [5] * 12 + [4]
  assert plan["candidate_epochs"] == 12 * 17 + 14
  assert plan["rounds"] == 3


def test_defaults_follow_the_data():
  """Digits are 8 x 8 and grey: the elite pool starts from 16 pixels."""
  plan, description = planning.plan_for_data(resolve({}))
  sizes = [c.resolution for c in plan.candidates[:4]]
  # 16 by Table 3's 1.0, 0.905, 0.766, 0.587, up to the next whole pixel.
  assert sizes == [16, 15, 13, 10]
  assert {(c.channels, c.classes) for c in plan.candidates} == {(1, 10)}
  assert description.name == "digits"
  plan, _ = planning.plan_for_data(resolve({"base_resolution": 64}))
  assert plan.candidates[0].resolution == 64
  plan, _ = planning.plan_for_data(resolve({"pool": "hf"}))
  assert {c.resolution for c in plan.candidates} == {16, 8}


def test_the_plan_tells_and_prices_the_stem_stride():
  """From 2 to 1 pixel every map before the pooling has four times the pixels.

  All multiply-accumulates are then four times as many, but those of squeeze-
  and-excitation and of the classifier, which have one pixel: B0's at 32 pixels,
  by Table 2 (squeezed to a quarter of the block input, two matrices each).
  """
  slow, fast = (
    elite_tf.plan(classes=10, base_resolution=32, stem_stride=stride)
    for stride in (1, 2)
  )
  assert slow == elite_tf.plan(classes=10, base_resolution=32)
  excite = sum(
      2 * channels * ratio * (channels // 4)
      for channels, ratio, blocks in (
          (32, 1, 1), (16, 6, 1), (24, 6, 2), (40, 6, 2), (80, 6, 3),
          (112, 6, 3), (192, 6, 4),
      )
      for _ in range(blocks)
  )  # fmt: skip
  one_pixel = excite + 1280 * 10
  first = [plan["candidates"][0] for plan in (slow, fast)]
  assert [c["stem_stride"] for c in first] == [1, 2]
  assert first[0]["params"] == first[1]["params"]
  assert first[0]["macs"] - one_pixel == 4 * (first[1]["macs"] - one_pixel)


def test_plan_finds_groups_and_costs():
  plan, _ = planning.plan_for_data(resolve({}, "quick"))
  assert [len(group) for group in plan.groups()] == [4, 4]
  for position, candidate in enumerate(plan.candidates):
    assert plan.cost(candidate.name) == plan.costs[position]
  with pytest.raises(dataclasses.FrozenInstanceError):
    plan.rounds = 3


def test_plan_for_data():
  """Digits: ten classes, grey, 8 x 8 pixels, for which 16 is the base."""
  found = elite_tf.plan(data="digits")
  expected = elite_tf.plan(classes=10, channels=1, base_resolution=16)
  assert {**found, "disk_bytes": 0} == {**expected, "disk_bytes": 0}
  sizes = {c["resolution"] for c in found["candidates"]}
  assert sizes == {16, 15, 13, 10}
  found = elite_tf.plan(data="digits", base_resolution=64)
  assert found["candidates"][0]["resolution"] == 64


def test_plan_with_a_preset():
  found = elite_tf.plan(data="digits", preset="quick")
  # Two groups of four: 4 * 4 + 2 * 4, and 16 more for the champion.
  assert found["candidate_epochs"] == 2 * (16 + 8 + 16)
  assert [len(group) for group in found["groups"]] == [4, 4]
  found = elite_tf.plan(preset="quick", include=["*-w4-d4-*"], epochs=9)
  assert [len(group) for group in found["groups"]] == [4]
  assert found["candidate_epochs"] == 4 * 4 + 2 * 4 + 1


def test_plan_takes_numpy_s_numbers():
  found = elite_tf.plan(
    classes=np.int64(10),
    channels=np.uint8(1),
    base_resolution=np.int32(32),
    levels=np.int64(2),
  )
  assert found == elite_tf.plan(
    classes=10, channels=1, base_resolution=32, levels=2
  )
  assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
  ("given", "start", "received"),
  [
    ({"data": "digits", "classes": 10}, "classes must not be", "classes=10"),
    ({"data": "digits", "channels": 1}, "channels must not be", "channels=1"),
    ({"data": "mnist"}, "--data must be one of", "'mnist'"),
    ({"preset": "fast"}, "--preset must be one of", "'fast'"),
    ({"classes": True}, "classes must be", "True"),
    ({"pool": "b0"}, "--pool must be one of", "'b0'"),
    ({"pool": 3}, "--pool must be of type str", "3"),
    ({"classes": 1}, "classes must be", "1"),
    ({"classes": 2.5}, "classes must be", "2.5"),
    ({"channels": 4}, "channels must be", "4"),
    ({"base_resolution": 0}, "--base_resolution must be", "0"),
    ({"base_resolution": "big"}, "--base_resolution must be", "'big'"),
    ({"pool": "hf", "base_resolution": 96}, "--base_resolution of", "96"),
    ({"levels": 0}, "--levels must be", "0"),
    ({"levels": 27}, "--levels must be", "27"),
    ({"group_size": 0}, "--group_size must be", "0"),
    ({"group_size": 4.0}, "--group_size must be", "4.0"),
    ({"round_epochs": -1}, "--round_epochs must be", "-1"),
    ({"epochs": 29}, "--epochs must be at least 30", "29"),
    ({"criterion": "luck"}, "--criterion must be one of", "'luck'"),
  ],
)
def test_wrong_arguments(given, start, received):
  line = _complaint(**given)
  assert line.startswith(start)
  assert line.endswith(f"Received: {received}")


def test_pattern_that_fits_nothing_and_unknown_setting():
  assert _complaint(include="*-w9-*").startswith("--include: no candidate fits")
  line = _complaint(groups=3)
  assert line.startswith("a setting must be one of activation, augment, ")
  assert line.endswith("Received: 'groups'")
