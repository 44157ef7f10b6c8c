"""Cross-layer equalization: the channels of an activation made alike.

An activation has one scale for all of its channels. Where one channel reaches
far and another does not, the latter is left with a few codes. Between a layer
that makes channels and one that reads them, with nothing in between but what
is linear, a channel can be made smaller and its weights larger by the same
factor, and the network computes the same (Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", 2019).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from elite_tf.networks.from_keras import read_layers
from elite_tf.networks.layers import kind_of
from elite_tf.types import Layer

if TYPE_CHECKING:
  import keras

# A factor beyond this is for channels that hold nothing but rounding errors.
LARGEST = 2.0**16

BATCH = 32  # Images whose activations are in memory at a time.


@dataclasses.dataclass(frozen=True)
class Group:
  """Activations whose channels share their factors.

  Attributes:
    rows: Names of the rows that compute them.
    makers: Of these, the rows whose weights make the channels.
    readers: Names of the rows whose weights read them.
  """

  rows: tuple[str, ...]
  makers: tuple[str, ...]
  readers: tuple[str, ...]


def linear_groups(rows: tuple[Layer, ...]) -> tuple[Group, ...]:
  """Returns the activations of a plan that can be rescaled.

  Args:
    rows: Of a plan, inputs before outputs.
  """
  by_name = {row.name: row for row in rows}
  readers = {row.name: [] for row in rows}
  for row in rows:
    for source in row.inputs:
      readers[source].append(row)
  seen, groups = set(), []
  for row in rows:
    if row.name not in seen and kind_of(row).output_weights:
      members = _connected(row, by_name, readers)
      seen.update(members)
      group = _group(members, by_name, readers)
      if group is not None:
        groups.append(group)
  return tuple(groups)


def _passes(row: Layer) -> bool:
  return kind_of(row).linear


def _connected(start: Layer, by_name: dict, readers: dict) -> list[str]:
  """Returns the rows whose outputs have the factors of `start`'s output."""
  found, left = [], [start.name]
  while left:
    name = left.pop()
    if name in found:
      continue
    found.append(name)
    if _passes(by_name[name]):
      left += by_name[name].inputs
    left += [row.name for row in readers[name] if _passes(row)]
  return found


def _group(members: list[str], by_name: dict, readers: dict) -> Group | None:
  """Returns the group of connected rows, None if something holds them fixed."""
  makers = [n for n in members if not _passes(by_name[n])]
  outside = [r for n in members for r in readers[n] if r.name not in members]
  fixed = (
    any(not kind_of(by_name[name]).output_weights for name in makers)
    # Its batch norm makes the channels, not the convolution.
    or any(not kind_of(row).kernel for row in outside)
    or not outside
    or any(not readers[name] for name in members)
  )
  if fixed:
    return None
  return Group(
    tuple(n for n in by_name if n in members),
    tuple(makers),
    tuple(dict.fromkeys(row.name for row in outside)),
  )


def factors(reached: np.ndarray, weights: np.ndarray) -> np.ndarray:
  """Returns what every channel is to be divided by.

  Afterwards a channel's share of its activation's range is its share of the
  reading weights' range.

  Args:
    reached: float (channels,), the largest magnitude of every channel.
    weights: float (channels,), the largest weight that reads it, as a share of
      the largest that makes the same output.
  """
  alive = (reached > 0) & (weights > 0)
  ratio = np.sqrt(np.where(alive, reached, 1) / np.where(alive, weights, 1))
  if not alive.any():
    return np.ones_like(ratio)
  middle = np.exp(np.log(ratio[alive]).mean())
  ratio = np.where(alive, ratio / middle, 1.0)
  return np.clip(ratio, 1 / LARGEST, LARGEST)


def equalize(model: keras.Model, images: np.ndarray) -> keras.Model:
  """Returns a network that computes the same with channels more alike.

  Args:
    model: Of one of the families.
    images: float32 (n, height, width, channels), which measure what the
      channels reach.

  Raises:
    ConfigError: The model is of no family.
  """
  import keras

  rows = read_layers(model)
  groups = linear_groups(rows)
  equal = keras.models.clone_model(model)
  equal.set_weights(model.get_weights())
  if not groups:
    return equal
  names = [name for group in groups for name in group.rows]
  probe = keras.Model(
    model.inputs[0], [model.get_layer(name).output for name in names]
  )
  reached: dict[str, np.ndarray] = {}
  for start in range(0, len(images), BATCH):
    values = probe(images[start : start + BATCH], training=False)
    for name, value in zip(names, keras.tree.flatten(values)):
      array = np.abs(np.asarray(value)).reshape(-1, value.shape[-1]).max(0)
      reached[name] = np.maximum(reached.get(name, 0.0), array)
  for group in groups:
    channels = np.max([reached[name] for name in group.rows], axis=0)
    weights = np.max(
      [_reading(equal.get_layer(name)) for name in group.readers], axis=0
    )
    by = factors(channels.astype(np.float64), weights)
    for name in group.makers:
      _scale_made(equal.get_layer(name), 1 / by)
    for name in group.readers:
      _scale_read(equal.get_layer(name), by)
  return equal


def _reading(layer: keras.layers.Layer) -> np.ndarray:
  """Returns for each channel its largest share in the weights that read it."""
  kernel = np.abs(np.asarray(layer.kernel, np.float64))
  if _is_depthwise(layer):
    # Every channel has a kernel of its own: whatever its size, it is all.
    return np.ones(kernel.shape[2])
  flat = kernel.reshape(-1, *kernel.shape[-2:]).max(axis=0)  # (in, out)
  whole = np.where(flat.max(axis=0) > 0, flat.max(axis=0), 1.0)
  return (flat / whole).max(axis=1)


def _scale_made(layer: keras.layers.Layer, by: np.ndarray) -> None:
  """Multiplies the channels that a layer makes."""
  if hasattr(layer, "gamma"):
    weights = [layer.gamma, layer.beta]
  else:
    weights = [layer.kernel, *([layer.bias] if layer.use_bias else [])]
  for weight in weights:
    shape = by[:, np.newaxis] if _is_depthwise_kernel(layer, weight) else by
    weight.assign(np.asarray(weight, np.float64) * shape)


def _scale_read(layer: keras.layers.Layer, by: np.ndarray) -> None:
  """Multiplies the weights by which a layer reads channels."""
  kernel = np.asarray(layer.kernel, np.float64)
  layer.kernel.assign(kernel * by[:, np.newaxis])  # (..., in, out)


def _is_depthwise(layer: keras.layers.Layer) -> bool:
  return hasattr(layer, "depth_multiplier")


def _is_depthwise_kernel(layer: keras.layers.Layer, weight) -> bool:
  return _is_depthwise(layer) and len(weight.shape) == 4
