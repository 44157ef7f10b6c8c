"""Groups of candidates with similar costs (paper Section 3.2)."""

import dataclasses
import statistics
from collections.abc import Sequence

from elite_tf.errors import ConfigError
from elite_tf.types import Cost


@dataclasses.dataclass(frozen=True)
class Moments:
  """Mean and population standard deviation of one cost over the pool."""

  mean: float
  sd: float


@dataclasses.dataclass(frozen=True)
class Grouping:
  """The pool, standardized and divided into groups.

  Attributes:
    params: Moments of the parameters.
    macs: Moments of the multiply-accumulates.
    z_params: z-score of each candidate's parameters, in the given order.
    z_macs: z-score of each candidate's multiply-accumulates, likewise.
    z_sum: Sum of the two (Equation 4), likewise.
    groups: Positions in the given order, heaviest group and member first.
  """

  params: Moments
  macs: Moments
  z_params: tuple[float, ...]
  z_macs: tuple[float, ...]
  z_sum: tuple[float, ...]
  groups: tuple[tuple[int, ...], ...]


def _standardize(values: Sequence[int]) -> tuple[Moments, tuple[float, ...]]:
  mean, sd = statistics.fmean(values), statistics.pstdev(values)
  if sd == 0:  # All are equal, as in a pool of one candidate.
    return Moments(mean, sd), (0.0,) * len(values)
  return Moments(mean, sd), tuple((value - mean) / sd for value in values)


def make_groups(
  names: Sequence[str], costs: Sequence[Cost], group_size: int = 8
) -> Grouping:
  """Returns the pool sorted by Z_sum, heaviest first, divided into groups.

  Args:
    names: Candidates' names; they decide the order of equal Z_sum.
    costs: Candidates' costs, in the same order.
    group_size: Candidates per group, at least one; the last group may be
      smaller.

  Raises:
    ConfigError: There are no candidates, or `group_size` is not a whole number
      above zero.
  """
  if type(group_size) is not int or group_size < 1:
    raise ConfigError(
      "--group_size must be a whole number above zero."
      f" Received: {group_size!r}"
    )
  if not names or len(names) != len(costs):
    raise ConfigError(
      "grouping needs at least one candidate and a cost for each."
      f" Received: {len(names)} names, {len(costs)} costs"
    )
  params, z_params = _standardize([cost.params for cost in costs])
  macs, z_macs = _standardize([cost.macs for cost in costs])
  z_sum = tuple(p + m for p, m in zip(z_params, z_macs))
  order = sorted(range(len(names)), key=lambda i: (-z_sum[i], names[i]))
  groups = tuple(
    tuple(order[start : start + group_size])
    for start in range(0, len(order), group_size)
  )
  return Grouping(params, macs, z_params, z_macs, z_sum, groups)
