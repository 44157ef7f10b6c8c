"""The plan of a search as plain data: what is printed, and kept in plan.json."""

import dataclasses
import json
import numbers

from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.hardware.fit import Needs, arena_needed
from elite_tf.networks.families import get_family
from elite_tf.runs.plan import Plan, make_plan, plan_for_data
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
  classes: int | None = None,
  channels: int | None = None,
  base_resolution: int | None = None,
  data: str = "",
  preset: str = "",
  **settings,
) -> dict:
  """Returns the plan of a search as a plain dictionary, without TensorFlow.

  ```
  plan = elite_tf.plan(data="folder:my_images", preset="quick")
  plan = elite_tf.plan(pool="lite", classes=10, base_resolution=96)
  ```

  Args:
    pool: Family of the candidates. Networks of a custom family,
      `module:function`, are built in another process.
    classes: Number of classes, 2 or more; None means those of `data`, or 1000.
    channels: Channels of the images, 1 or 3; None means those of `data`, or 3.
    base_resolution: Input size at r = 1, in pixels; None means a size for the
      images of `data`, or the size of the family (224 for elite, 256 for hf).
    data: Data set to plan for, as the flag `--data`; empty plans for `classes`
      and `channels`.
    preset: "quick", "paper" or "" for none; the other arguments override it.
    **settings: Further settings of `elite_tf.run_search`.

  Returns:
    {"pool", "candidates": [{"name", "width", "depth", "resolution",
    "stem_stride", "w", "d", "r", "params", "macs", "flash_bytes", "sram_bytes",
    "estimated_seconds", "z_params", "z_macs", "z_sum", "group", "fits"}],
    "groups": [["name", ...], ...], "statistics": {"params": {"mean", "sd"},
    "macs": {"mean", "sd"}}, "rounds", "candidate_epochs", "disk_bytes"}. Groups
    count from 1, heaviest first.

  Raises:
    ConfigError: An argument or the data set is wrong.
  """
  given = {"pool": pool, **settings}
  if data:
    for name, value in (("classes", classes), ("channels", channels)):
      if value is not None:
        raise ConfigError(
          f"{name} must not be given with data, which has its own."
          f" Received: {name}={value!r}"
        )
    given["data"] = data
    if base_resolution is not None:
      given["base_resolution"] = base_resolution
    found, _ = plan_for_data(resolve(given, preset))
    return plan_to_json(found)
  resolved = resolve(given, preset)
  if base_resolution is None:
    base_resolution = get_family(resolved.pool).base_resolution
  found = make_plan(
    resolved,
    _whole(1000 if classes is None else classes),
    _whole(3 if channels is None else channels),
    _whole(base_resolution),
  )
  return plan_to_json(found)


def _whole(value: object) -> object:
  """Returns a whole number as int; anything else as it is, to be refused."""
  is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
  return int(value) if is_whole else value
