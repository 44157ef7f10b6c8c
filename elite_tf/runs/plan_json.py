"""The plan of a search as plain data: what is printed, and kept in plan.json."""

import dataclasses
import json

from elite_tf.data.sources import Description
from elite_tf.hardware.fit import Needs, arena_needed
from elite_tf.networks.families import get_family
from elite_tf.runs.plan import Plan, make_plan
from elite_tf.runs.settings import resolve
from elite_tf.types import Candidate, Cost


def _candidate_to_json(
  candidate: Candidate, cost: Cost, needs: Needs | None
) -> dict:
  return {
    "name": candidate.name,
    "width": candidate.width,
    "depth": candidate.depth,
    "resolution": candidate.resolution,
    "stem_stride": candidate.stem_stride,
    "w": candidate.w,
    "d": candidate.d,
    "r": candidate.r,
    "params": cost.params,
    "macs": cost.macs,
    # Predicted where limits are set.
    "flash_bytes": needs.memory.flash_bytes if needs else None,
    "sram_bytes": arena_needed(needs.memory.arena_bytes) if needs else None,
    "estimated_seconds": needs.seconds if needs else None,
  }


def plan_to_json(plan: Plan) -> dict:
  """Returns the plan as plain dictionaries, lists and numbers."""
  grouping = plan.grouping
  group_of = {
    position: number
    for number, group in enumerate(grouping.groups, start=1)
    for position in group
  }
  candidates = [
    {
      **_candidate_to_json(candidate, cost, needs),
      "z_params": grouping.z_params[position],
      "z_macs": grouping.z_macs[position],
      "z_sum": grouping.z_sum[position],
      "group": group_of[position],
      "fits": True,
    }
    for position, (candidate, cost, needs) in enumerate(
      zip(plan.candidates, plan.costs, plan.needs)
    )
  ] + [
    {
      **_candidate_to_json(misfit.candidate, misfit.cost, misfit.needs),
      "z_params": None,
      "z_macs": None,
      "z_sum": None,
      "group": None,
      "fits": False,
    }
    for misfit in plan.misfits
  ]
  return {
    "pool": plan.pool,
    "candidates": candidates,
    "groups": [
      [candidate.name for candidate in group] for group in plan.groups()
    ],
    "statistics": {
      "params": dataclasses.asdict(grouping.params),
      "macs": dataclasses.asdict(grouping.macs),
    },
    "rounds": plan.rounds,
    "candidate_epochs": plan.candidate_epochs,
    "disk_bytes": plan.disk_bytes,
  }


def plan_of_run(plan_: Plan, description: Description) -> str:
  """Returns what plan.json of a run folder holds: the plan and its data.

  It outlives the data, a board's file and the version that made it.
  """
  known = plan_to_json(plan_)
  known["base_resolution"] = plan_.base_resolution
  known["data"] = dataclasses.asdict(description)
  return json.dumps(known, indent=1) + "\n"


def plan(
  pool: str = "elite",
  classes: int = 1000,
  channels: int = 3,
  base_resolution: int | None = None,
  **settings,
) -> dict:
  """Returns the plan of a search as a plain dictionary, without TensorFlow.

  Args:
    pool: Family that the candidates are drawn from; `module:function` of one's
      own builds its networks in another process.
    classes: Number of classes, at least two.
    channels: Channels of the images, 1 or 3.
    base_resolution: Input size at r = 1, in pixels; None means the family's
      own (224 for elite, 256 for hf).
    **settings: Further fields of `elite_tf.runs.settings.Settings`: levels,
      include, group_size, round_epochs, epochs.

  Returns:
    {"pool", "candidates": [{"name", "width", "depth", "resolution",
    "stem_stride", "w", "d", "r", "params", "macs", "flash_bytes", "sram_bytes",
    "estimated_seconds", "z_params", "z_macs", "z_sum", "group", "fits"}],
    "groups": [["name", ...], ...], "statistics": {"params": {"mean", "sd"},
    "macs": {"mean", "sd"}}, "rounds", "candidate_epochs", "disk_bytes"}. Groups count from 1, heaviest first.

  Raises:
    ConfigError: An argument is not one that a search can run with.
  """
  resolved = resolve({"pool": pool, **settings})
  if base_resolution is None:
    base_resolution = get_family(pool).base_resolution
  return plan_to_json(make_plan(resolved, classes, channels, base_resolution))
