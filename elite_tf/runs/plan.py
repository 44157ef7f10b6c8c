"""The plan of a search: who competes with whom, and what it will take."""

import dataclasses
import os
from pathlib import Path

from elite_tf.data import augment, sources
from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Limits
from elite_tf.hardware.fit import Needs, predict_needs
from elite_tf.hardware.memory.slicing import choose_slices, slice_layers
from elite_tf.networks import custom_cost
from elite_tf.networks.cost import network_cost, network_size
from elite_tf.networks.custom_cost import Prices
from elite_tf.networks.families import get_family
from elite_tf.networks.pool import include, make_pool
from elite_tf.runs.disk_usage import disk_bytes
from elite_tf.runs.folder import (
  RunFolder,
  default_run_dir,
  store_of,
  store_side,
)
from elite_tf.runs.settings import Settings, check_rounds, limits_of
from elite_tf.tournament.criteria import candidate_epochs, rounds_needed
from elite_tf.tournament.grouping import Grouping, make_groups
from elite_tf.types import Candidate, Cost, Layer, Size


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
    sizes: Their sizes in training, in the same order.
    needs: What they take on a board, in the same order; None where no limit
      was set, or nothing can be predicted.
    misfits: Candidates of the pool that do not fit.
    grouping: Their groups.
    rounds: Rounds until every group has one candidate left.
    candidate_epochs: Epochs trained in all, champions' to the end included.
    disk_bytes: Room that the search takes on the disk, at most.
    prices: Where the family is the user's own: what was counted.
    notes: Lines for the person.
  """

  pool: str
  base_resolution: int
  candidates: tuple[Candidate, ...]
  costs: tuple[Cost, ...]
  sizes: tuple[Size, ...]
  needs: tuple[Needs | None, ...]
  misfits: tuple[Misfit, ...]
  grouping: Grouping
  rounds: int
  candidate_epochs: int
  disk_bytes: int
  prices: Prices | None = None
  notes: tuple[str, ...] = ()

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


def _predict(
  candidate: Candidate,
  layers: tuple[Layer, ...],
  limits: Limits,
  settings: Settings,
) -> Needs:
  if settings.slices:
    layers = slice_layers(layers, choose_slices(layers)).layers
  return predict_needs(candidate, layers, limits)


def make_plan(
  settings: Settings,
  classes: int,
  channels: int,
  base_resolution: int,
  known: Prices | None = None,
  trial: str = "",
) -> Plan:
  """Returns the plan of a search, by arithmetic alone.

  Only the networks of a family of the user's own are built, in another process.

  Args:
    settings: Pool, groups, rounds and epochs.
    classes: Number of classes.
    channels: Channels of the images, 1 or 3.
    base_resolution: Input size at r = 1, in pixels.
    known: What a user's own networks cost, if that was counted before.
    trial: As for `elite_tf.networks.custom_cost.price`.

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
  limited = limits != Limits()
  prices, notes = None, ()
  candidates, costs, sizes, needs, misfits = [], [], [], [], []
  family = get_family(settings.pool)
  if not family.has_layers:
    if settings.slices:
      raise ConfigError(
        "--slices is for the built-in families."
        f" Received: --pool={settings.pool}"
      )
    prices = custom_cost.price(
      pool,
      settings.quantize == "qat",
      known,
      trial=trial,
      quantize=settings.quantize,
    )
    notes = (custom_cost.UNPREDICTED,) if limited else ()
    candidates = pool
    costs = [prices.found[candidate.name].cost for candidate in pool]
    sizes = [prices.found[candidate.name].size for candidate in pool]
    needs = [None] * len(pool)
  else:
    for candidate in pool:
      layers = family.layers(candidate)
      cost = network_cost(layers)
      need = _predict(candidate, layers, limits, settings) if limited else None
      if need and need.shortfall != (0, 0):
        misfits.append(Misfit(candidate, cost, need))
      else:
        candidates.append(candidate)
        costs.append(cost)
        sizes.append(network_size(layers))
        needs.append(need)
  if not candidates:
    raise ConfigError(_nearest(misfits, limits))
  grouping = make_groups(
    [candidate.name for candidate in candidates], costs, settings.group_size
  )
  members = [len(group) for group in grouping.groups]
  check_rounds(settings, max(members))
  epochs = sum(
    candidate_epochs(count, settings.round_epochs, settings.epochs)
    for count in members
  )
  return Plan(
    pool=settings.pool,
    base_resolution=base_resolution,
    candidates=tuple(candidates),
    costs=tuple(costs),
    sizes=tuple(sizes),
    needs=tuple(needs),
    misfits=tuple(misfits),
    grouping=grouping,
    rounds=max(map(rounds_needed, members)),
    candidate_epochs=epochs,
    disk_bytes=disk_bytes(
      [[costs[position] for position in g] for g in grouping.groups],
      epochs,
      settings.workers or len(os.sched_getaffinity(0)),
      settings.keep_checkpoints,
    ),
    prices=prices,
    notes=notes,
  )


def plan_for_data(
  settings: Settings, trial: str = ""
) -> tuple[Plan, Description]:
  """Returns the plan for the settings' data set, and what that is.

  Args:
    settings: Of the search.
    trial: As for `elite_tf.networks.custom_cost.price`.

  Raises:
    ConfigError: The data or the settings are not what they should be.
  """
  description = sources.describe(settings.data, store_of(settings))
  side = min(description.height, description.width)
  base = settings.base_resolution or get_family(
    settings.pool
  ).default_resolution(side)
  run_dir = settings.run_dir or default_run_dir(description.name, settings.pool)
  plan = make_plan(
    settings,
    description.classes,
    description.channels,
    base,
    Prices.read(RunFolder(Path(run_dir)).prices),
    trial,
  )
  if not settings.cache_dir:
    size = sources.cache_bytes(
      settings.data,
      description,
      store_side(base),
      (candidate.resolution for candidate in plan.candidates),
      settings.augment or augment.choose_augmentation(description),
    )
    plan = dataclasses.replace(plan, disk_bytes=plan.disk_bytes + size)
  return plan, description
