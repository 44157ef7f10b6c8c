"""EfficientNet-eLite: EfficientNet-B0 scaled down (paper Section 3.1)."""

from elite_tf.networks.families.base import Family
from elite_tf.networks.families.efficientnet import (
  HEAD_CHANNELS,
  STEM_CHANNELS,
  make_blocks,
  network_layers,
  round_to_8,
)
from elite_tf.types import Candidate, Layer


def layers(candidate: Candidate) -> tuple[Layer, ...]:
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
  return network_layers(
    candidate, stem, blocks, rounded(HEAD_CHANNELS), FAMILY.activation
  )


FAMILY = Family("elite", layers, activation="swish")
