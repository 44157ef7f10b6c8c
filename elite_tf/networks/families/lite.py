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

  EfficientNet-B0 without squeeze-and-excitation, by ReLU6 instead of swish. As
  Google's definition has it, the widths of stem and head are not scaled. Nor
  are the repeats of the first and the last stage: they are one, which no depth
  coefficient changes.
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


# ReLU6 is clipped by the convolution itself: no operator and no map of its own.
FAMILY = Family("lite", layers, activation="relu6")
