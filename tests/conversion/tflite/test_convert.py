"""Conversion, against Keras's own outputs and TensorFlow's own reader."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from elite_tf.conversion.tflite import convert
from elite_tf.errors import ConfigError

DYNAMIC_SHAPES = {"SHAPE", "STRIDED_SLICE", "PACK"}


def _network():
  """A block with squeeze-and-excitation, every weight of it random."""
  layers = keras.layers
  image = keras.Input((8, 8, 3), name="image")
  x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(image)
  x = layers.BatchNormalization()(x)
  x = layers.Activation("swish")(x)
  squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
  squeezed = layers.Conv2D(1, 1, activation="swish")(squeezed)
  squeezed = layers.Conv2D(4, 1, activation="sigmoid")(squeezed)
  x = layers.Multiply()([x, squeezed])
  x = layers.Dropout(0.5)(x)
  x = layers.GlobalAveragePooling2D()(x)
  x = layers.Dense(5, activation="softmax", name="classes")(x)
  model = keras.Model(image, x, name="tiny")
  random = np.random.default_rng(1)
  for weight in model.weights:
    if "seed" not in weight.path:
      weight.assign(random.uniform(0.1, 1.5, weight.shape))
  return model


@pytest.fixture(scope="module")
def network():
  return _network()


@pytest.fixture(scope="module")
def converted(network):
  return convert.float32(network)


def _interpreter(model):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    interpreter = tf.lite.Interpreter(model_content=model)
  interpreter.allocate_tensors()
  return interpreter


def _operators(model):
  return [
    operator["op_name"]
    for operator in _interpreter(model)._get_ops_details()
    if operator["op_name"] != "DELEGATE"
  ]


def _run(model, images):
  interpreter = _interpreter(model)
  outputs = []
  for image in images:
    interpreter.set_tensor(
      interpreter.get_input_details()[0]["index"], image[np.newaxis]
    )
    interpreter.invoke()
    outputs.append(
      interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    )
  return np.concatenate(outputs)


def _complaint(function, *arguments):
  with pytest.raises(ConfigError) as caught:
    function(*arguments)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  return line


def _images(count):
  return (
    np.random.default_rng(0).uniform(-1, 1, (count, 8, 8, 3)).astype(np.float32)
  )


def test_it_computes_what_keras_computes(network, converted):
  images = _images(16)
  expected = network(images, training=False).numpy()
  assert len(np.unique(expected.round(4))) > 60, "the test says nothing"
  np.testing.assert_allclose(_run(converted, images), expected, atol=1e-5)


def test_the_batch_is_one_and_no_shape_is_computed(converted):
  details = _interpreter(converted).get_input_details()[0]
  assert details["shape"].tolist() == [1, 8, 8, 3]
  assert details["shape_signature"].tolist() == [1, 8, 8, 3]
  operators = _operators(converted)
  assert "CONV_2D" in operators
  assert not DYNAMIC_SHAPES & set(operators)


def test_the_same_model_makes_the_same_bytes(network, converted):
  assert convert.float32(network) == converted


def test_nothing_is_printed(network, capfd):
  convert.float32(network)
  assert capfd.readouterr() == ("", "")


def test_a_dense_layer_becomes_a_convolution(network, converted):
  assert "FULLY_CONNECTED" not in _operators(converted)
  assert "call" not in vars(network.get_layer("classes")), "not given back"


def test_dense_layers_are_found_in_a_model_in_a_model():
  inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
  image = keras.Input((2, 2, 3))
  outputs = inner(keras.layers.GlobalAveragePooling2D()(image))
  model = keras.Model(image, outputs)
  images = np.random.default_rng(0).normal(size=(3, 2, 2, 3)).astype("float32")
  converted = convert.float32(model)
  assert "FULLY_CONNECTED" not in _operators(converted)
  np.testing.assert_allclose(
    _run(converted, images), model(images).numpy(), atol=1e-6
  )


@pytest.mark.parametrize("activation", [None, "tanh"])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3)])
def test_dense_as_convolution_computes_the_same(activation, use_bias, shape):
  features = keras.Input(shape[1:])
  layer = keras.layers.Dense(
    5, activation, use_bias, bias_initializer="random_normal"
  )
  model = keras.Model(features, layer(features))
  inputs = np.random.default_rng(0).normal(size=shape).astype(np.float32)
  expected = model(inputs).numpy()
  with convert.dense_as_convolution(model):
    computed = model(inputs).numpy()
  np.testing.assert_allclose(computed, expected, atol=1e-6)


def test_a_subclass_of_dense_stays_as_it_is():
  class Doubling(keras.layers.Dense):
    def call(self, inputs, training=None):
      return 2 * super().call(inputs, training=training)

  features = keras.Input((3,))
  model = keras.Model(features, Doubling(4)(features))
  inputs = np.ones((1, 3), np.float32)
  expected = model(inputs).numpy()
  with convert.dense_as_convolution(model):
    np.testing.assert_array_equal(model(inputs).numpy(), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(bad):
  model = _network()
  kernel = model.get_layer("classes").kernel
  values = kernel.numpy()
  values[1, 2] = bad
  kernel.assign(values)
  line = _complaint(convert.float32, model)
  assert "tiny" in line and "classes/kernel" in line


def test_more_than_one_input_is_refused():
  first, second = keras.Input((4, 4, 1)), keras.Input((4, 4, 1))
  model = keras.Model([first, second], keras.layers.Add()([first, second]))
  assert "(None, 4, 4, 1), (None, 4, 4, 1)" in _complaint(
    convert.float32, model
  )


def test_an_open_size_is_refused():
  image = keras.Input((None, None, 3))
  model = keras.Model(image, keras.layers.Conv2D(2, 3)(image))
  assert "(None, None, None, 3)" in _complaint(convert.float32, model)


def test_an_operation_that_does_not_exist_is_named(capfd):
  class Erfinv(keras.layers.Layer):
    def call(self, inputs):
      return tf.math.erfinv(inputs)

  image = keras.Input((4, 4, 1))
  model = keras.Model(image, Erfinv()(image))
  assert "tf.Erfinv" in _complaint(convert.float32, model)
  assert capfd.readouterr() == ("", "")
