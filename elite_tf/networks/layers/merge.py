"""What makes one map of several."""

from collections.abc import Mapping
from typing import Any

from elite_tf.networks.layers.base import (
  LayerKind,
  OperatorGraph,
  Tensor,
  operator,
  passes,
  require,
)
from elite_tf.types import Layer


def _multiply(layer: Layer):
  import keras

  return keras.layers.Multiply(name=layer.name)


def _add(layer: Layer):
  import keras

  return keras.layers.Add(name=layer.name)


def _concatenate(layer: Layer):
  import keras

  return keras.layers.Concatenate(name=layer.name)


def _concatenate_from_keras(config: Mapping[str, Any]) -> dict[str, Any]:
  require(config["axis"] in (-1, 3), "along the channels")
  return {}


def _lower_add(graph: OperatorGraph, layer: Layer) -> Tensor:
  inputs = (graph.inputs(layer)[0], graph.skip(layer))
  return graph.operate("ADD", inputs, layer.shape)


MULTIPLY = LayerKind(
  "multiply",
  keras_class="Multiply",
  to_keras=_multiply,
  lower=operator("MUL"),
  work=passes(elementwise=1),
)

ADD = LayerKind(
  "add",
  keras_class="Add",
  to_keras=_add,
  lower=_lower_add,
  work=passes(elementwise=1),
  linear=True,
)

CONCATENATE = LayerKind(
  "concatenate",
  keras_class="Concatenate",
  to_keras=_concatenate,
  from_keras=_concatenate_from_keras,
  lower=operator("CONCATENATION"),
)
