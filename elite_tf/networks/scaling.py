"""Coefficients by which a network is scaled down (paper Section 3.1)."""

import dataclasses
import itertools
import math

from elite_tf.errors import ConfigError

# Operators per stage of EfficientNet-B0 (paper Table 2).
REPEATS = (1, 1, 2, 2, 3, 3, 4, 1, 1)

# Table 3 as printed. Its second width differs from Equation 2 (0.8657), so the
# published levels are kept as data; further levels follow the equations.
PUBLISHED_WIDTH = (1.0, 0.8666, 0.701, 0.514)
PUBLISHED_RESOLUTION = (1.0, 0.905, 0.766, 0.587)

# EfficientNet's compound coefficients (alpha, beta, gamma) = (1.2, 1.1, 1.15):
# one step of depth by 1.2 goes with one of width by 1.1 and one of resolution
# by 1.15 (Equations 2 and 3).
WIDTH_PER_DEPTH = 1.1 / 1.2
RESOLUTION_PER_DEPTH = 1.15 / 1.2

# At level 26 the widest convolution, 1280 channels in B0, is down to eight
# channels, the least of any width: further levels would repeat networks.
MAX_LEVELS = 26


@dataclasses.dataclass(frozen=True)
class Coefficients:
  """Coefficients per axis, from level 1 (the baseline) down.

  Attributes:
    width: Multiplies channels.
    depth: Multiplies repeats; at most six levels, all that lower the number of
      operators.
    resolution: Multiplies the height and width of the input.
  """

  width: tuple[float, ...]
  depth: tuple[float, ...]
  resolution: tuple[float, ...]


def scale_repeats(repeats: int, depth: float) -> int:
  """Returns ceil(repeats * depth), the scaled repeats of a stage."""
  # 0.1 * 30 is 3.0000000000000004 in binary: rounded before the ceiling.
  return math.ceil(round(repeats * depth, 9))


def scale_resolution(base: int, coefficient: float) -> int:
  """Returns ceil(base * coefficient), a height and width in pixels.

  Table 3 prints 224, 203, 172, 132. Rounding to the nearest gives 131 for the
  last one (224 * 0.587 = 131.49); the ceiling gives all four.
  """
  return math.ceil(round(base * coefficient, 6))


def operators(depth: float, repeats: tuple[int, ...] = REPEATS) -> int:
  """Returns t, the number of operators of a network scaled in depth."""
  return sum(scale_repeats(each, depth) for each in repeats)


def depth_coefficients(
  levels: int, repeats: tuple[int, ...] = REPEATS
) -> tuple[float, ...]:
  """Returns the depth coefficients: d_1 = 1.0, then each that lowers t.

  Each d_j is the largest multiple of 0.1 with fewer operators than d_(j-1)
  (paper Section 3.1). The last is 0.2 for B0, where every stage has one
  operator.

  Args:
    levels: Most coefficients to return.
    repeats: Operators per stage of the baseline.
  """
  tenths = [10]
  for tenth in range(9, 0, -1):
    if len(tenths) < levels and operators(tenth / 10, repeats) < operators(
      tenths[-1] / 10, repeats
    ):
      tenths.append(tenth)
  return tuple(tenth / 10 for tenth in tenths)


def _continue(
  published: tuple[float, ...], steps: list[float], ratio: float, levels: int
) -> tuple[float, ...]:
  values = list(published[:levels])
  while len(values) < levels:
    # There are fewer depth steps than levels: the last step is repeated.
    step = steps[min(len(values) - 1, len(steps) - 1)]
    values.append(values[-1] * step * ratio)
  return tuple(values)


def coefficients(
  levels: int = 4, repeats: tuple[int, ...] = REPEATS
) -> Coefficients:
  """Returns the coefficients of every axis.

  Levels 1 to 4 are Table 3 as printed; further levels follow Equations 2 and 3
  from the last printed figure.

  Args:
    levels: Coefficients per axis, 1 to `MAX_LEVELS`. Depth has at most six: by
      Section 3.1 it ends where every stage has one operator. Width and
      resolution repeat the last step.
    repeats: Operators per stage of the baseline; they decide the depths.

  Raises:
    ConfigError: `levels` is not a whole number in that range.
  """
  if type(levels) is not int or not 1 <= levels <= MAX_LEVELS:
    raise ConfigError(
      f"--levels must be a whole number from 1 to {MAX_LEVELS}."
      f" Received: {levels!r}"
    )
  t = [operators(depth) for depth in depth_coefficients(10)]
  steps = [after / before for before, after in itertools.pairwise(t)]
  return Coefficients(
    width=_continue(PUBLISHED_WIDTH, steps, WIDTH_PER_DEPTH, levels),
    depth=depth_coefficients(levels, repeats),
    resolution=_continue(
      PUBLISHED_RESOLUTION, steps, RESOLUTION_PER_DEPTH, levels
    ),
  )
