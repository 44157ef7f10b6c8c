"""Activations: one kind for each function."""

from collections.abc import Mapping
from typing import Any

from elite_tf.errors import ConfigError
from elite_tf.networks.layers.base import (
  LayerKind,
  OperatorGraph,
  Tensor,
  operator,
  passes,
  require,
)
from elite_tf.types import Layer


def _to_keras(layer: Layer):
  import keras

  return keras.layers.Activation(layer.function, name=layer.name)


def activation(
  function: str, also: tuple[str, ...] = (), **fields: Any
) -> LayerKind:
  """Returns the kind of an activation.

  Args:
    function: Its name, one that Keras knows.
    also: Further names that Keras writes into configurations.
    **fields: Of `LayerKind`.
  """

  def from_keras(config: Mapping[str, Any]) -> dict[str, Any]:
    found = config["activation"]
    require(found in (function, *also), f"the activation {function}")
    return {}

  return LayerKind(
    "activation",
    keras_class="Activation",
    to_keras=_to_keras,
    function=function,
    from_keras=from_keras,
    **fields,
  )


def _lower_swish(graph: OperatorGraph, layer: Layer) -> Tensor:
  (source,) = graph.inputs(layer)
  gate = graph.operate("LOGISTIC", (source,), layer.shape)
  return graph.operate("MUL", (source, gate), layer.shape)


def _lower_softmax(graph: OperatorGraph, layer: Layer) -> Tensor:
  return graph.operate("SOFTMAX", graph.inputs(layer), (1, *layer.shape))


KINDS = (
  activation("relu", linear=True, fused=True),
  activation("relu6", fused=True),
  activation(
    "swish",
    also=("silu",),
    lower=_lower_swish,
    work=passes(elementwise=1, logistic=1),
  ),
  activation(
    "hard_swish",
    also=("hard_silu",),
    lower=operator("HARD_SWISH"),
    work=passes(elementwise=1),
  ),
  activation(
    "sigmoid",
    lower=operator("LOGISTIC"),
    work=passes(logistic=1),
    fixed_scale=True,
  ),
  activation(
    "softmax",
    lower=_lower_softmax,
    work=passes(logistic=1),
    fixed_scale=True,
    full_precision=True,
  ),
)


def _known() -> str:
  return ", ".join(sorted(kind.function for kind in KINDS))


def _refuse(config: Mapping[str, Any]) -> dict[str, Any]:
  require(False, f"an activation of {_known()}")
  return {}


def _not_lowered(graph: OperatorGraph, layer: Layer) -> Tensor:
  raise ConfigError(
    f"flash and arena of layer {layer.name!r} cannot be predicted: activations"
    f" known are {_known()}. Received: {layer.function!r}"
  )


# Any other function of Keras. It can be built; its time is taken to be that of
# the slowest known one; its operators are not known.
ANY = LayerKind(
  "activation",
  keras_class="Activation",
  to_keras=_to_keras,
  from_keras=_refuse,
  lower=_not_lowered,
  work=passes(elementwise=1, logistic=1),
)
