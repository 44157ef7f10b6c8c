"""A trained network in the form that takes the smallest arena."""

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
  """Returns a network that computes the same, some blocks by slices.

  What it answers in float32 is the same. In int8 each slice has a range of its
  own, so that answers may differ by some codes, as often for the better.

  Args:
    model: A network built of `layers`, trained.
    layers: Rows of its plan.
    slices: Numbers of slices, as `elite_tf.hardware.memory.slicing.choose_slices` gives them;
      None means those that make the arena smallest.
  """
  import keras

  from elite_tf.networks.keras_layers import build_layers

  if slices is None:
    slices = choose_slices(layers)
  plan = slice_layers(layers, slices)
  image = keras.Input(layers[0].shape, name=layers[0].name)
  answers = build_layers(plan.layers, image)
  sliced = keras.Model(image, answers, name=model.name)
  for layer in sliced.layers:
    name, start, stop = plan.origins.get(layer.name, (layer.name, 0, None))
    source = model.get_layer(name)
    for weight, whole in zip(layer.weights, source.weights):
      if "seed" not in weight.path:  # Of dropping, which inference does not.
        weight.assign(_cut(np.asarray(whole), weight.shape, start, stop))
  return sliced


def _cut(
  whole: np.ndarray, shape: tuple[int, ...], start: int, stop: int | None
) -> np.ndarray:
  """Returns the channels of a weight that a slice has.

  A weight's last axis is the output's channels, but for the kernel of a
  depthwise convolution (height, width, channels, 1).
  """
  axis = whole.ndim - 1
  if whole.shape == tuple(shape):
    return whole
  if whole.ndim == 4 and whole.shape[3] == shape[3] == 1:
    axis = 2
  return whole.take(range(start, stop), axis)
