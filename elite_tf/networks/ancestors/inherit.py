"""Which channels of a trained network a smaller one inherits: arithmetic alone.

Layers are paired by name: stages by number, repeats by position, so a shallower
network has the first repeats of every stage. Of a layer's channels the most
important are kept, in their order. What is added must be numbered alike, so all
layers along a residual chain keep the same channels.

The importance of a channel is what readers get from it: the standard deviation
that it has there, by the scale and offset of its batch norm, times the weights
with which they read it, measured in units of their outputs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from elite_tf.networks.ancestors.base import Weights
from elite_tf.networks.layers.batch_norm import EPSILON
from elite_tf.types import Layer

# Layers that mix channels; all others keep them apart.
MIXING = ("conv", "dense")

# Nodes and weights of the mean over a standard normal distribution.
_NODES, _MASSES = np.polynomial.hermite_e.hermegauss(64)
_MASSES = _MASSES / math.sqrt(2 * math.pi)


def _sigmoid(values):
  return 1 / (1 + np.exp(-values))


FUNCTIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
  "relu6": lambda x: np.clip(x, 0, 6),
  "swish": lambda x: x * _sigmoid(x),
  "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
}


class _Chains:
  """The channels of a network: which layers number them alike."""

  def __init__(self, layers: Sequence[Layer]):
    self.layers = {layer.name: layer for layer in layers}
    self._leader: dict[str, str] = {}
    for layer in layers:
      self._leader[layer.name] = layer.name
      if layer.op not in MIXING:
        for name in layer.inputs:
          self._leader[self.of(name)] = self.of(layer.name)

  def of(self, name: str) -> str:
    """Returns the name that stands for the chain of a layer's output."""
    while self._leader[name] != name:
      name = self._leader[name]
    return name

  def readers(self, chain: str) -> list[Layer]:
    """Returns the layers that mix the channels of a chain, in order."""
    return [
      layer
      for layer in self.layers.values()
      if layer.op in MIXING and self.of(layer.inputs[0]) == chain
    ]

  def channels(self, chain: str) -> int:
    """Returns the number of channels of a chain."""
    return self.layers[chain].shape[-1]


def activated_deviation(
  function: str, gamma: np.ndarray, beta: np.ndarray
) -> np.ndarray:
  """Returns the standard deviation of an activation after batch norm.

  Args:
    function: Of `FUNCTIONS`; any other counts as linear.
    gamma: (n,), standard deviations before the activation.
    beta: (n,), means before it.

  Returns:
    (n,), of f(x) for normally distributed x.
  """
  if function not in FUNCTIONS:
    return np.abs(gamma)
  values = FUNCTIONS[function](beta[:, None] + gamma[:, None] * _NODES)
  mean = values @ _MASSES
  return np.sqrt(np.maximum(values**2 @ _MASSES - mean**2, 0))


def _deviation(chains: _Chains, weights: Weights, name: str) -> np.ndarray:
  """Returns the standard deviations of a layer's output by channel, (n,)."""
  layer = chains.layers[name]
  if layer.op == "batch_norm":
    return np.abs(weights[name][0])
  if layer.op == "activation":
    before = layer.inputs[0]
    if chains.layers[before].op == "batch_norm":
      return activated_deviation(layer.function, *weights[before][:2])
  if layer.op == "add":
    parts = [_deviation(chains, weights, each) for each in layer.inputs]
    return np.sqrt(sum(part**2 for part in parts))
  if layer.op in MIXING:  # Without batch norm: in squeeze-and-excitation.
    kernel = weights[name][0]
    return np.sqrt((kernel**2).sum(axis=tuple(range(kernel.ndim - 1))))
  if layer.op == "input":
    return np.ones(layer.shape[-1])
  return _deviation(chains, weights, layer.inputs[0])


def _output_scale(chains: _Chains, weights: Weights, name: str) -> np.ndarray:
  """Returns by how much batch norm multiplies a layer's outputs, (n,)."""
  for layer in chains.layers.values():
    if layer.op == "batch_norm" and layer.inputs[0] == name:
      gamma, _, _, variance = weights[layer.name]
      return np.abs(gamma) / np.sqrt(variance + EPSILON)
  return np.ones(chains.layers[name].shape[-1])


class Reader(NamedTuple):
  """What one layer makes of a chain's channels.

  Attributes:
    deviation: (channels,), of what it reads.
    kernel: (places, channels, outputs), of the outputs that are kept.
    scale: (outputs,), factor of batch norm after it.
  """

  deviation: np.ndarray
  kernel: np.ndarray
  scale: np.ndarray


# Readers of a chain -> importance of its channels, (channels,).
Importance = Callable[[Sequence[Reader]], np.ndarray]


def what_is_read(readers: Sequence[Reader]) -> np.ndarray:
  """Returns the variance that each channel gives to all that read it."""
  return sum(
    reader.deviation**2 * ((reader.kernel * reader.scale) ** 2).sum(axis=(0, 2))
    for reader in readers
  )


# (chain of the heir, chain of the ancestor) -> for every channel of the heir
# the ancestor's channel, or -1 where there is none.
Selection = dict[tuple[str, str], np.ndarray]


