"""The student as TensorFlow's model optimization toolkit (tfmot) has it.

What `elite_tf.conversion.quantize.fake_quant` is compared with: the same layers in
tf-keras, the only Keras that tfmot knows, in tfmot's wrappers with its own
quantizers. Its registry knows neither products nor swish, has one scale for all
channels of a depthwise convolution, and puts quantizers where the converter has
fixed scales: so every layer is told here what becomes of it.
"""

import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras

from elite_tf.types import Layer

layers = tf_keras.layers
built = []  # Every model of `build_student`.
quantization = tfmot.quantization.keras

LEARNING_RATE = 1e-4

# Functions that the operator before them computes: only their output is there.
FUSED = frozenset({"relu", "relu6"})

# Functions whose output has a scale that the converter fixes.
FIXED = frozenset({"sigmoid", "softmax"})

KERNELS = {
  "conv": "kernel",
  "depthwise": "depthwise_kernel",
  "dense": "kernel",
}


def _sigmoid_in_int8(x: tf.Tensor) -> tf.Tensor:
  """Computes the sigmoid with the 256 values that LOGISTIC can answer."""
  return tf.quantization.fake_quant_with_min_max_args(
    tf.sigmoid(x), 0.0, 255 / 256
  )


FUNCTIONS = {
  "swish": lambda x: x * _sigmoid_in_int8(x),
  "hard_swish": lambda x: x * tf.nn.relu6(x + 3) / 6,
  "relu": tf.nn.relu,
  "relu6": tf.nn.relu6,
  "sigmoid": _sigmoid_in_int8,
  "softmax": tf.nn.softmax,
}

LAYERS = {
    "conv": lambda layer: layers.Conv2D(
        layer.shape[-1], layer.kernel, layer.stride, "same",
        use_bias=layer.bias, name=layer.name,
    ),
    "depthwise": lambda layer: layers.DepthwiseConv2D(
        layer.kernel, layer.stride, "same", use_bias=layer.bias, name=layer.name
    ),
    "dense": lambda layer: layers.Dense(
        layer.shape[-1], use_bias=layer.bias, name=layer.name
    ),
    "activation": lambda layer: layers.Activation(
        FUNCTIONS[layer.function], name=layer.name
    ),
    "mean": lambda layer: layers.GlobalAveragePooling2D(
        keepdims=len(layer.shape) == 3, name=layer.name
    ),
    "multiply": lambda layer: layers.Multiply(name=layer.name),
    "add": lambda layer: layers.Add(name=layer.name),
    "concatenate": lambda layer: layers.Concatenate(name=layer.name),
}  # fmt: skip


class DepthwiseQuantizer(quantization.quantizers.LastValueQuantizer):
  """One scale a channel for kernels of (height, width, channels, 1)."""

  def build(self, tensor_shape, name, layer):
    """Adds the variables of the ranges to a layer."""
    height, width, channels, one = tensor_shape
    return super().build(
      tf.TensorShape((height, width, one, channels)), name, layer
    )

  def __call__(self, inputs, training, weights, **kwargs):
    turned = tf.transpose(inputs, (0, 1, 3, 2))
    turned = super().__call__(turned, training, weights, **kwargs)
    return tf.transpose(turned, (0, 1, 3, 2))


class LayerQuantizeConfig(quantization.QuantizeConfig):
  """Quantizes a layer's kernel by channels, and its output by one scale."""

  def __init__(self, op: str = "", output: bool = True):
    self._op, self._output = op, output

  def get_weights_and_quantizers(self, layer):
    """Returns the kernel, if there is one, and how it is quantized."""
    if self._op not in KERNELS:
      return []
    kind = (
      DepthwiseQuantizer
      if self._op == "depthwise"
      else quantization.quantizers.LastValueQuantizer
    )
    quantizer = kind(
      num_bits=8, per_axis=True, symmetric=True, narrow_range=True
    )
    return [(getattr(layer, KERNELS[self._op]), quantizer)]

  def get_activations_and_quantizers(self, layer):
    """Returns none: activations are layers of their own."""
    return []

  def set_quantize_weights(self, layer, quantize_weights):
    """Has the layer compute with quantized weights."""
    for weight in quantize_weights:
      setattr(layer, KERNELS[self._op], weight)

  def set_quantize_activations(self, layer, quantize_activations):
    """Does nothing: there are none."""

  def get_output_quantizers(self, layer):
    """Returns how the output is quantized, if it is."""
    if not self._output:
      return []
    return [
      quantization.quantizers.MovingAverageQuantizer(
        num_bits=8, per_axis=False, symmetric=False, narrow_range=False
      )
    ]

  def get_config(self):
    """Returns the arguments."""
    return {"op": self._op, "output": self._output}


