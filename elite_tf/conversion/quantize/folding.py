"""Batch norm folded into the convolution before it, and back.

In integers there is no batch norm: the converter folds it. A network that
learns to be quantized has to do so as it will be, so that it is folded first;
the weights it has learned go back into the network that they came from, whose
batch norms then add a bias and do nothing else. That network is converted like
any other, into the same operators.
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

Weights = dict[str, tuple[np.ndarray, np.ndarray]]  # Row -> kernel and bias.


def folded_rows(rows: tuple[Layer, ...]) -> tuple[Layer, ...]:
  """Returns the rows that are left of a plan where integers are computed.

  A convolution takes in the batch norm that reads it, and gets a bias for it;
  what drops at random in training is gone.

  Args:
    rows: Of a plan, inputs before outputs.
  """
  norms = _norms(rows)
  stands_for = {norm: name for name, norm in norms.items()}
  kept = []
  for row in rows:
    if kind_of(row).training_only:
      stands_for[row.name] = stands_for.get(row.inputs[0], row.inputs[0])
    elif row.name not in stands_for:
      inputs = tuple(stands_for.get(name, name) for name in row.inputs)
      bias = row.bias or row.name in norms
      kept.append(dataclasses.replace(row, inputs=inputs, bias=bias))
  return tuple(kept)


def folded_weights(model: keras.Model, rows: tuple[Layer, ...]) -> Weights:
  """Returns kernel and bias of every row that has them, batch norms folded.

  Args:
    model: The network.
    rows: Of its plan.
  """
  norms = _norms(rows)
  weights = {}
  for row in rows:
    if not kind_of(row).kernel:
      continue
    layer = model.get_layer(row.name)
    kernel = np.asarray(layer.kernel, np.float64)
    bias = np.asarray(layer.bias, np.float64) if row.bias else 0.0
    if row.name in norms:
      norm = model.get_layer(norms[row.name])
      mean, variance, gamma, beta = (
          np.asarray(weight, np.float64)
          for weight in (
              norm.moving_mean, norm.moving_variance, norm.gamma, norm.beta
          )
      )  # fmt: skip
      factor = gamma / np.sqrt(variance + norm.epsilon)
      kernel = kernel * along_channels(row, factor)
      bias = beta + (bias - mean) * factor
    bias = np.broadcast_to(bias, row.shape[-1:])
    weights[row.name] = kernel.astype(np.float32), bias.astype(np.float32)
  return weights


def with_weights(
  model: keras.Model, rows: tuple[Layer, ...], weights: Mapping
) -> keras.Model:
  """Returns a copy of a network that computes with folded weights.

  Args:
    model: The network.
    rows: Of its plan.
    weights: As `folded_weights` has them.
  """
  import keras

  copy = keras.models.clone_model(model)
  copy.set_weights(model.get_weights())
  norms = _norms(rows)
  for name, (kernel, bias) in weights.items():
    layer = copy.get_layer(name)
    layer.kernel.assign(kernel)
    if name in norms:
      norm = copy.get_layer(norms[name])
      norm.moving_mean.assign(np.zeros_like(bias))
      # With epsilon it is 1.
      norm.moving_variance.assign(np.full_like(bias, 1 - norm.epsilon))
      norm.gamma.assign(np.ones_like(bias))
      norm.beta.assign(bias)
      if layer.use_bias:
        layer.bias.assign(np.zeros_like(bias))
    elif layer.use_bias:
      layer.bias.assign(bias)
  return copy


def along_channels(row: Layer, values: np.ndarray) -> np.ndarray:
  """Returns one value a channel in the form that multiplies a row's kernel.

  Args:
    row: A convolution or dense row. Channels are its kernel's last axis, but
      for a depthwise kernel (height, width, channels, 1).
    values: (channels,).
  """
  return values[:, np.newaxis] if row.op == "depthwise" else values


def _norms(rows: tuple[Layer, ...]) -> dict[str, str]:
  """Returns the batch norm of every convolution that only one reads."""
  readers: dict[str, list[Layer]] = {}
  for row in rows:
    for source in row.inputs:
      readers.setdefault(source, []).append(row)
  return {
    row.name: readers[row.name][0].name
    for row in rows
    if kind_of(row).folds_batch_norm
    and [reader.op for reader in readers.get(row.name, ())] == ["batch_norm"]
  }
