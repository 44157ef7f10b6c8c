"""The plan of a search: who competes with whom, and what it will take."""

import dataclasses

from elite_tf import datasets
from elite_tf.cost import network_cost
from elite_tf.datasets import Description
from elite_tf.elimination import candidate_epochs, rounds_needed
from elite_tf.families import get_family
from elite_tf.grouping import Grouping, make_groups
from elite_tf.pool import include, make_pool
from elite_tf.settings import Settings, check_rounds, resolve
from elite_tf.spec import Candidate, Cost


@dataclasses.dataclass(frozen=True)
class Plan:
  """What a search is going to do.

  Attributes:
    pool: Name of the family.
    candidates: The candidates, in the order of the pool.
    costs: Their costs, in the same order.
    grouping: Their groups.
    rounds: Rounds until every group has one candidate left.
    candidate_epochs: Epochs trained in all, champions' to the end included.
  """

  pool: str
  candidates: tuple[Candidate, ...]
  costs: tuple[Cost, ...]
  grouping: Grouping
  rounds: int
  candidate_epochs: int

  def groups(self) -> list[list[Candidate]]:
    """Returns the candidates by group, heaviest first."""
    return [
        [self.candidates[position] for position in group]
        for group in self.grouping.groups
    ]

  def cost(self, name: str) -> Cost:
    """Returns the cost of the candidate called `name`."""
    return self.costs[[c.name for c in self.candidates].index(name)]


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
  pool = make_pool(
      settings.pool, classes, channels, base_resolution, settings.levels
  )
  candidates = include(pool, settings.include)
  family = get_family(settings.pool)
  costs = [network_cost(family.plan(candidate)) for candidate in candidates]
  grouping = make_groups(
      [candidate.name for candidate in candidates], costs, settings.group_size
  )
  sizes = [len(group) for group in grouping.groups]
  check_rounds(settings, max(sizes))
  return Plan(
      pool=settings.pool,
      candidates=tuple(candidates),
      costs=tuple(costs),
      grouping=grouping,
      rounds=max(rounds_needed(size) for size in sizes),
      candidate_epochs=sum(
          candidate_epochs(size, settings.round_epochs, settings.epochs)
          for size in sizes
      ),
  )


def plan_for_data(settings: Settings) -> tuple[Plan, Description]:
  """Returns the plan for the settings' data set, and what that is.

  Raises:
    ConfigError: The data or the settings are not what they should be.
  """
  description = datasets.describe(settings.data)
  side = min(description.height, description.width)
  base = settings.base_resolution or get_family(
      settings.pool
  ).default_resolution(side)
  plan = make_plan(settings, description.classes, description.channels, base)
  return plan, description


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
          "name": candidate.name,
          "width": candidate.width,
          "depth": candidate.depth,
          "resolution": candidate.resolution,
          "w": candidate.w,
          "d": candidate.d,
          "r": candidate.r,
          "params": cost.params,
          "macs": cost.macs,
          # Predicted only where a board's limits are given.
          "flash_bytes": None,
          "sram_bytes": None,
          "z_params": grouping.z_params[position],
          "z_macs": grouping.z_macs[position],
          "z_sum": grouping.z_sum[position],
          "group": group_of[position],
          "fits": True,
      }
      for position, (candidate, cost) in enumerate(
          zip(plan.candidates, plan.costs)
      )
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
  }


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
    {"pool", "candidates": [{"name", "width", "depth", "resolution", "w", "d",
    "r", "params", "macs", "flash_bytes", "sram_bytes", "z_params", "z_macs",
    "z_sum", "group", "fits"}], "groups": [["name", ...], ...], "statistics":
    {"params": {"mean", "sd"}, "macs": {"mean", "sd"}}, "rounds",
    "candidate_epochs"}. Groups count from 1, heaviest first.

  Raises:
    ConfigError: An argument is not one that a search can run with.
  """
  resolved = resolve({"pool": pool, **settings})
  if base_resolution is None:
    base_resolution = get_family(pool).DEFAULT_RESOLUTION
  return plan_to_json(make_plan(resolved, classes, channels, base_resolution))
