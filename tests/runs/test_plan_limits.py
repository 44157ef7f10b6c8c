"""A plan under a board's limits: what fits is known before it is trained."""

import contextlib
import dataclasses
import json

import pytest

from elite_tf.engine.champions import Champions
from elite_tf.errors import ConfigError
from elite_tf.hardware import fit
from elite_tf.hardware.boards import Limits, Shortfall
from elite_tf.runs import plan as planning
from elite_tf.runs import plan_json
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.journal import Journal, champion_to_event
from elite_tf.runs.presets import resolve
from elite_tf.runs.results import ChampionEvent, ChampionResult
from elite_tf.tournament.bracket import Bracket, Rules
from elite_tf.types import Epoch, Outcome

SMALL = {"pool": "lite", "levels": 6}


def _plan(**settings):
  resolved = resolve({**SMALL, **settings})
  return planning.make_plan(resolved, 10, 1, 96)


@pytest.mark.parametrize(
  "limits",
  [{"board": "nano33ble"}, {"sram": "320KB", "flash": "1MB"}],
)
def test_enough_networks_fit_a_small_board(limits):
  plan = _plan(**limits)
  assert len(plan.candidates) >= 16
  assert len(plan.candidates) + len(plan.misfits) == 6 * 6 * 6


def test_candidates_are_kept_or_left_out_by_their_bytes():
  flash, sram = 1024 * 1024, 256 * 1024
  plan = _plan(board="nano33ble")
  for needs in plan.needs:
    assert needs.memory.flash_bytes <= flash
    assert needs.memory.arena_bytes <= sram
  for misfit in plan.misfits:
    memory = misfit.needs.memory
    assert memory.flash_bytes > flash or memory.arena_bytes > sram - 16


def test_groups_are_made_of_those_that_fit():
  plan = _plan(board="nano33ble")
  grouped = sorted(c.name for group in plan.groups() for c in group)
  assert grouped == sorted(c.name for c in plan.candidates)
  printed = plan_json.plan_to_json(plan)
  json.dumps(printed)
  rows = {row["name"]: row for row in printed["candidates"]}
  assert len(rows) == 216
  for misfit in plan.misfits:
    row = rows[misfit.candidate.name]
    assert (row["fits"], row["group"], row["z_sum"]) == (False, None, None)
    assert row["flash_bytes"] > 0 and row["sram_bytes"] > 0
  for name in grouped:
    assert rows[name]["fits"] and rows[name]["estimated_seconds"] > 0


def test_where_none_fits_the_nearest_is_named():
  with pytest.raises(ConfigError, match="--flash and --sram: none of 216") as e:
    _plan(sram="8KB", flash="64KB")
  line = str(e.value)
  assert "\n" not in line and "lite-w" in line
  assert "bytes of flash and" in line and "bytes of memory" in line
  with pytest.raises(ConfigError, match="--board: none of 64"):
    resolved = resolve({"pool": "elite", "board": "sparkfunedge"})
    planning.make_plan(resolved, 1000, 3, 224)


@pytest.mark.parametrize("quantize", ["none", "int16x8"])
def test_limits_are_those_of_an_int8_network(quantize):
  with pytest.raises(ConfigError, match=f"--quantize={quantize}"):
    _plan(board="nano33ble", quantize=quantize)


def test_no_limits_no_prediction():
  plan = _plan()
  assert plan.misfits == () and set(plan.needs) == {None}


def test_pointers_of_this_computer_are_not_charged_to_the_board():
  needs, *_ = _plan(sram="1MB", include="lite-w6-d6-*").needs
  memory = needs.memory
  limits = Limits(memory.flash_bytes, fit.arena_needed(memory.arena_bytes))

  def missing(more_flash=0, more_arena=0):
    return fit.measured_shortfall(
      memory,
      limits,
      memory.tflite_bytes + more_flash,
      memory.arena_bytes_host + more_arena,
    )

  assert memory.arena_bytes_host > memory.arena_bytes
  assert missing() == Shortfall(0, 0)
  assert missing(more_flash=7) == Shortfall(7, 0)
  assert missing(more_arena=160) == Shortfall(0, 160)


def _played(plan, rules):
  """The plan's one group, played: the later a name, the better."""
  (group,) = plan.groups()
  bracket = Bracket(1, group, rules)
  jobs = bracket.start()
  while jobs:
    following = []
    for job in jobs:
      accuracy = list(bracket.candidates).index(job.candidate.name) / 10
      epochs = tuple(
        Epoch(n, 1.0, accuracy, 1.0, accuracy, 1.0)
        for n in range(job.start + 1, job.stop + 1)
      )
      following += bracket.record(
        Outcome(job.candidate.name, job.start, job.stop, epochs)
      )
    jobs = following
  return bracket