def choose_channels(
  ancestor: Sequence[Layer],
  weights: Weights,
  heir: Sequence[Layer],
  importance: Importance = what_is_read,
) -> Selection:
  """Returns which channels of the ancestor each chain of the heir inherits.

  Narrow chains are chosen first: what an expansion is worth depends on who still
  reads it.

  Args:
    ancestor: Layers of the trained network.
    weights: Its weights.
    heir: Layers of the network that inherits.
    importance: Importance of a chain's channels, by those who read it.
  """
  there, here = _Chains(ancestor), _Chains(heir)
  pairs = {
    (here.of(layer.name), there.of(layer.name))
    for layer in heir
    if _inherits(layer, there.layers.get(layer.name))
  }
  chosen: Selection = {}
  for pair in sorted(pairs, key=lambda p: (there.channels(p[1]), p)):
    count, most = here.channels(pair[0]), there.channels(pair[1])
    kept = np.arange(most)
    if count < most:
      readers = _readers(there, weights, here, pair[1], chosen)
      worth = importance(readers) if readers else np.zeros(most)
      order = np.argsort(-worth, kind="stable")
      kept = np.sort(order[:count])
    chosen[pair] = np.concatenate([kept, np.full(max(count - most, 0), -1)])
  return chosen


def _readers(
  there: _Chains, weights: Weights, here: _Chains, chain: str, chosen: Selection
) -> list[Reader]:
  """Returns those who read a chain, in the heir if any does."""
  layers = [each for each in there.readers(chain) if each.name in weights]
  layers = [each for each in layers if each.name in here.layers] or layers
  readers = []
  for layer in layers:
    kernel = weights[layer.name][0]
    kernel = kernel.reshape(-1, *kernel.shape[-2:])
    scale = _output_scale(there, weights, layer.name)
    if layer.name in here.layers:
      outputs = (here.of(layer.name), there.of(layer.name))
      if outputs in chosen:
        kept = chosen[outputs][chosen[outputs] >= 0]
        kernel, scale = kernel[..., kept], scale[kept]
    deviation = _deviation(there, weights, layer.inputs[0])
    readers.append(Reader(deviation, kernel, scale))
  return readers


def _inherits(layer: Layer, other: Layer | None) -> bool:
  """Returns whether a layer can have weights of the one of the same name."""
  return (
    other is not None
    and (layer.op, layer.kernel, layer.bias)
    == (other.op, other.kernel, other.bias)
    # Other classes are other questions.
    and (layer.op != "dense" or layer.shape == other.shape)
  )


def inherit(
  ancestor: Sequence[Layer],
  weights: Weights,
  heir: Sequence[Layer],
  drawn: Weights,
  importance: Importance = what_is_read,
) -> dict[str, tuple[np.ndarray, ...]]:
  """Returns the first weights of a network that inherits.

  Args:
    ancestor: Layers of the trained network.
    weights: Its weights.
    heir: Layers of the network that inherits.
    drawn: Its random weights, kept where nothing is inherited; without layers
      that are left out.
    importance: Importance of a chain's channels, by those who read it.

  Returns:
    Weights of the layers that inherit any; arrays float32 as in `drawn`.
  """
  there, here = _Chains(ancestor), _Chains(heir)
  chosen = choose_channels(ancestor, weights, heir, importance)
  made = {}
  for layer in heir:
    other = there.layers.get(layer.name)
    if layer.name not in weights or layer.name not in drawn:
      continue
    if not _inherits(layer, other):
      continue
    outputs = chosen[here.of(layer.name), there.of(layer.name)]
    arrays = list(weights[layer.name])
    indices = [[outputs]] * len(arrays)
    if layer.op == "depthwise":
      indices[0] = [outputs, np.arange(1)]
    elif layer.op in MIXING:
      source, before = layer.inputs[0], other.inputs[0]
      if here.layers[source].op == "input":
        arrays[0] = _for_colours(arrays[0], here.layers[source].shape[-1])
        inputs = np.arange(arrays[0].shape[-2])
      else:
        inputs = chosen[here.of(source), there.of(before)]
      indices[0] = [inputs, outputs]
    made[layer.name] = tuple(
      _taken(start, array, index)
      for start, array, index in zip(drawn[layer.name], arrays, indices)
    )
  return made


def _for_colours(kernel: np.ndarray, channels: int) -> np.ndarray:
  """Returns the kernel of a stem, summed over colours for grey images."""
  return kernel if channels == 3 else kernel.sum(axis=-2, keepdims=True)


def _taken(
  drawn: np.ndarray, array: np.ndarray, indices: Sequence[np.ndarray]
) -> np.ndarray:
  """Returns an array whose last axes are taken from another's by indices.

  An output that is inherited reads nothing from channels that are drawn: it
  computes then what it did.
  """
  result = np.array(drawn)
  places = [np.flatnonzero(index >= 0) for index in indices]
  sources = [index[index >= 0] for index in indices]
  if len(indices) == 2:
    result[..., places[1]] = 0
  result[..., *np.ix_(*places)] = array[..., *np.ix_(*sources)]
  return result
