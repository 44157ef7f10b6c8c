"""The pool of candidates: every combination of a family's coefficients."""

import fnmatch

from elite_tf.errors import ConfigError
from elite_tf.families import get_family
from elite_tf.scaling import coefficients
from elite_tf.spec import Candidate

# Pixels a side. The network halves its input five times: of less, most of its
# kernels would see nothing but padding.
MIN_RESOLUTION = 8


def make_pool(
    family: str,
    classes: int = 1000,
    channels: int = 3,
    base_resolution: int | None = None,
    levels: int = 4,
) -> list[Candidate]:
  """Returns all candidates of a family, widest, deepest and largest first.

  Args:
    family: Name in `elite_tf.families.FAMILIES`.
    classes: Number of classes, at least two.
    channels: Channels of the input, 1 or 3.
    base_resolution: Input size at r = 1, in pixels; None means the family's.
    levels: Coefficients per axis.

  Raises:
    ConfigError: An argument is out of its range.
  """
  module = get_family(family)
  if classes < 2:
    raise ConfigError(f"classes must be at least 2. Received: {classes}")
  if channels not in (1, 3):
    raise ConfigError(f"channels must be 1 or 3. Received: {channels}")
  if base_resolution is None:
    base_resolution = module.DEFAULT_RESOLUTION
  if base_resolution < 8:
    raise ConfigError(
        "--base_resolution must be at least 8 pixels."
        f" Received: {base_resolution}"
    )
  scales = coefficients(levels)
  sizes = module.resolutions(base_resolution, scales)
  return [
      Candidate(family, w, d, r, width, depth, size, channels, classes)
      for w, width in enumerate(scales.width, start=1)
      for d, depth in enumerate(scales.depth, start=1)
      for r, size in enumerate(sizes, start=1)
  ]


def include(candidates: list[Candidate], patterns: str) -> list[Candidate]:
  """Returns the candidates whose name fits any of the shell patterns.

  Args:
    candidates: The pool.
    patterns: Shell patterns, comma separated; empty means all.

  Raises:
    ConfigError: A pattern fits no candidate.
  """
  wanted = [text.strip() for text in patterns.split(",") if text.strip()]
  if not wanted:
    return candidates
  for pattern in wanted:
    if not any(fnmatch.fnmatchcase(c.name, pattern) for c in candidates):
      raise ConfigError(
          f"--include: no candidate fits {pattern!r}; names look like"
          f" {candidates[0].name}"
      )
  return [
      candidate
      for candidate in candidates
      if any(fnmatch.fnmatchcase(candidate.name, p) for p in wanted)
  ]
