"""The plan of a search: who competes with whom, and what it will take."""

import dataclasses
import json
import os

from elite_tf import datasets
from elite_tf.boards import Limits
from elite_tf.cost import network_cost
from elite_tf.datasets import Description
from elite_tf.disk import disk_bytes
from elite_tf.elimination import candidate_epochs, rounds_needed
from elite_tf.errors import ConfigError
from elite_tf.families import get_family
from elite_tf.fitting import Needs, arena_needed, limits_of, predict_needs
from elite_tf.grouping import Grouping, make_groups
from elite_tf.memory.slicing import choose, slice_plan
from elite_tf.pool import include, make_pool
from elite_tf.run_folder import store_of, store_side
from elite_tf.settings import Settings, check_rounds, resolve
from elite_tf.spec import Candidate, Cost


@dataclasses.dataclass(frozen=True)
class Misfit:
  """A candidate that does not fit and is not trained."""

  candidate: Candidate
  cost: Cost
  needs: Needs


@dataclasses.dataclass(frozen=True)
class Plan:
  """What a search is going to do.

  Attributes:
    pool: Name of the family.
    base_resolution: Input size at r = 1, in pixels.
    candidates: The candidates, in the order of the pool.
    costs: Their costs, in the same order.
    needs: What they take on a board, in the same order; None where no limit
      was set.
    misfits: Candidates of the pool that do not fit.
    grouping: Their groups.
    rounds: Rounds until every group has one candidate left.
    candidate_epochs: Epochs trained in all, champions' to the end included.
    disk_bytes: Room that the search takes on the disk, at most.
  """

  pool: str
  base_resolution: int
  candidates: tuple[Candidate, ...]
  costs: tuple[Cost, ...]
  needs: tuple[Needs | None, ...]
  misfits: tuple[Misfit, ...]
  grouping: Grouping
  rounds: int
  candidate_epochs: int
  disk_bytes: int

  def groups(self) -> list[list[Candidate]]:
    """Returns the candidates by group, heaviest first."""
    return [
        [self.candidates[position] for position in group]
        for group in self.grouping.groups
    ]

  def position(self, name: str) -> int:
    """Returns where the candidate called `name` stands."""
    return [candidate.name for candidate in self.candidates].index(name)

  def cost(self, name: str) -> Cost:
    """Returns the cost of the candidate called `name`."""
    return self.costs[self.position(name)]


def _nearest(misfits: list[Misfit], limits: Limits) -> str:
  """Returns which candidate misses the limits least, and by how much."""
  least = min(misfits, key=lambda misfit: sum(misfit.needs.shortfall))
  missing = [
      f"{bytes_:,} bytes of {what}"
      for what, bytes_ in zip(("flash", "memory"), least.needs.shortfall)
      if bytes_
  ]
  flag = "--board" if limits.board else "--flash and --sram"
  return (
      f"{flag}: none of {len(misfits)} candidates fits; the nearest,"
      f" {least.candidate.name}, lacks {' and '.join(missing)}"
  )


def make_plan(
    settings: Settings, classes: int, channels: int, base_resolution: int
) -> Plan:
  """Returns the plan of a search, by arithmetic alone.

  Args:
    settings: Pool, groups, rounds and epochs.
    classes: Number of classes.
    channels: Channels of the images, 1 or 3.
    base_resolution: Input size at r = 1, in pixels.

  Raises:
    ConfigError: The settings contradict one another.
  """
  limits = limits_of(settings)
  pool = include(
      make_pool(
          settings.pool,
          classes,
          channels,
          base_resolution,
          settings.levels,
          settings.activation,
          settings.stem_stride,
      ),
      settings.include,
  )
  family = get_family(settings.pool)
  limited = limits != Limits()
  candidates, costs, needs, misfits = [], [], [], []
  for candidate in pool:
    layers = family.plan(candidate)
    cost = network_cost(layers)
    if limited and settings.slices:
      layers = slice_plan(layers, choose(layers)).layers
    need = predict_needs(candidate, layers, limits) if limited else None
    if need and need.shortfall != (0, 0):
      misfits.append(Misfit(candidate, cost, need))
    else:
      candidates.append(candidate)
      costs.append(cost)
      needs.append(need)
  if not candidates:
    raise ConfigError(_nearest(misfits, limits))
  grouping = make_groups(
      [candidate.name for candidate in candidates], costs, settings.group_size
  )
  sizes = [len(group) for group in grouping.groups]
  check_rounds(settings, max(sizes))
  epochs = sum(
      candidate_epochs(size, settings.round_epochs, settings.epochs)
      for size in sizes
  )
  return Plan(
      pool=settings.pool,
      base_resolution=base_resolution,
      candidates=tuple(candidates),
      costs=tuple(costs),
      needs=tuple(needs),
      misfits=tuple(misfits),
      grouping=grouping,
      rounds=max(rounds_needed(size) for size in sizes),
      candidate_epochs=epochs,
      disk_bytes=disk_bytes(
          [[costs[position] for position in g] for g in grouping.groups],
          epochs,
          settings.workers or len(os.sched_getaffinity(0)),
          settings.keep_checkpoints,
      ),
  )


def plan_for_data(settings: Settings) -> tuple[Plan, Description]:
  """Returns the plan for the settings' data set, and what that is.

  Raises:
    ConfigError: The data or the settings are not what they should be.
  """
  description = datasets.describe(settings.data, store_of(settings))
  side = min(description.height, description.width)
  base = settings.base_resolution or get_family(
      settings.pool
  ).default_resolution(side)
  plan = make_plan(settings, description.classes, description.channels, base)
  if not settings.cache_dir:
    size = datasets.cache_bytes(
        settings.data,
        description,
        store_side(base),
        (candidate.resolution for candidate in plan.candidates),
    )
    plan = dataclasses.replace(plan, disk_bytes=plan.disk_bytes + size)
  return plan, description


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
    pool: Family that the candidates are drawn from.
    classes: Number of classes, at least two.
    channels: Channels of the images, 1 or 3.
    base_resolution: Input size at r = 1, in pixels; None means the family's
      own (224 for elite, 256 for hf).
    **settings: Further fields of `elite_tf.settings.Settings`: levels,
      include, group_size, round_epochs, epochs.

  Returns:
    {"pool", "candidates": [{"name", "width", "depth", "resolution",
    "stem_stride", "w", "d", "r", "params", "macs", "flash_bytes", "sram_bytes",
    "estimated_seconds", "z_params", "z_macs", "z_sum", "group", "fits"}], "groups": [["name", ...], ...], "statistics":
    {"params": {"mean", "sd"}, "macs": {"mean", "sd"}}, "rounds",
    "candidate_epochs", "disk_bytes"}. Groups count from 1, heaviest first.

  Raises:
    ConfigError: An argument is not one that a search can run with.
  """
  resolved = resolve({"pool": pool, **settings})
  if base_resolution is None:
    base_resolution = get_family(pool).DEFAULT_RESOLUTION
  return plan_to_json(make_plan(resolved, classes, channels, base_resolution))
