"""The pool of candidates: every combination of a family's coefficients."""

import bisect
import dataclasses
import fnmatch
from collections.abc import Callable

from elite_tf.errors import ConfigError
from elite_tf.networks.families import get_family
from elite_tf.networks.families.efficientnet import ACTIVATIONS
from elite_tf.networks.scaling import coefficients
from elite_tf.types import Candidate

# Pixels per side. The network halves its input four or five times: in a smaller
# one, most kernels would see nothing but padding.
MIN_RESOLUTION = 8

# Widths of a filled pool: multiples of 1/16 up to 2. A stage of 128 channels then
# grows by eight, the step to which channels are rounded.
WIDTH_STEPS = 16
MAX_WIDTH = 2


def make_pool(
  family: str,
  classes: int = 1000,
  channels: int = 3,
  base_resolution: int | None = None,
  levels: int = 4,
  activation: str = "",
  stem_stride: int = 0,
  dropout: float = 0.2,
) -> list[Candidate]:
  """Returns all candidates of a family, widest, deepest and largest first.

  Args:
    family: Name in `elite_tf.networks.families.FAMILIES`, or `module:function`.
    classes: Number of classes, at least two.
    channels: Channels of the input, 1 or 3.
    base_resolution: Input size at r = 1, in pixels; None: the family's.
    levels: Coefficients per axis, 1 to `elite_tf.networks.scaling.MAX_LEVELS`.
    activation: Activation of stem, blocks and head, one of
      `elite_tf.networks.families.efficientnet.ACTIVATIONS`; empty: the
      family's.
    stem_stride: Step of the first convolution, 1 or 2 pixels; 0: 1 for a
      `base_resolution` below 64 (edge: below 41), otherwise 2.
    dropout: Rate of dropout and stochastic depth; the default is the paper's.

  Raises:
    ConfigError: An argument is out of its range, or `base_resolution` is so
      small that two levels would have the same input size.
  """
  known = get_family(family)
  if type(classes) is not int or classes < 2:
    raise ConfigError(
      f"classes must be a whole number, 2 or more. Received: {classes!r}"
    )
  if type(channels) is not int or channels not in (1, 3):
    raise ConfigError(f"channels must be 1 or 3. Received: {channels!r}")
  if activation and activation not in ACTIVATIONS:
    raise ConfigError(
      f"activation must be one of {', '.join(ACTIVATIONS)}."
      f" Received: {activation!r}"
    )
  if not known.has_layers and (activation or stem_stride):
    raise ConfigError(
      "--activation and --stem_stride are for the built-in families."
      f" Received: --pool={family}"
    )
  if activation == known.activation:
    activation = ""  # One network has one name.
  if base_resolution is None:
    base_resolution = known.base_resolution
  if type(base_resolution) is not int or base_resolution < MIN_RESOLUTION:
    raise ConfigError(
      "--base_resolution must be a whole number of pixels,"
      f" {MIN_RESOLUTION} or more. Received: {base_resolution!r}"
    )
  if stem_stride not in (0, 1, 2):
    raise ConfigError(
      f"--stem_stride must be 1 or 2, or 0 for the base resolution's."
      f" Received: {stem_stride!r}"
    )
  stem_stride = stem_stride or known.stem_stride(base_resolution)
  scales = coefficients(levels, known.repeats)
  sizes = known.resolutions(base_resolution, scales)
  if len(set(sizes)) < len(sizes):
    # A name has its pixels: two candidates would have the same name.
    raise ConfigError(
      f"--base_resolution={base_resolution} is too small for"
      f" --levels={levels}: the sizes {', '.join(map(str, sizes))} are not"
      " all different"
    )
  return [
    Candidate(
      family,
      w,
      d,
      r,
      width,
      depth,
      size,
      channels,
      classes,
      activation,
      stem_stride,
      dropout,
    )
    for w, width in enumerate(scales.width, start=1)
    for d, depth in enumerate(scales.depth, start=1)
    for r, size in enumerate(sizes, start=1)
  ]


def fill(
  candidates: list[Candidate], fits: Callable[[Candidate], bool]
) -> list[Candidate]:
  """Returns the widest candidate that fits, per family, depth and resolution.

  Candidates of a filled pool cost about the same and differ in shape. Their
  level `w` counts sixteenths of the family's width. Where not even the narrowest
  fits, it stands for its depth and resolution.

  Args:
    candidates: A pool, of which depths and resolutions are kept.
    fits: Whether a candidate fits; if one does, narrower ones do, too.
  """
  return [_widest(each, fits) for each in candidates if each.w == 1]


def _widest(candidate: Candidate, fits: Callable[[Candidate], bool]):
  def at(step: int) -> Candidate:
    return dataclasses.replace(candidate, w=step, width=step / WIDTH_STEPS)

  steps = range(1, MAX_WIDTH * WIDTH_STEPS + 1)
  fitting = bisect.bisect_left(steps, True, key=lambda step: not fits(at(step)))
  return at(max(fitting, 1))


def include(candidates: list[Candidate], patterns: str) -> list[Candidate]:
  """Returns the candidates whose name matches any of the shell patterns.

  Args:
    candidates: The pool.
    patterns: Shell patterns, comma separated; empty: all candidates.

  Raises:
    ConfigError: A pattern matches no candidate.
  """
  wanted = [text.strip() for text in patterns.split(",") if text.strip()]
  if not wanted:
    return candidates
  for pattern in wanted:
    if not any(fnmatch.fnmatchcase(c.name, pattern) for c in candidates):
      raise ConfigError(
        "--include: no candidate fits a pattern; names look like"
        f" {candidates[0].name}. Received: {pattern!r}"
      )
  return [
    candidate
    for candidate in candidates
    if any(fnmatch.fnmatchcase(candidate.name, p) for p in wanted)
  ]
