"""What is dropped at random in training: units, and whole branches."""

from collections.abc import Mapping
from typing import Any

from elite_tf.networks.layers.base import LayerKind, require
from elite_tf.types import Layer


def _dropout_to_keras(layer: Layer):
  import keras

  return keras.layers.Dropout(layer.rate, name=layer.name)


def _stochastic_depth_to_keras(layer: Layer):
  import keras

  # One draw per image: the block's whole branch is dropped.
  return keras.layers.Dropout(
    layer.rate, noise_shape=(None, 1, 1, 1), name=layer.name
  )


def _dropout_from_keras(config: Mapping[str, Any]) -> dict[str, Any]:
  require(config.get("noise_shape") is None, "without a noise shape")
  return {"rate": config["rate"]}


def _stochastic_depth_from_keras(config: Mapping[str, Any]) -> dict[str, Any]:
  require(config.get("noise_shape") is not None, "with a noise shape")
  return {"rate": config["rate"]}


DROPOUT = LayerKind(
  "dropout",
  keras_class="Dropout",
  to_keras=_dropout_to_keras,
  from_keras=_dropout_from_keras,
  training_only=True,
  linear=True,
)

STOCHASTIC_DEPTH = LayerKind(
  "stochastic_depth",
  keras_class="Dropout",
  to_keras=_stochastic_depth_to_keras,
  from_keras=_stochastic_depth_from_keras,
  training_only=True,
  linear=True,
)