class LayerWrapper(quantization.QuantizeWrapperV2):
  """A layer and its quantizers, whose code AutoGraph leaves as it is."""

  @tf.autograph.experimental.do_not_convert
  def call(self, inputs, training=None, **kwargs):
    """Computes the layer with quantized weights, and quantizes the output."""
    return super().call(inputs, training, **kwargs)


def has_range(layer: Layer, readers: list[Layer]) -> bool:
  """Returns whether a layer's output is a tensor whose range is to be learned."""
  if layer.op == "input" or layer.function in FIXED:
    return False
  return not (
    layer.op in KERNELS
    and readers
    and all(reader.function in FUSED for reader in readers)
  )


def build_student(network: tuple[Layer, ...]):
  """Returns the tf-keras model that computes as its integers will."""
  readers = {layer.name: [] for layer in network}
  for layer in network:
    for source in layer.inputs:
      readers[source].append(layer)

  def wrapped(layer: Layer):
    output = has_range(layer, readers[layer.name])
    plain = LAYERS[layer.op](layer)
    if layer.op not in KERNELS and not output:
      return plain
    return LayerWrapper(
      plain, LayerQuantizeConfig(layer.op, output), name=layer.name
    )

  image = tf_keras.Input(network[0].shape, name=network[0].name)
  outputs = {network[0].name: image}
  for layer in network[1:]:
    inputs = [outputs[name] for name in layer.inputs]
    outputs[layer.name] = wrapped(layer)(
      inputs if len(inputs) > 1 else inputs[0]
    )
  built.append(tf_keras.Model(image, outputs[network[-1].name]))
  return built[-1]


def kernels_and_biases(model, names) -> list[tf.Variable]:
  """Returns the variables of layers, each one's kernel before its bias."""
  wrappers = [model.get_layer(name) for name in names]
  return [
    variable
    for wrapper in wrappers
    for variable in (wrapper._weight_vars[0][0], wrapper.layer.bias)
  ]


def set_weights(model, weights) -> None:
  """Gives folded weights to a model of `build_student`, kernel ranges included."""
  for name, (kernel, bias) in weights.items():
    wrapper = model.get_layer(name)
    ((variable, _, ranges),) = wrapper._weight_vars
    variable.assign(kernel)
    wrapper.layer.bias.assign(bias)
    depthwise = "depthwise" in variable.name
    axes = (0, 1, 3) if depthwise else tuple(range(kernel.ndim - 1))
    reached = abs(kernel).max(axis=axes)
    ranges["min_var"].assign(-reached)
    ranges["max_var"].assign(reached)


def get_weights(model, names) -> dict:
  """Returns the folded weights of a model of `build_student`."""
  found = [v.numpy() for v in kernels_and_biases(model, names)]
  return dict(zip(names, zip(found[::2], found[1::2])))


def output_ranges(model) -> dict:
  """Returns the variables (lowest, highest) of every output, by layer."""
  found = {}
  for layer in model.layers:
    variables = getattr(layer, "_output_quantizer_vars", None)
    if variables:
      found[layer.name] = variables["min_var"], variables["max_var"]
  return found


class Optimizer(tf_keras.optimizers.Adam):
  """Adam whose learning rate a cosine takes to 0 in so many steps."""

  def __init__(self, steps: int):
    schedules = tf_keras.optimizers.schedules
    super().__init__(schedules.CosineDecay(LEARNING_RATE, steps))

  def apply(self, gradients, variables):
    """Updates the variables, by Keras 3's name for it."""
    return self.apply_gradients(zip(gradients, variables))


def loss(labels, answers):
  """Returns the mean cross-entropy."""
  found = tf_keras.losses.sparse_categorical_crossentropy(labels, answers)
  return tf.reduce_mean(found)
