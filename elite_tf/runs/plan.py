"""The plan of a search: who competes with whom, and what it will take."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from elite_tf.data import augment, sources
from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Limits
from elite_tf.hardware.fit import Needs, predict_needs
from elite_tf.hardware.memory.slicing import choose_slices, slice_layers
from elite_tf.networks import ancestors, custom_cost
from elite_tf.networks.ancestors import Start
from elite_tf.networks.cost import network_cost, network_size
from elite_tf.networks.custom_cost import Prices
from elite_tf.networks.families import (
  Family,
  get_families,
  get_family,
)
from elite_tf.networks.pool import fill, include, make_pool
from elite_tf.runs.choose_pool import HEIR, choose_pool
from elite_tf.runs.disk_usage import disk_bytes
from elite_tf.runs.folder import (
  RunFolder,
  default_run_dir,
  store_of,
  store_side,
)
from elite_tf.runs.recipe import choose_recipe, recipe_of
from elite_tf.runs.settings import Settings, check_rounds, limits_of
from elite_tf.runs.starts import choose_weights, describe_starts
from elite_tf.tournament.criteria import candidate_epochs, rounds_needed
from elite_tf.tournament.grouping import Grouping, make_groups
from elite_tf.types import Candidate, Cost, Layer, Size


class NothingFits(ConfigError):
  """No candidate of the pool is within the limits."""


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
    pool: Names of the families, separated by commas.
    fill: Whether widths are the largest that fit the limits.
    latency: Longest time of one inference, as given or chosen; empty for none.
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
    recipe: Name of the training recipe, in `elite_tf.training.recipe.RECIPES`.
    prices: Where the family is the user's own: what was counted.
    notes: Lines for the person.
    weights: `--weights`, complete.
    starts: Weights files from which candidates inherit, by family.
  """

  pool: str
  fill: bool
  latency: str
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
  recipe: str
  prices: Prices | None = None
  notes: tuple[str, ...] = ()
  weights: str = ancestors.NONE
  starts: Mapping[str, Start] = dataclasses.field(default_factory=dict)

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
  least = min(
    misfits,
    key=lambda misfit: (sum(misfit.needs.shortfall), misfit.needs.late),
  )
  missing = [
    f"lacks {bytes_:,} bytes of {what}"
    for what, bytes_ in zip(("flash", "memory"), least.needs.shortfall)
    if bytes_
  ]
  if least.needs.late:
    missing.append(f"takes {1000 * least.needs.late:,.0f} ms too long")
  flag = "--board" if limits.board else "--flash and --sram"
  return (
    f"{flag}: none of {len(misfits)} candidates fits; the nearest,"
    f" {least.candidate.name}, {' and '.join(missing)}"
  )


def _check_fill(
  settings: Settings, limited: bool, families: Sequence[Family]
) -> None:
  if not limited:
    raise ConfigError(
      "--fill needs a limit: --board, --flash or --sram. Received: none"
    )
  if not all(family.has_layers for family in families):
    raise ConfigError(
      f"--fill is for the built-in families. Received: --pool={settings.pool}"
    )


def _needs(candidate: Candidate, limits: Limits, settings: Settings) -> Needs:
  layers = get_family(candidate.family).layers(candidate)
  return _predict(candidate, layers, limits, settings)


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
  limited = limits != Limits()
  families = get_families(settings.pool)
  pool = [
    candidate
    for family in families
    for candidate in make_pool(
      family.name,
      classes,
      channels,
      base_resolution,
      settings.levels,
      settings.activation,
      settings.stem_stride,
    )
  ]
  if settings.fill:
    _check_fill(settings, limited, families)
    pool = fill(pool, lambda one: _needs(one, limits, settings).fits)
  pool = include(pool, settings.include)
  prices, notes = None, ()
  candidates, costs, sizes, needs, misfits = [], [], [], [], []
  if not all(family.has_layers for family in families):
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
      layers = get_family(candidate.family).layers(candidate)
      cost = network_cost(layers)
      need = _predict(candidate, layers, limits, settings) if limited else None
      if need and not need.fits:
        misfits.append(Misfit(candidate, cost, need))
      else:
        candidates.append(candidate)
        costs.append(cost)
        sizes.append(network_size(layers))
        needs.append(need)
  if not candidates:
    raise NothingFits(_nearest(misfits, limits))
  weights = settings.weights or ancestors.NONE
  # Of several families perhaps not all are left.
  names = [family.name for family in families]
  left = {candidate.family for candidate in candidates}
  families = tuple(each for each in families if each.name in left)
  starts = {
    name: start
    for name, start in ancestors.find_starts(weights, names).items()
    if name in left
  }
  notes += describe_starts(starts, candidates)
  recipe = settings.recipe or choose_recipe(families, costs, starts)
  chosen = recipe_of(dataclasses.replace(settings, recipe=recipe))
  candidates = [
    dataclasses.replace(candidate, dropout=chosen.dropout)
    for candidate in candidates
  ]
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
    pool=",".join(family.name for family in get_families(settings.pool)),
    fill=settings.fill,
    latency=settings.latency,
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
    recipe=recipe,
    prices=prices,
    notes=notes,
    weights=weights,
    starts=starts,
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
  chosen = choose_pool(settings, description)
  if settings.pool or chosen.pool != HEIR or not chosen.fill:
    return _plan(chosen, description, trial), description
  try:
    plan = _plan(chosen, description, trial)
    if len(plan.candidates) >= len(plan.misfits):
      return plan, description
  except NothingFits:
    pass
  smaller = choose_pool(
    dataclasses.replace(settings, weights=ancestors.NONE), description
  )
  plan = _plan(smaller, description, trial)
  note = f"{HEIR}, which inherits weights, is too large for the limits"
  return dataclasses.replace(plan, notes=(note, *plan.notes)), description


def _plan(settings: Settings, description: Description, trial: str) -> Plan:
  base = settings.base_resolution
  side = min(description.height, description.width)
  families = get_families(settings.pool)
  run_dir = settings.run_dir or default_run_dir(description.name, settings.pool)
  weights = settings.weights or choose_weights(families, side)
  plan = make_plan(
    dataclasses.replace(settings, weights=weights),
    description.classes,
    description.channels,
    base,
    Prices.read(RunFolder(Path(run_dir)).prices),
    trial,
  )
  if settings.cache_dir:
    return plan
  size = sources.cache_bytes(
    settings.data,
    description,
    store_side(base),
    (candidate.resolution for candidate in plan.candidates),
    settings.augment or augment.choose_augmentation(description),
  )
  return dataclasses.replace(plan, disk_bytes=plan.disk_bytes + size)
