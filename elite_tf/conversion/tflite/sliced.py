"""Rebuilds a trained network in slices, so that it needs a smaller arena."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from elite_tf.hardware.memory.slicing import choose_slices, slice_layers
from elite_tf.types import Layer

if TYPE_CHECKING:
  import keras


def slice_model(
  model: keras.Model,
  layers: tuple[Layer, ...],
  slices: dict[str, int] | None = None,
) -> keras.Model:
  """Returns a network that computes the same, with some blocks in slices.

  In float32 its outputs are the same. In int8 each slice has its own range, so
  that outputs may differ by some codes: some become better, as many worse.

  Args:
    model: A trained network built from `layers`.
    layers: Layers of the network.
    slices: Number of slices by block, see
      `elite_tf.hardware.memory.slicing.choose_slices`; None means those that make
      the arena smallest.
  """
  import keras

  from elite_tf.networks.keras_layers import build_layers

  if slices is None:
    slices = choose_slices(layers)
  parts = slice_layers(layers, slices)
  image = keras.Input(layers[0].shape, name=layers[0].name)
  outputs = build_layers(parts.layers, image)
  sliced = keras.Model(image, outputs, name=model.name)
  for layer in sliced.layers:
    name, start, stop = parts.origins.get(layer.name, (layer.name, 0, None))
    source = model.get_layer(name)
    for weight, whole in zip(layer.weights, source.weights):
      if "seed" not in weight.path:  # Dropout has a seed; inference has none.
        weight.assign(_cut(np.asarray(whole), weight.shape, start, stop))
  return sliced


def _cut(
  whole: np.ndarray, shape: tuple[int, ...], start: int, stop: int | None
) -> np.ndarray:
  """Returns the channels of a weight that belong to a slice.

  The last axis of a weight is the output channel, except in the kernel of a
  depthwise convolution: (height, width, channels, 1).
  """
  axis = whole.ndim - 1
  if whole.shape == tuple(shape):
    return whole
  if whole.ndim == 4 and whole.shape[3] == shape[3] == 1:
    axis = 2
  return whole.take(range(start, stop), axis)
