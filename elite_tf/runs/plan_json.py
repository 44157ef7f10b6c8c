"""The plan of a search as it is printed and written to plan.json."""

import dataclasses
import numbers
from dataclasses import field
from typing import Self

from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.hardware.fit import Needs, arena_needed
from elite_tf.networks.families import get_families
from elite_tf.runs.plan import Plan, make_plan, plan_for_data
from elite_tf.runs.presets import resolve
from elite_tf.system.records import OMIT_EMPTY, Record
from elite_tf.tournament.grouping import Moments
from elite_tf.types import Candidate, Cost


@dataclasses.dataclass(frozen=True)
class PlannedCandidate:
  """A candidate as it is planned.

  Attributes:
    name: Name of the candidate.
    width: Width coefficient.
    depth: Depth coefficient.
    resolution: Side of the input, in pixels.
    stem_stride: Stride of the first convolution, in pixels; 0 for a custom
      family.
    w: Width level, from 1.
    d: Depth level, from 1.
    r: Resolution level, from 1.
    params: Number of parameters.
    macs: Multiply-accumulates of one inference.
    flash_bytes: Predicted flash; None without limits.
    sram_bytes: Predicted arena on a board; None without limits.
    estimated_seconds: Estimated seconds of one inference; None without a board.
    z_params: z-score of `params` among the candidates that fit. `z_params`,
      `z_macs`, `z_sum` and `group` are None for a candidate that does not fit.
    z_macs: z-score of `macs`.
    z_sum: Sum of `z_params` and `z_macs` (paper, Equation 4).
    group: Number of the group, from 1, heaviest first.
    fits: Whether the candidate fits the limits.
    family: Its family; empty in plans of version 0.1, which have one family.
  """

  name: str
  width: float
  depth: float
  resolution: int
  stem_stride: int
  w: int
  d: int
  r: int
  params: int
  macs: int
  flash_bytes: int | None
  sram_bytes: int | None
  estimated_seconds: float | None
  z_params: float | None
  z_macs: float | None
  z_sum: float | None
  group: int | None
  fits: bool
  family: str = ""


@dataclasses.dataclass(frozen=True)
class Statistics:
  """Means and standard deviations over the candidates that fit."""

  params: Moments
  macs: Moments


@dataclasses.dataclass(frozen=True)
class PlanRecord(Record):
  """The plan of a search as it is printed and written to plan.json.

  Attributes:
    pool: Families of the candidates, separated by commas.
    candidates: Candidates that fit, in the order of the pool, then the others.
    groups: Names of the candidates of each group, heaviest first.
    statistics: Means and standard deviations of the costs.
    rounds: Number of rounds until one candidate of each group is left.
    candidate_epochs: Number of epochs of the whole search.
    disk_bytes: Largest disk space that the search needs.
    first_weights: SHA-256 of the weights file from which the candidates of a
      family start, by family; missing if all weights are random.
    base_resolution: Input size at r = 1, in pixels; only in plan.json.
    data: Description of the data set; only in plan.json.
  """

  pool: str
  candidates: tuple[PlannedCandidate, ...]
  groups: tuple[tuple[str, ...], ...]
  statistics: Statistics
  rounds: int
  candidate_epochs: int
  disk_bytes: int
  first_weights: dict[str, str] = field(
    default_factory=dict, metadata=OMIT_EMPTY
  )
  base_resolution: int | None = field(default=None, metadata=OMIT_EMPTY)
  data: Description | None = field(default=None, metadata=OMIT_EMPTY)

  def difference(self, there: Self) -> str:
    """Returns in which way another plan is no plan of the same search, or "".

    What a board needs does not count: it changes who takes part at most.

    Args:
      there: The other plan.
    """
    mine, theirs = map(_taking_part, (self, there))
    missing, added = sorted(theirs - mine), sorted(mine - theirs)
    names = {name for name, *_ in missing} & {name for name, *_ in added}
    for name, params, macs in missing:
      if name in names:
        (now,) = [one for one in added if one[0] == name]
        return (
          f"{name} has {params} parameters and {macs} multiply-accumulates"
          f" there, {now[1]} and {now[2]} here"
        )
    if missing:
      return f"{missing[0][0]} takes part there, not here"
    if added:
      return f"{added[0][0]} takes part here, not there"
    if self.groups != there.groups:
      return "its groups are others"
    return ""


def _taking_part(plan: PlanRecord) -> set[tuple[str, int, int]]:
  return {(c.name, c.params, c.macs) for c in plan.candidates if c.fits}


def _planned_candidate(
  candidate: Candidate,
  cost: Cost,
  needs: Needs | None,
  z: tuple[float | None, float | None, float | None] = (None, None, None),
  group: int | None = None,
) -> PlannedCandidate:
  return PlannedCandidate(
    name=candidate.name,
    width=candidate.width,
    depth=candidate.depth,
    resolution=candidate.resolution,
    stem_stride=candidate.stem_stride,
    w=candidate.w,
    d=candidate.d,
    r=candidate.r,
    params=cost.params,
    macs=cost.macs,
    flash_bytes=needs.memory.flash_bytes if needs else None,
    sram_bytes=arena_needed(needs.memory.arena_bytes) if needs else None,
    estimated_seconds=needs.seconds if needs else None,
    z_params=z[0],
    z_macs=z[1],
    z_sum=z[2],
    group=group,
    fits=group is not None,
    family=candidate.family,
  )


def plan_record(
  plan: Plan, description: Description | None = None
) -> PlanRecord:
  """Returns a plan as a record.

  Args:
    plan: The plan.
    description: Description of the data set, for plan.json; None for printing.
  """
  grouping = plan.grouping
  group_of = {
    position: number
    for number, group in enumerate(grouping.groups, start=1)
    for position in group
  }
  fitting = tuple(
    _planned_candidate(*known, scores, group_of[position])
    for position, (*known, scores) in enumerate(
      zip(
        plan.candidates,
        plan.costs,
        plan.needs,
        zip(grouping.z_params, grouping.z_macs, grouping.z_sum),
      )
    )
  )
  others = tuple(
    _planned_candidate(misfit.candidate, misfit.cost, misfit.needs)
    for misfit in plan.misfits
  )
  return PlanRecord(
    pool=plan.pool,
    candidates=fitting + others,
    groups=tuple(
      tuple(candidate.name for candidate in group) for group in plan.groups()
    ),
    statistics=Statistics(grouping.params, grouping.macs),
    rounds=plan.rounds,
    candidate_epochs=plan.candidate_epochs,
    disk_bytes=plan.disk_bytes,
    first_weights={name: s.sha256 for name, s in plan.starts.items()},
    base_resolution=plan.base_resolution if description else None,
    data=description,
  )


def plan_to_json(plan: Plan) -> dict:
  """Returns a plan as plain dictionaries, lists and numbers."""
  return plan_record(plan).to_json()


def plan(
  pool: str = "",
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
    pool: Families of the candidates, separated by commas; empty: chosen as by
      a search. Networks of a custom family,
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
    "macs": {"mean", "sd"}}, "rounds", "candidate_epochs", "disk_bytes"}, and
    "first_weights" if some are inherited. Groups count from 1, heaviest first.

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
    base_resolution = get_families(resolved.pool)[0].base_resolution
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