def test_a_champion_that_does_not_fit_as_measured_is_replaced(tmp_path):
  settings = resolve({**SMALL, "sram": "1MB", "include": "lite-w6-d6-r[3-7]*"})
  plan = planning.make_plan(settings, 10, 1, 96)
  bracket = _played(plan, Rules(round_epochs=1, epochs=5))
  first = bracket.champion
  second = bracket.rounds[-1].eliminated[0]
  folder = RunFolder(tmp_path)
  folder.champion(first).mkdir(parents=True)
  memory = plan.needs[plan.position(first)].memory
  champion = ChampionResult(
    name=first,
    group=1,
    params=1,
    macs=1,
    val_accuracy=0.9,
    test_accuracy_float=0.9,
    test_accuracy_int8=0.9,
    test_balanced_accuracy_float=0.9,
    test_balanced_accuracy_int8=0.9,
    tflite_bytes=memory.tflite_bytes,
    arena_bytes=memory.arena_bytes_host,
    kind="int8",
    estimated_seconds=None,
    files=(),
  )

  def replace(champion):
    with contextlib.closing(Journal(folder.journal)) as journal:
      journal.append(champion_to_event(ChampionEvent(champion, 1.0)))
      known = Champions([bracket], plan, settings, folder, journal, None)
      return known.replace_misfits()

  assert replace(champion) is None
  assert bracket.champion == first and folder.champion(first).exists()

  larger = memory.arena_bytes_host + (1 << 20)
  jobs = replace(dataclasses.replace(champion, arena_bytes=larger))
  assert [(job.candidate.name, job.stop) for job in jobs] == [(second, 5)]
  assert "does not fit: 0 bytes of flash" in bracket.rejected[first]
  assert bracket.failures == {}
  assert not folder.champion(first).exists()
  (job,) = jobs
  epochs = tuple(
    Epoch(n, 1.0, 0.5, 1.0, 0.5, 1.0)
    for n in range(job.start + 1, job.stop + 1)
  )
  assert bracket.record(Outcome(second, job.start, job.stop, epochs)) == []
  assert bracket.champion == second and bracket.done


def test_a_rejected_champion_never_returns():
  """One after the other takes the title, until none is left."""
  settings = resolve({**SMALL, "sram": "1MB", "include": "lite-w6-d6-r[3-7]*"})
  plan = planning.make_plan(settings, 10, 1, 96)
  bracket = _played(plan, Rules(round_epochs=1, epochs=1))
  seen = []
  for _ in bracket.candidates:
    seen.append(bracket.champion)
    assert bracket.reject("does not fit") == [], "all are trained to the end"
  assert bracket.champion is None
  assert len(seen) > 2 and sorted(seen) == sorted(bracket.candidates)
  assert list(bracket.rejected) == seen and bracket.failures == {}


def test_rejecting_the_last_leaves_no_champion():
  settings = resolve({**SMALL, "sram": "1MB", "include": "lite-w6-d6-r96"})
  plan = planning.make_plan(settings, 10, 1, 96)
  bracket = _played(plan, Rules(round_epochs=1, epochs=2))
  assert bracket.reject("does not fit") == []
  assert bracket.champion is None and bracket.done


def test_activation_is_a_choice_of_the_pool():
  plan = _plan(activation="hard_swish", include="*-w6-d6-*")
  assert all(c.name.endswith("-hard_swish") for c in plan.candidates)


def test_slices_are_in_the_prediction():
  (plain,) = _plan(pool="elite", sram="1MB", include="elite-w4-d4-r96").needs
  (sliced,) = _plan(
    pool="elite", sram="1MB", include="elite-w4-d4-r96", slices=True
  ).needs
  assert plain.memory.arena_bytes > 1.4 * sliced.memory.arena_bytes


def test_another_plan_of_the_same_settings_is_told():
  """As the file of a board that was changed makes it."""
  records = [
    plan_json.plan_record(_plan(sram=sram, flash="1MB"))
    for sram in ("320KB", "120KB")
  ]
  larger, smaller = records
  lost = sorted(
    {c.name for c in larger.candidates if c.fits}
    - {c.name for c in smaller.candidates if c.fits}
  )
  assert lost and larger.difference(larger) == ""
  said = smaller.difference(larger)
  assert said == f"{lost[0]} takes part there, not here"
  assert larger.difference(smaller) == f"{lost[0]} takes part here, not there"
