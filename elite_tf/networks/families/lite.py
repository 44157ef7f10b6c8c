"""EfficientNet-Lite, scaled down in width, depth and resolution."""

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
  """Returns the layers of an EfficientNet-Lite network.

  EfficientNet-B0 without squeeze-and-excitation and with ReLU6 for swish. As in
  Google's definition, the widths of stem and head are not scaled. The first and
  the last stage have one block at every depth.
  """
  blocks = make_blocks(
    candidate,
    STEM_CHANNELS,
    stage_out=lambda channels: round_to_8(channels, candidate.width),
    expanded=lambda ratio, nominal, channels_in: ratio * channels_in,
    squeezed=lambda channels_in: 0,
  )
  return network_layers(
    candidate, STEM_CHANNELS, blocks, HEAD_CHANNELS, FAMILY.activation
  )


# The convolution itself computes ReLU6: no operator and no map for it.
FAMILY = Family("lite", layers, activation="relu6")
