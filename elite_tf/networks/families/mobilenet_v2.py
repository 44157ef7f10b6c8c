"""MobileNetV2, scaled down in width, depth and resolution.

Table 2 of the paper "MobileNetV2: Inverted Residuals and Linear Bottlenecks"
(Sandler et al., 2018), with the rounding of `keras.applications.MobileNetV2`:
at depth 1 and width w the shapes of all weights are those of alpha = w there.
"""

from elite_tf.networks.families.base import Family
from elite_tf.networks.families.efficientnet import (
  HEAD_CHANNELS,
  STEM_CHANNELS,
  Stage,
  make_blocks,
  network_layers,
  round_to_8,
)
from elite_tf.types import Candidate, Layer

STAGES = (
  Stage(3, 16, 1, 1, 1),
  Stage(3, 24, 2, 2, 6),
  Stage(3, 32, 3, 2, 6),
  Stage(3, 64, 4, 2, 6),
  Stage(3, 96, 3, 1, 6),
  Stage(3, 160, 3, 2, 6),
  Stage(3, 320, 1, 1, 6),
)


def layers(candidate: Candidate) -> tuple[Layer, ...]:
  """Returns the layers of a MobileNetV2 network.

  The stem is scaled in width, the head is not. Dropout and stochastic depth are
  those of this package's training recipe, not of the published network's.
  """

  def rounded(channels):
    return round_to_8(channels, candidate.width)

  stem = rounded(STEM_CHANNELS)
  blocks = make_blocks(
    candidate,
    stem,
    stage_out=rounded,
    expanded=lambda ratio, nominal, channels_in: ratio * channels_in,
    squeezed=lambda channels_in: 0,
    stages=STAGES,
  )
  # The published head grows above width 1 only.
  head = max(HEAD_CHANNELS, rounded(HEAD_CHANNELS))
  return network_layers(candidate, stem, blocks, head, FAMILY.activation)


# The convolution itself computes ReLU6: no operator and no map for it.
FAMILY = Family("mobilenet_v2", layers, activation="relu6")
