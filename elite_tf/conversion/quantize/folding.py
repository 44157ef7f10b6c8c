"""Batch norm folded into the convolution before it, and back.

int8 networks have no batch norm: the converter folds it into the convolution.
Quantization-aware training therefore trains folded layers. Its weights go back
into the original network, whose batch norms then only add a bias. That network
is converted like any other, into the same operators.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from elite_tf.networks.layers import kind_of
from elite_tf.types import Layer

if TYPE_CHECKING:
  import keras

Weights = dict[str, tuple[np.ndarray, np.ndarray]]  # Layer -> kernel and bias.


def fold_layers(layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
  """Returns the layers that an int8 network computes.

  A convolution takes in the batch norm that reads it, and gets a bias. Layers
  that act in training only are left out.

  Args:
    layers: Of a network, inputs before outputs.
  """
  norms = _norms(layers)
  stands_for = {norm: name for name, norm in norms.items()}
  kept = []
  for layer in layers:
    if kind_of(layer).training_only:
      source = layer.inputs[0]
      stands_for[layer.name] = stands_for.get(source, source)
    elif layer.name not in stands_for:
      inputs = tuple(stands_for.get(name, name) for name in layer.inputs)
      bias = layer.bias or layer.name in norms
      kept.append(dataclasses.replace(layer, inputs=inputs, bias=bias))
  return tuple(kept)


def folded_weights(model: keras.Model, layers: tuple[Layer, ...]) -> Weights:
  """Returns kernel and bias of every layer with a kernel, batch norms folded.

  Args:
    model: The network.
    layers: Of the network.

  Returns:
    float32 arrays; biases of zeros where a layer has none.
  """
  norms = _norms(layers)
  weights = {}
  for layer in layers:
    if not kind_of(layer).kernel:
      continue
    made = model.get_layer(layer.name)
    kernel = np.asarray(made.kernel, np.float64)
    bias = np.asarray(made.bias, np.float64) if layer.bias else 0.0
    if layer.name in norms:
      norm = model.get_layer(norms[layer.name])
      mean, variance, gamma, beta = (
          np.asarray(weight, np.float64)
          for weight in (
              norm.moving_mean, norm.moving_variance, norm.gamma, norm.beta
          )
      )  # fmt: skip
      factor = gamma / np.sqrt(variance + norm.epsilon)
      kernel = kernel * per_channel(layer, factor)
      bias = beta + (bias - mean) * factor
    bias = np.broadcast_to(bias, layer.shape[-1:])
    weights[layer.name] = kernel.astype(np.float32), bias.astype(np.float32)
  return weights


def with_weights(
  model: keras.Model, layers: tuple[Layer, ...], weights: Mapping
) -> keras.Model:
  """Returns a copy of a network that computes with folded weights.

  Args:
    model: The network.
    layers: Of the network.
    weights: As `folded_weights` gives them.
  """
  import keras

  copy = keras.models.clone_model(model)
  copy.set_weights(model.get_weights())
  norms = _norms(layers)
  for name, (kernel, bias) in weights.items():
    layer = copy.get_layer(name)
    layer.kernel.assign(kernel)
    if name in norms:
      norm = copy.get_layer(norms[name])
      norm.moving_mean.assign(np.zeros_like(bias))
      # Plus epsilon: 1.
      norm.moving_variance.assign(np.full_like(bias, 1 - norm.epsilon))
      norm.gamma.assign(np.ones_like(bias))
      norm.beta.assign(bias)
      if layer.use_bias:
        layer.bias.assign(np.zeros_like(bias))
    elif layer.use_bias:
      layer.bias.assign(bias)
  return copy


def per_channel(layer: Layer, values: np.ndarray) -> np.ndarray:
  """Returns values in a shape that multiplies a kernel's output channels.

  Args:
    layer: With a kernel.
    values: (channels,), one for each output channel.
  """
  axes_after = -1 - kind_of(layer).kernel_channels
  return values.reshape(-1, *[1] * axes_after)


def _norms(layers: tuple[Layer, ...]) -> dict[str, str]:
  """Returns the batch norm of every convolution with no other reader."""
  readers: dict[str, list[Layer]] = {}
  for layer in layers:
    for source in layer.inputs:
      readers.setdefault(source, []).append(layer)
  return {
    layer.name: readers[layer.name][0].name
    for layer in layers
    if kind_of(layer).folds_batch_norm
    and [reader.op for reader in readers.get(layer.name, ())] == ["batch_norm"]
  }
