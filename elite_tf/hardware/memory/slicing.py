"""Layers that compute a network's widest maps by slices, for a smaller arena.

With swish, the widest map of a block is in memory three times at once: x,
LOGISTIC(x) and their product. Between the convolutions that expand and project,
nothing mixes its channels except the squeeze, which mixes their means. So the
block can be computed one slice of channels after the other: expanded,
activated, convolved depthwise, activated. Only this result, a quarter of the map where the
stride is two, waits for the other slices. Every number of the network is
computed from the same numbers as without slices.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from elite_tf.hardware.memory.arena import buffers, head_bytes, tail_bytes
from elite_tf.hardware.memory.graph import Graph, lower
from elite_tf.hardware.memory.machine import BOARD
from elite_tf.types import Layer

# TensorFlow Lite Micro's kernel of CONCATENATION takes no more inputs.
MAX_SLICES = 10

# The channels of a slice are a multiple of this, as SIMD kernels want them.
CHANNEL_STEP = 8


@dataclasses.dataclass(frozen=True)
class Sliced:
  """A network of which some layers are slices of another network's.

  Attributes:
    layers: Its layers.
    origins: By name of a slice: the other network's layer that its weights
      come from, its first channel there and the channel after its last.
  """

  layers: tuple[Layer, ...]
  origins: dict[str, tuple[str, int, int]]


def choose_slices(layers: tuple[Layer, ...]) -> dict[str, int]:
  """Returns the numbers of slices with the smallest arena.

  The block in which most bytes are alive is cut into one more slice, until the
  peak is where no slicing helps. Of all choices on the way, the one with the
  smallest arena is returned: slices need structures in the arena's tail.

  Returns:
    Number of slices by the name of a block's depthwise convolution; blocks that
    are not sliced are left out.
  """
  blocks = {block.depthwise.name: block for block in _blocks(layers)}
  owner = {
    layer.name: name for name, block in blocks.items() for layer in block.layers
  }
  slices: dict[str, int] = {}
  best, least = {}, None
  while True:
    sliced = slice_layers(layers, slices)
    graph = lower(sliced.layers)
    size = head_bytes(graph) + tail_bytes(graph, BOARD)
    if least is None or size < least:
      best, least = dict(slices), size
    busiest = graph.operators[_busiest(graph)].layer
    name = owner.get(sliced.origins.get(busiest, (busiest,))[0])
    if name is None or slices.get(name, 1) >= blocks[name].most:
      return best
    slices[name] = slices.get(name, 1) + 1


def sliceable(layers: tuple[Layer, ...]) -> dict[str, int]:
  """Returns the most slices by the name of a block's depthwise convolution."""
  return {block.depthwise.name: block.most for block in _blocks(layers)}


def slice_layers(
  layers: tuple[Layer, ...], slices: Mapping[str, int]
) -> Sliced:
  """Returns the network with some blocks computed by slices.

  Args:
    layers: The network's.
    slices: Numbers of slices, as from `choose_slices` or `sliceable`.
  """
  chosen = [x for x in _blocks(layers) if slices.get(x.depthwise.name, 1) > 1]
  first = {block.layers[0].name: block for block in chosen}
  inside = {layer.name for block in chosen for layer in block.layers}
  found: list[Layer] = []
  origins: dict[str, tuple[str, int, int]] = {}
  for layer in layers:
    if layer.name in first:
      block = first[layer.name]
      new, where = _cut(block, slices[block.depthwise.name])
      found += new
      origins |= where
    elif layer.name not in inside:
      found.append(layer)
  return Sliced(tuple(found), origins)


@dataclasses.dataclass(frozen=True)
class _Block:
  """What is sliced: from the convolution that expands to what is projected.

  Attributes:
    map: The layers that make and filter the map: convolution, batch norm,
      activation, depthwise convolution, batch norm, activation.
    gate: The six layers of squeeze-and-excitation, or none: mean, reduce,
      activation, expand, sigmoid, multiply.
  """

  map: tuple[Layer, ...]
  gate: tuple[Layer, ...]

  @property
  def layers(self) -> tuple[Layer, ...]:
    return self.map + self.gate

  @property
  def depthwise(self) -> Layer:
    return self.map[3]

  @property
  def most(self) -> int:
    """The most slices that the block can be cut into."""
    return min(self.depthwise.shape[-1] // CHANNEL_STEP, MAX_SLICES)


def _blocks(layers: tuple[Layer, ...]) -> list[_Block]:
  """Returns the blocks that can be sliced."""
  readers: dict[str, list[Layer]] = {layer.name: [] for layer in layers}
  for layer in layers:
    for name in layer.inputs:
      readers[name].append(layer)

  def follow(layer: Layer, *ops: str) -> list[Layer]:
    """Returns the layers after one if each is read by the next alone."""
    found = []
    for op in ops:
      after = readers[layer.name]
      if len(after) != 1 or after[0].op != op:
        return []
      layer = after[0]
      found.append(layer)
    return found

  blocks = []
  for conv in layers:
    after = conv.op == "conv" and follow(
        conv, "batch_norm", "activation", "depthwise", "batch_norm",
        "activation",
    )  # fmt: skip
    if not after:
      continue
    squeeze = [x for x in readers[after[-1].name] if x.op == "mean"]
    gate = []
    if squeeze:
      gate = squeeze + follow(
        squeeze[0], "conv", "activation", "conv", "activation", "multiply"
      )
    block = _Block((conv, *after), tuple(gate))
    if block.most > 1:
      blocks.append(block)
  return blocks


def _cut(
  block: _Block, count: int
) -> tuple[list[Layer], dict[str, tuple[str, int, int]]]:
  """Returns the layers of a block in `count` slices, and their origins."""
  steps = block.depthwise.shape[-1] // CHANNEL_STEP
  ends = [CHANNEL_STEP * (steps * i // count) for i in range(count + 1)]
  ends[-1] = block.depthwise.shape[-1]
  found: list[Layer] = []
  origins = {}

  def chain(of: Sequence[Layer], part: int) -> None:
    """Adds a slice of layers; inputs with slices are replaced by theirs."""
    start, stop = ends[part], ends[part + 1]
    for layer in of:
      inputs = [f"{name}_part{part}" for name in layer.inputs]
      found.append(
        dataclasses.replace(
          layer,
          name=f"{layer.name}_part{part}",
          inputs=tuple(
            new if new in origins else old
            for new, old in zip(inputs, layer.inputs)
          ),
          shape=(*layer.shape[:-1], stop - start),
        )
      )
      origins[found[-1].name] = (layer.name, start, stop)

  def join(layer: Layer) -> None:
    """Adds the concatenation of a layer's slices, with the layer's name."""
    parts = tuple(f"{layer.name}_part{part}" for part in range(count))
    found.append(Layer(layer.name, "concatenate", parts, layer.shape))

  for part in range(count):
    chain(block.map + block.gate[:1], part)
  if not block.gate:
    join(block.map[-1])
    return found, origins
  join(block.gate[0])
  found += block.gate[1:3]
  for part in range(count):
    chain(block.gate[3:], part)
  join(block.gate[-1])
  return found, origins


def _busiest(graph: Graph) -> int:
  """Returns the position of the operator at which most bytes are alive."""
  alive = [0] * (len(graph.operators) + 1)
  for buffer in buffers(graph):
    for time in range(max(buffer.first, 1), buffer.last + 1):
      alive[time] += buffer.size
  return max(range(1, len(alive)), key=alive.__getitem__) - 1
