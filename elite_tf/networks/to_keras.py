"""A plan's rows -> keras.Model: one builder for every family."""

from collections.abc import Callable, Mapping

import keras

from elite_tf.networks.families import get_family
from elite_tf.types import Candidate, Layer

# He's variance over the fan out: EfficientNet's initialisation.
CONV_INITIALIZER = {
  "class_name": "VarianceScaling",
  "config": {
    "scale": 2.0,
    "mode": "fan_out",
    "distribution": "truncated_normal",
  },
}

# EfficientNet draws the classifier's weights up to 1/sqrt(classes): 0.03 for
# ImageNet's 1,000. For ten that would be 0.3, logits of which the first steps
# correct little else, and units of ReLU6 do not survive it.
FEWEST_CLASSES = 1000

BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.99


def _conv(layer: Layer):
  return keras.layers.Conv2D(
    layer.shape[-1],
    layer.kernel,
    strides=layer.stride,
    padding="same",
    use_bias=layer.bias,
    kernel_initializer=CONV_INITIALIZER,
    name=layer.name,
  )


def _depthwise(layer: Layer):
  return keras.layers.DepthwiseConv2D(
    layer.kernel,
    strides=layer.stride,
    padding="same",
    use_bias=layer.bias,
    depthwise_initializer=CONV_INITIALIZER,
    name=layer.name,
  )


def classifier_initializer(classes: int) -> dict:
  """Returns Keras's description of the classifier's first weights.

  Uniform up to 1/sqrt(classes), as EfficientNet's; of fewer classes than
  ImageNet has, as if there were so many.
  """
  return {
    "class_name": "VarianceScaling",
    "config": {
      "scale": min(1, classes / FEWEST_CLASSES) / 3,
      "mode": "fan_out",
      "distribution": "uniform",
    },
  }


def _dense(layer: Layer):
  classes = layer.shape[-1]
  return keras.layers.Dense(
    classes,
    use_bias=layer.bias,
    kernel_initializer=classifier_initializer(classes),
    name=layer.name,
  )


def _mean(layer: Layer):
  return keras.layers.GlobalAveragePooling2D(
    keepdims=len(layer.shape) == 3, name=layer.name
  )


def batch_norm(layer: Layer, kind=keras.layers.BatchNormalization):
  """Returns the batch norm of a row, as `kind` or a subclass of it."""
  return kind(
    momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, name=layer.name
  )


def _stochastic_depth(layer: Layer):
  # One draw an image: dropping the block's whole branch.
  return keras.layers.Dropout(
    layer.rate, noise_shape=(None, 1, 1, 1), name=layer.name
  )


Builders = Mapping[str, Callable[[Layer], keras.layers.Layer]]

BUILDERS: Builders = {
  "conv": _conv,
  "depthwise": _depthwise,
  "dense": _dense,
  "batch_norm": batch_norm,
  "activation": lambda layer: keras.layers.Activation(
    layer.function, name=layer.name
  ),
  "mean": _mean,
  "dropout": lambda layer: keras.layers.Dropout(layer.rate, name=layer.name),
  "stochastic_depth": _stochastic_depth,
  "multiply": lambda layer: keras.layers.Multiply(name=layer.name),
  "add": lambda layer: keras.layers.Add(name=layer.name),
}


def build_layers(
  layers: tuple[Layer, ...],
  image: keras.KerasTensor,
  last: str | None = None,
  builders: Builders = BUILDERS,
) -> keras.KerasTensor:
  """Applies the rows to `image` and returns the output of the last one.

  Args:
    layers: Rows of a plan; the first is the input.
    image: Tensor of shape (batch, height, width, channels). Height and width
      need not be the plan's: no layer's weights depend on them.
    last: Name of the row to end at; None means the plan's last one.
    builders: Row -> Keras layer, by kind of operation.
  """
  outputs = {layers[0].name: image}
  last = last or layers[-1].name
  for layer in layers[1:]:
    inputs = [outputs[name] for name in layer.inputs]
    operation = builders[layer.op](layer)
    outputs[layer.name] = operation(inputs if len(inputs) > 1 else inputs[0])
    if layer.name == last:
      break
  return outputs[last]


def build(candidate: Candidate, builders: Builders = BUILDERS) -> keras.Model:
  """Returns the candidate's network, weights drawn anew.

  Input: float32 (batch, resolution, resolution, channels), as
  `elite_tf.data.preprocess.scale` gives it. Output: float32 (batch, classes),
  probabilities.

  Args:
    candidate: The network.
    builders: Row -> Keras layer, by kind of operation.
  """
  layers = get_family(candidate.family).plan(candidate)
  image = keras.Input(layers[0].shape, name=layers[0].name)
  return keras.Model(
    image, build_layers(layers, image, builders=builders), name=candidate.name
  )
