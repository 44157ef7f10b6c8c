"""Networks for small images and small chips: few halvings, no wide head.

The paper's networks halve their input five times: of 32 pixels a map of 1x1 is
left, on which most of their parameters sit. Here the number of halvings follows
the input size, and the classifier reads the last stage. Where channels are few,
a dense 3x3 convolution costs a core with wide multiply-accumulates less than an
expansion and a depthwise convolution (fused blocks, as in EfficientNetV2, Tan
and Le 2021); where they are many, blocks are inverted bottlenecks, as in
MobileNetV2 (Sandler et al. 2018). No squeeze-and-excitation; ReLU6, which the
convolution itself computes.
"""

from typing import NamedTuple

from elite_tf.networks.families.base import Family
from elite_tf.networks.families.efficientnet import (
  Block,
  Network,
  round_to_8,
)
from elite_tf.networks.scaling import scale_repeats
from elite_tf.types import Candidate, Layer


class Stage(NamedTuple):
  """One stage at width and depth 1.

  Attributes:
    fused: Whether its blocks are fused, not inverted bottlenecks.
    channels: Channels of the output.
    repeats: Number of blocks.
    expansion: Ratio of the expanded channels to the channels of the input.
  """

  fused: bool
  channels: int
  repeats: int
  expansion: int


STEM_CHANNELS = 32
STAGES = (
  Stage(True, 32, 2, 1),
  Stage(True, 64, 3, 2),
  Stage(False, 96, 5, 3),
)
# One more, where the input is large enough to be halved five times.
LAST_STAGE = Stage(False, 160, 3, 3)

# (least input size in pixels, halvings): the last map has 8x8 pixels at 32, 6x6
# at 48, 4x4 at 64, 3x3 at 96 and 7x7 at 224.
HALVINGS = ((80, 5), (57, 4), (41, 3), (0, 2))

# From this base resolution on, in pixels, the stem halves its input.
LARGE = 41


def halvings(resolution: int) -> int:
  """Returns how often an input of `resolution` pixels is halved."""
  return next(count for least, count in HALVINGS if resolution >= least)


def scaled_blocks(candidate: Candidate, stem: int) -> list[tuple[bool, Block]]:
  """Returns (fused, block) of every block, in order.

  The halvings that the stem leaves are those of the last stages.

  Args:
    candidate: Decides width, depth, input size and the stem's stride.
    stem: Channels of the first block's input.
  """
  count = halvings(candidate.resolution)
  stages = STAGES if count < HALVINGS[0][1] else (*STAGES, LAST_STAGE)
  left = count - (candidate.stem_stride - 1)
  repeats = [scale_repeats(each.repeats, candidate.depth) for each in stages]
  blocks, channels = [], stem
  for number, stage in enumerate(stages):
    halves = number >= len(stages) - left
    out = round_to_8(stage.channels, candidate.width)
    for repeat in range(repeats[number]):
      expanded = stage.expansion * channels
      # A fused block that expands to its output has nothing to project.
      expands = not stage.fused or (stage.expansion > 1 and expanded != out)
      block = Block(
        name=f"block{number + 2}{chr(ord('a') + repeat)}",
        channels_in=channels,
        channels_expanded=expanded if expands else out,
        channels_squeezed=0,
        channels_out=out,
        kernel=3,
        stride=2 if halves and repeat == 0 else 1,
        expands=expands,
        drop=candidate.dropout * len(blocks) / sum(repeats),
      )
      blocks.append((stage.fused, block))
      channels = out
  return blocks


def layers(candidate: Candidate) -> tuple[Layer, ...]:
  """Returns the layers of a network for small images and small chips."""
  network = Network(candidate, candidate.activation or FAMILY.activation)
  stem = round_to_8(STEM_CHANNELS, candidate.width)
  name = network.convolution("stem", "image", stem, 3, candidate.stem_stride)
  for fused, block in scaled_blocks(candidate, stem):
    add = network.fused_bottleneck if fused else network.bottleneck
    name = add(block, name)
  network.classifier(name, candidate.classes, candidate.dropout)
  return network.layers


FAMILY = Family(
  "edge",
  layers,
  activation="relu6",
  repeats=tuple(stage.repeats for stage in (*STAGES, LAST_STAGE)),
  stem_halves_from=LARGE,
)
