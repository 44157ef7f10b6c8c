"""What any Keras model costs: parameters and multiply-accumulates.

The rules are those of `elite_tf.networks.cost`: the products of convolutions,
dense layers and, besides, attention; no bias, normalization, activation,
pooling or elementwise product. Parameters are `count_params()`.
"""

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping

import keras
from keras import layers

from elite_tf.errors import ConfigError
from elite_tf.types import Cost, Size

# Rules are functions (layer, arguments of its call by name, shape of its
# output) -> multiply-accumulates.


def _convolution(layer, given, shape) -> int:
  # Kernel (..., channels in per group, channels out), applied at every place of
  # the output, whichever axis has the channels.
  del given
  return math.prod(layer.kernel.shape) * math.prod(shape) // layer.filters


def _transposed(layer, given, shape) -> int:
  # Kernel (..., channels out, channels in), applied at every input place.
  del shape
  kernel = layer.kernel.shape
  return math.prod(kernel[:-1]) * math.prod(given["inputs"].shape)


def _depthwise(layer, given, shape) -> int:
  # Kernel (..., channels in, multiplier).
  del given
  return math.prod(layer.kernel.shape[:-2]) * math.prod(shape)


def _separable(layer, given, shape) -> int:
  # The depthwise part has the stride: both have the places of the output.
  del given
  kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
  places = math.prod(shape) // layer.filters
  return places * sum(math.prod(kernel.shape) for kernel in kernels)


def _dense(layer, given, shape) -> int:
  del given
  return layer.kernel.shape[0] * math.prod(shape)


def _einsum(layer, given, shape) -> int:
  # The kernel's axes that the output lacks are summed over.
  del given
  left, right = layer.equation.replace(" ", "").split("->")
  axes = zip(left.split(",")[1], layer.kernel.shape)
  summed = math.prod(size for axis, size in axes if axis not in right)
  return math.prod(shape) * summed


def _attention(layer, given, shape) -> int:
  # Its projections are layers, counted as such. What is left: every query times
  # every key, and the attention weights times every value.
  del shape
  pairs = math.prod(given["query"].shape[1:-1])
  pairs *= math.prod(given["value"].shape[1:-1])
  return pairs * layer.num_heads * (layer.key_dim + layer.value_dim)


Rule = Callable[[keras.layers.Layer, Mapping, tuple[int, ...]], int]

RULES: dict[type, Rule] = {
  layers.Conv1D: _convolution,
  layers.Conv2D: _convolution,
  layers.Conv3D: _convolution,
  layers.Conv1DTranspose: _transposed,
  layers.Conv2DTranspose: _transposed,
  layers.Conv3DTranspose: _transposed,
  layers.DepthwiseConv1D: _depthwise,
  layers.DepthwiseConv2D: _depthwise,
  layers.SeparableConv1D: _separable,
  layers.SeparableConv2D: _separable,
  layers.Dense: _dense,
  layers.EinsumDense: _einsum,
  layers.MultiHeadAttention: _attention,
}

# Layers whose weights are in no matrix product, whatever their shape.
FREE = (
  layers.BatchNormalization,
  layers.LayerNormalization,
  layers.GroupNormalization,
  layers.Normalization,
  layers.PReLU,
  layers.Embedding,
)


def every_layer(model: keras.layers.Layer) -> list[keras.layers.Layer]:
  """Returns the layers of a model and the layers inside them, each once."""
  return model._flatten_layers(include_self=False)


def count(model: keras.Model) -> tuple[Cost, Size]:
  """Returns a model's cost for one image, and its size in training.

  The model is traced once, for one image, without computing. A layer that is
  called twice is counted twice; a layer inside a nested model or a user's layer
  is counted when it is called there. Operations that are not layers
  (`keras.ops`, `Lambda`) count 0.

  Args:
    model: Built, with one input of fixed size except for the batch.

  Raises:
    ConfigError: A layer of an unknown class has a matrix of weights, or an
      output has no fixed size.
  """
  every = every_layer(model)
  for layer in every:
    _check_known(layer)
  calls = []
  image = keras.KerasTensor((1, *model.inputs[0].shape[1:]))
  with _observed(every, lambda *call: calls.append(call)):
    _Trace(model)(image)
  macs, numbers = 0, [math.prod(image.shape)]
  for layer, given, outputs in calls:
    shapes = [tuple(x.shape) for x in keras.tree.flatten(outputs)]
    if any(None in shape for shape in shapes):
      raise ConfigError(
        f"layer {layer.name!r} must have an output of fixed size."
        f" Received: {shapes}"
      )
    rule = _rule(layer)
    macs += rule(layer, given, shapes[0]) if rule else 0
    if not every_layer(layer):
      numbers.append(sum(map(math.prod, shapes)))
  cost = Cost(model.count_params(), macs)
  return cost, Size(len(numbers), sum(numbers))


class _Trace(keras.Operation):
  """A model as an operation whose layers are called one by one."""

  def __init__(self, model: keras.Model):
    super().__init__()
    self._model = model

  def call(self, image):
    """Calls the network as in inference."""
    return self._model(image, training=False)


def _rule(layer: keras.layers.Layer) -> Rule | None:
  return next((RULES[k] for k in type(layer).__mro__ if k in RULES), None)


def _check_known(layer: keras.layers.Layer) -> None:
  inner = {id(w) for part in every_layer(layer) for w in part.weights}
  own = [w for w in layer.weights if id(w) not in inner]
  if (
    _rule(layer) is None
    and not isinstance(layer, FREE)
    and any(len(weight.shape) > 1 for weight in own)
  ):
    known = ", ".join(kind.__name__ for kind in RULES)
    raise ConfigError(
      f"the multiply-accumulates of layer {layer.name!r} cannot be counted; it"
      f" must be one of {known}, or made of these. Received:"
      f" {type(layer).__name__}"
    )


@contextlib.contextmanager
def _observed(every: list[keras.layers.Layer], observe: Callable) -> Iterator:
  """Calls `observe(layer, arguments, outputs)` after every call of a layer."""

  def watched(layer):
    call, signature = layer.call, inspect.signature(layer.call)

    def observed_call(*arguments, **named):
      outputs = call(*arguments, **named)
      given = signature.bind(*arguments, **named).arguments
      observe(layer, given, outputs)
      return outputs

    return observed_call

  for layer in every:
    layer.call = watched(layer)
  try:
    yield
  finally:
    for layer in every:
      del layer.call  # The method of the class is found again.
