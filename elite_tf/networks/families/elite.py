"""EfficientNet-eLite: B0 scaled down in width, depth and resolution."""

from elite_tf.networks.families.efficientnet import (
  HEAD_CHANNELS,
  SMALL_RESOLUTION,
  STEM_CHANNELS,
  make_blocks,
  plan_network,
  round_to_8,
)
from elite_tf.networks.scaling import Coefficients, scale_resolution
from elite_tf.types import Candidate, Layer

DEFAULT_RESOLUTION = 224  # pixels at r = 1 for photographs (paper Table 2)
DEFAULT_ACTIVATION = "swish"


def default_resolution(side: int) -> int:
  """Returns the input size at r = 1 for images of `side` pixels.

  The next multiple of 32 (the network halves its input five times) up to the
  family's 224; below 64 pixels, where the stem halves nothing, of 16.
  """
  step = 16 if side <= SMALL_RESOLUTION - 16 else 32
  return min(-(-side // step) * step, DEFAULT_RESOLUTION)


def resolutions(base: int, coefficients: Coefficients) -> list[int]:
  """Returns the input sizes of every level r, in pixels (paper Table 3)."""
  return [scale_resolution(base, r) for r in coefficients.resolution]


def plan(candidate: Candidate) -> tuple[Layer, ...]:
  """Returns the layers of an eLite network (paper Section 3.1, Table 2)."""

  def rounded(channels):
    return round_to_8(channels, candidate.width)

  stem = rounded(STEM_CHANNELS)
  blocks = make_blocks(
    candidate,
    stem,
    stage_out=rounded,
    expanded=lambda ratio, nominal, channels_in: ratio * channels_in,
    squeezed=lambda channels_in: max(1, channels_in // 4),
  )
  return plan_network(
    candidate, stem, blocks, rounded(HEAD_CHANNELS), DEFAULT_ACTIVATION
  )
