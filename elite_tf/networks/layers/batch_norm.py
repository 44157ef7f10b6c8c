"""Batch normalization."""

from collections.abc import Mapping
from typing import Any

from elite_tf.networks.layers.base import LayerKind, require
from elite_tf.types import Cost, Layer

EPSILON = 1e-3
MOMENTUM = 0.99


def _to_keras(layer: Layer):
  import keras

  return keras.layers.BatchNormalization(
    momentum=MOMENTUM, epsilon=EPSILON, name=layer.name
  )


def _from_keras(config: Mapping[str, Any]) -> dict[str, Any]:
  axis = config["axis"]
  require(axis in (-1, 3, [3], [-1]), "along the channels")
  require(config["center"] and config["scale"], "with gamma and beta")
  require(config["epsilon"] == EPSILON, f"with epsilon {EPSILON}")
  return {}


def _cost(layer: Layer, channels: int) -> Cost:
  # Scale, offset, moving mean and moving variance.
  return Cost(4 * channels, 0)


KIND = LayerKind(
  "batch_norm",
  keras_class="BatchNormalization",
  to_keras=_to_keras,
  cost=_cost,
  from_keras=_from_keras,
  output_weights=("gamma", "beta"),
)
