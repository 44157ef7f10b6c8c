"""Cross-layer equalization: channels of an activation get similar ranges.

An activation has one scale for all of its channels, so a channel of small
values uses few of the 256 codes. If only linear layers lie between the layer
that makes a channel and the layers that read it, the channel can be divided by
a factor and the weights that read it multiplied by the same factor: the network
computes the same (Nagel et al., "Data-Free Quantization Through Weight
Equalization and Bias Correction", 2019, Section 4.1).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from elite_tf.conversion.quantize.folding import per_channel
from elite_tf.networks.from_keras import read_layers
from elite_tf.networks.layers import kind_of
from elite_tf.types import Layer

if TYPE_CHECKING:
  import keras

# Larger factors would only scale the rounding errors of unused channels.
LARGEST = 2.0**16

BATCH = 32  # Images whose activations are in memory at a time.


@dataclasses.dataclass(frozen=True)
class Group:
  """Activations whose channels share their factors.

  Attributes:
    layers: Names of the layers that compute them.
    makers: Of these, the layers whose weights make the channels.
    readers: Names of the layers whose weights read them.
  """

  layers: tuple[str, ...]
  makers: tuple[str, ...]
  readers: tuple[str, ...]


def linear_groups(layers: tuple[Layer, ...]) -> tuple[Group, ...]:
  """Returns the activations of a network that can be rescaled.

  Args:
    layers: Of the network, inputs before outputs.
  """
  by_name = {layer.name: layer for layer in layers}
  readers = {layer.name: [] for layer in layers}
  for layer in layers:
    for source in layer.inputs:
      readers[source].append(layer)
  seen, groups = set(), []
  for layer in layers:
    if layer.name not in seen and kind_of(layer).output_weights:
      members = _connected(layer, by_name, readers)
      seen.update(members)
      group = _group(members, by_name, readers)
      if group is not None:
        groups.append(group)
  return tuple(groups)


def _connected(start: Layer, by_name: dict, readers: dict) -> list[str]:
  """Returns the layers whose outputs have the factors of `start`'s output."""
  found, left = [], [start.name]
  while left:
    name = left.pop()
    if name in found:
      continue
    found.append(name)
    if kind_of(by_name[name]).linear:
      left += by_name[name].inputs
    left += [layer.name for layer in readers[name] if kind_of(layer).linear]
  return found


def _group(members: list[str], by_name: dict, readers: dict) -> Group | None:
  """Returns the group of connected layers; None if they cannot be rescaled."""
  makers = [name for name in members if not kind_of(by_name[name]).linear]
  outside = [
    layer for n in members for layer in readers[n] if layer.name not in members
  ]
  fixed = (
    any(not kind_of(by_name[name]).output_weights for name in makers)
    # A convolution before a batch norm: the batch norm makes the channels.
    or any(not kind_of(layer).kernel for layer in outside)
    or not outside
    or any(not readers[name] for name in members)
  )
  if fixed:
    return None
  return Group(
    tuple(name for name in by_name if name in members),
    tuple(makers),
    tuple(dict.fromkeys(layer.name for layer in outside)),
  )


def factors(reached: np.ndarray, weights: np.ndarray) -> np.ndarray:
  """Returns the factor that every channel is divided by.

  Afterwards a channel's share of its activation's range equals its share of the
  range of the weights that read it.

  Args:
    reached: float (channels,), the largest magnitude of every channel.
    weights: float (channels,), for every channel the largest weight that reads
      it, divided by the largest weight of the same output.
  """
  alive = (reached > 0) & (weights > 0)
  ratio = np.sqrt(np.where(alive, reached, 1) / np.where(alive, weights, 1))
  if not alive.any():
    return np.ones_like(ratio)
  middle = np.exp(np.log(ratio[alive]).mean())
  ratio = np.where(alive, ratio / middle, 1.0)
  return np.clip(ratio, 1 / LARGEST, LARGEST)


def equalize(model: keras.Model, images: np.ndarray) -> keras.Model:
  """Returns a network that computes the same with more similar channels.

  Args:
    model: Of one of the families.
    images: float32 (n, height, width, channels), for the ranges of channels.

  Raises:
    ConfigError: The model is of no family.
  """
  import keras

  layers = read_layers(model)
  groups = linear_groups(layers)
  equal = keras.models.clone_model(model)
  equal.set_weights(model.get_weights())
  if not groups:
    return equal
  by_name = {layer.name: layer for layer in layers}
  reached = _largest_magnitudes(
    model, [name for group in groups for name in group.layers], images
  )
  for group in groups:
    channels = np.max([reached[name] for name in group.layers], axis=0)
    weights = np.max(
      [_shares(by_name[name], equal.get_layer(name)) for name in group.readers],
      axis=0,
    )
    by = factors(channels.astype(np.float64), weights)
    for name in group.makers:
      _scale_outputs(by_name[name], equal.get_layer(name), 1 / by)
    for name in group.readers:
      _scale_inputs(equal.get_layer(name), by)
  return equal


def _largest_magnitudes(
  model: keras.Model, names: list[str], images: np.ndarray
) -> dict[str, np.ndarray]:
  """Returns the largest magnitude of every channel of some outputs."""
  import keras

  probe = keras.Model(
    model.inputs[0], [model.get_layer(name).output for name in names]
  )
  reached: dict[str, np.ndarray] = {}
  for start in range(0, len(images), BATCH):
    values = probe(images[start : start + BATCH], training=False)
    for name, value in zip(names, keras.tree.flatten(values)):
      array = np.abs(np.asarray(value)).reshape(-1, value.shape[-1]).max(0)
      reached[name] = np.maximum(reached.get(name, 0.0), array)
  return reached


def _shares(layer: Layer, made: keras.layers.Layer) -> np.ndarray:
  """Returns every input channel's largest share in the weights that read it."""
  kernel = np.abs(np.asarray(made.kernel, np.float64))
  if kind_of(layer).kernel_channels != -1:
    # Depthwise: every channel is read by a kernel of its own.
    return np.ones(layer.shape[-1])
  flat = kernel.reshape(-1, *kernel.shape[-2:]).max(axis=0)  # (in, out)
  whole = np.where(flat.max(axis=0) > 0, flat.max(axis=0), 1.0)
  return (flat / whole).max(axis=1)


def _scale_outputs(
  layer: Layer, made: keras.layers.Layer, by: np.ndarray
) -> None:
  """Multiplies the channels that a layer makes."""
  kind = kind_of(layer)
  for name in kind.output_weights:
    weight = getattr(made, name)
    if weight is not None:
      shaped = per_channel(layer, by) if name == kind.kernel else by
      weight.assign(np.asarray(weight, np.float64) * shaped)


def _scale_inputs(made: keras.layers.Layer, by: np.ndarray) -> None:
  """Multiplies the weights that read channels."""
  kernel = np.asarray(made.kernel, np.float64)
  made.kernel.assign(kernel * by[:, np.newaxis])  # (..., in, out)
