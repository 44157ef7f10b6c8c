"""The rows of a plan as a network of tf-keras, the Keras before version 3.

TensorFlow's model optimization knows no other. The description is the same as
that of `elite_tf.networks.to_keras`: only the library differs that the layers come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from elite_tf.networks.layers import batch_norm
from elite_tf.types import Layer

layers = tf_keras.layers


def _sigmoid_in_int8(x: tf.Tensor) -> tf.Tensor:
  """Computes the sigmoid with the 256 values that LOGISTIC can answer."""
  return tf.quantization.fake_quant_with_min_max_args(
    tf.sigmoid(x), 0.0, 255 / 256
  )


FUNCTIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
  "swish": tf.nn.silu,
  "hard_swish": lambda x: x * tf.nn.relu6(x + 3) / 6,
  "relu": tf.nn.relu,
  "relu6": tf.nn.relu6,
  "sigmoid": tf.sigmoid,
  "softmax": tf.nn.softmax,
}

# What they are where a network is to be computed in int8: two operators.
INTEGER_FUNCTIONS = {
  **FUNCTIONS,
  "swish": lambda x: x * _sigmoid_in_int8(x),
  "sigmoid": _sigmoid_in_int8,
}

LAYERS: dict[str, Callable[[Layer], layers.Layer]] = {
    "conv": lambda row: layers.Conv2D(
        row.shape[-1], row.kernel, row.stride, "same",
        use_bias=row.bias, name=row.name,
    ),
    "depthwise": lambda row: layers.DepthwiseConv2D(
        row.kernel, row.stride, "same", use_bias=row.bias, name=row.name
    ),
    "dense": lambda row: layers.Dense(
        row.shape[-1], use_bias=row.bias, name=row.name
    ),
    "batch_norm": lambda row: layers.BatchNormalization(
        momentum=batch_norm.MOMENTUM, epsilon=batch_norm.EPSILON, name=row.name
    ),
    "activation": lambda row: layers.Activation(
        FUNCTIONS[row.function], name=row.name
    ),
    "mean": lambda row: layers.GlobalAveragePooling2D(
        keepdims=len(row.shape) == 3, name=row.name
    ),
    "dropout": lambda row: layers.Dropout(row.rate, name=row.name),
    "stochastic_depth": lambda row: layers.Dropout(
        row.rate, noise_shape=(None, 1, 1, 1), name=row.name
    ),
    "multiply": lambda row: layers.Multiply(name=row.name),
    "add": lambda row: layers.Add(name=row.name),
    "concatenate": lambda row: layers.Concatenate(name=row.name),
}  # fmt: skip

Builders = Mapping[str, Callable[[Layer], Any]]


def build(rows: tuple[Layer, ...], builders: Builders = LAYERS):
  """Returns the tf-keras model of a plan, weights drawn anew.

  Args:
    rows: Of a plan, inputs before outputs; the last is the output.
    builders: Row -> layer, by kind of operation.
  """
  image = tf_keras.Input(rows[0].shape, name=rows[0].name)
  outputs = {rows[0].name: image}
  for row in rows[1:]:
    inputs = [outputs[name] for name in row.inputs]
    layer = builders[row.op](row)
    outputs[row.name] = layer(inputs if len(inputs) > 1 else inputs[0])
  return tf_keras.Model(image, outputs[rows[-1].name])


def copy_weights(source, target) -> None:
  """Gives a tf-keras model the weights of a Keras 3 model of the same rows.

  Args:
    source: keras.Model.
    target: tf_keras.Model.
  """
  for layer in target.layers:
    if layer.weights:
      # Keras 3 counts the state of dropout's generator as a weight.
      weights = [
        np.asarray(weight)
        for weight in source.get_layer(layer.name).weights
        if "seed_generator" not in weight.path
      ]
      layer.set_weights(weights)
