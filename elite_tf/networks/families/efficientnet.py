"""EfficientNet-B0 as layers, for every family that is made from it."""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

from elite_tf.networks.scaling import scale_repeats
from elite_tf.types import Candidate, Layer

# Activations of stem, blocks and head, by the names of Keras's functions. The
# paper has swish. The others cost a microcontroller less: hard swish is one
# operator, swish is two, ReLU6 is part of the convolution.
ACTIVATIONS = ("swish", "hard_swish", "relu6")


class Stage(NamedTuple):
  """One MBConv stage of Table 2.

  Attributes:
    kernel: Side of the depthwise kernel, in pixels.
    channels: Channels of the output.
    repeats: Number of blocks.
    stride: Stride of the first block.
    expansion: Ratio of the expanded channels to the channels of the input.
  """

  kernel: int
  channels: int
  repeats: int
  stride: int
  expansion: int


STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
STAGES = (
  Stage(3, 16, 1, 1, 1),
  Stage(3, 24, 2, 2, 6),
  Stage(5, 40, 2, 2, 6),
  Stage(3, 80, 3, 2, 6),
  Stage(5, 112, 3, 1, 6),
  Stage(5, 192, 4, 2, 6),
  Stage(3, 320, 1, 1, 6),
)


def round_to_8(channels: int, width: float) -> int:
  """Returns `channels` * `width` rounded to a multiple of 8.

  EfficientNet's rounding: to the nearest multiple, at least 8, never below
  90 % of the product; none at width 1.
  """
  if width == 1.0:
    return channels
  scaled = channels * width
  rounded = max(8, int(scaled + 4) // 8 * 8)
  return rounded + 8 if rounded < 0.9 * scaled else rounded


@dataclasses.dataclass(frozen=True)
class Block:
  """One inverted bottleneck with every width resolved.

  Attributes:
    name: Prefix of its layers' names.
    channels_in: Channels of its input.
    channels_expanded: Channels of the expansion; `channels_in` where there is
      none.
    channels_squeezed: Channels of the squeeze-and-excitation bottleneck; 0
      where there is none.
    channels_out: Channels of its output.
    kernel: Side of the depthwise kernel, in pixels.
    stride: Stride of the depthwise convolution.
    expands: Whether there is an expansion convolution.
    drop: Probability of skipping the block in training (stochastic depth).
  """

  name: str
  channels_in: int
  channels_expanded: int
  channels_squeezed: int
  channels_out: int
  kernel: int
  stride: int
  expands: bool
  drop: float


class Network:
  """Collects the layers of a network.

  Every method adds one layer or more and returns the name of the last one.
  """

  def __init__(self, candidate: Candidate, activation: str):
    shape = (candidate.resolution, candidate.resolution, candidate.channels)
    self._activation = activation
    self._layers = {"image": Layer("image", "input", (), shape)}

  @property
  def layers(self) -> tuple[Layer, ...]:
    """The layers so far, inputs before outputs."""
    return tuple(self._layers.values())

  def add(self, name: str, op: str, *inputs: str, shape=None, **fields) -> str:
    """Adds one layer; the shape is that of the first input unless given."""
    shape = shape or self._layers[inputs[0]].shape
    self._layers[name] = Layer(name, op, inputs, shape, **fields)
    return name

  def convolution(
    self,
    prefix: str,
    name: str,
    channels: int,
    kernel: int,
    stride: int,
    activate: bool = True,
  ) -> str:
    """Adds a convolution, batch norm and, if `activate`, an activation."""
    name = self.add(
        f"{prefix}_conv", "conv", name, shape=self._strided(name, stride, channels),
        kernel=kernel, stride=stride,
    )  # fmt: skip
    return self._normalized(prefix, name, activate)

  def depthwise(self, prefix: str, name: str, kernel: int, stride: int) -> str:
    """Adds a depthwise convolution, batch norm and activation."""
    channels = self._layers[name].shape[-1]
    name = self.add(
        f"{prefix}_dwconv", "depthwise", name,
        shape=self._strided(name, stride, channels), kernel=kernel, stride=stride,
    )  # fmt: skip
    return self._normalized(prefix, name, True)

  def squeeze_excite(self, prefix: str, name: str, channels: int) -> str:
    """Adds squeeze-and-excitation: a gate per channel, from their means."""
    expanded = self._layers[name].shape[-1]
    gate = self.add(f"{prefix}_squeeze", "mean", name, shape=(1, 1, expanded))
    gate = self.add(
      f"{prefix}_reduce", "conv", gate, shape=(1, 1, channels), bias=True
    )
    gate = self._activated(f"{prefix}_reduce", gate)
    gate = self.add(
      f"{prefix}_expand", "conv", gate, shape=(1, 1, expanded), bias=True
    )
    gate = self.add(f"{prefix}_gate", "activation", gate, function="sigmoid")
    return self.add(f"{prefix}_excite", "multiply", name, gate)

  def bottleneck(self, block: Block, name: str) -> str:
    """Adds MBConv: expand, depthwise, squeeze-excite, project, skip."""
    start = name
    if block.expands:
      name = self.convolution(
        f"{block.name}_expand", name, block.channels_expanded, 1, 1
      )
    name = self.depthwise(block.name, name, block.kernel, block.stride)
    if block.channels_squeezed:
      name = self.squeeze_excite(
        f"{block.name}_se", name, block.channels_squeezed
      )
    name = self.convolution(
      f"{block.name}_project", name, block.channels_out, 1, 1, False
    )
    return self.skip(block, name, start)

  def fused_bottleneck(self, block: Block, name: str) -> str:
    """Adds a fused MBConv: one dense convolution, project, skip.

    The dense convolution stands for expansion and depthwise convolution
    (EfficientNetV2, Tan and Le 2021). Without expansion there is nothing else:
    a skip beside a single convolution would hold a third map in memory.
    """
    start = name
    name = self.convolution(
        f"{block.name}_fused", name, block.channels_expanded, block.kernel,
        block.stride,
    )  # fmt: skip
    if not block.expands:
      return name
    name = self.convolution(
      f"{block.name}_project", name, block.channels_out, 1, 1, False
    )
    return self.skip(block, name, start)

  def skip(self, block: Block, name: str, start: str) -> str:
    """Adds the block's input to its output, if their shapes are the same."""
    if block.stride == 1 and block.channels_in == block.channels_out:
      if block.drop:
        name = self.add(
          f"{block.name}_drop", "stochastic_depth", name, rate=block.drop
        )
      name = self.add(f"{block.name}_add", "add", name, start)
    return name

  def classifier(self, name: str, classes: int, dropout: float = 0.2) -> str:
    """Adds global average pooling, dropout, dense and softmax."""
    features = self._layers[name].shape[-1]
    name = self.add("pool", "mean", name, shape=(features,))
    if dropout:
      name = self.add("dropout", "dropout", name, rate=dropout)
    name = self.add("logits", "dense", name, shape=(classes,), bias=True)
    return self.add("probabilities", "activation", name, function="softmax")

  def _normalized(self, prefix: str, name: str, activate: bool) -> str:
    name = self.add(f"{prefix}_bn", "batch_norm", name)
    return self._activated(prefix, name) if activate else name

  def _activated(self, prefix: str, name: str) -> str:
    function = self._activation
    return self.add(
      f"{prefix}_{function}", "activation", name, function=function
    )

  def _strided(self, name: str, stride: int, channels: int):
    height, width, _ = self._layers[name].shape
    return (math.ceil(height / stride), math.ceil(width / stride), channels)


def scaled_stages(
  candidate: Candidate, stages: tuple[Stage, ...] = STAGES
) -> list[tuple[int, Stage]]:
  """Returns (number as in Table 2, stage), with the repeats scaled in depth."""
  return [
      (number, stage._replace(repeats=scale_repeats(stage.repeats, candidate.depth)))
      for number, stage in enumerate(stages, start=2)
  ]  # fmt: skip


def network_layers(
  candidate: Candidate,
  stem: int,
  blocks: list[Block],
  head: int,
  activation: str,
) -> tuple[Layer, ...]:
  """Returns the whole network: stem, blocks, head and classifier.

  Args:
    candidate: Decides input size, channels, classes, the stem's stride and,
      unless empty, the activation.
    stem: Channels of the first convolution.
    blocks: The inverted bottlenecks, in order.
    head: Channels of the last convolution.
    activation: The family's activation.
  """
  network = Network(candidate, candidate.activation or activation)
  name = network.convolution("stem", "image", stem, 3, candidate.stem_stride)
  for block in blocks:
    name = network.bottleneck(block, name)
  name = network.convolution("head", name, head, 1, 1)
  network.classifier(name, candidate.classes, candidate.dropout)
  return network.layers


def make_blocks(
  candidate: Candidate,
  stem: int,
  stage_out: Callable[[int], int],
  expanded: Callable[[int, int, int], int],
  squeezed: Callable[[int], int],
  stages: tuple[Stage, ...] = STAGES,
) -> list[Block]:
  """Returns the blocks of a candidate; three functions decide their widths.

  Args:
    candidate: Decides the depth coefficient.
    stem: Channels of the first block's input.
    stage_out: Function of a stage's channels (Table 2) -> channels out.
    expanded: Function of (expansion ratio, channels of the block's input in
      Table 2, channels in) -> channels of the expansion.
    squeezed: Function of channels in -> channels of the squeeze, 0 for none.
    stages: The stages to scale; default: Table 2.
  """
  stages = scaled_stages(candidate, stages)
  total = sum(stage.repeats for _, stage in stages)
  blocks = []
  channels, nominal = stem, STEM_CHANNELS
  for number, stage in stages:
    for repeat in range(stage.repeats):
      expands = stage.expansion > 1
      block = Block(
        name=f"block{number}{chr(ord('a') + repeat)}",
        channels_in=channels,
        channels_expanded=(
          expanded(stage.expansion, nominal, channels) if expands else channels
        ),
        channels_squeezed=squeezed(channels),
        channels_out=stage_out(stage.channels),
        kernel=stage.kernel,
        stride=stage.stride if repeat == 0 else 1,
        expands=expands,
        # Linear in depth, as in EfficientNet: the first block never drops.
        drop=candidate.dropout * len(blocks) / total,
      )
      blocks.append(block)
      channels, nominal = block.channels_out, stage.channels
  return blocks
