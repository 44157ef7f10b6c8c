"""The mean over a map's pixels: global average pooling."""

import math

from elite_tf.networks.layers.base import (
  ByKernel,
  LayerKind,
  OperatorGraph,
  Tensor,
)
from elite_tf.types import Layer


def _to_keras(layer: Layer):
  import keras

  return keras.layers.GlobalAveragePooling2D(
    keepdims=len(layer.shape) == 3, name=layer.name
  )


def _work(layer: Layer, shape_in: tuple[int, ...]) -> ByKernel:
  return ByKernel(elementwise=math.prod(shape_in))


def _lower(graph: OperatorGraph, layer: Layer) -> Tensor:
  (source,) = graph.inputs(layer)
  if source.shape[1:] == layer.shape:  # One pixel is its own mean.
    return source
  shape = layer.shape if len(layer.shape) == 3 else (1, *layer.shape)
  axes = graph.constant("axes", (1, 2))
  return graph.operate("MEAN", (source, axes), shape)


KIND = LayerKind(
  "mean",
  keras_class="GlobalAveragePooling2D",
  to_keras=_to_keras,
  lower=_lower,
  work=_work,
  linear=True,
)
