"""int8, against Keras's float outputs and TensorFlow's own interpreter."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from elite_tf.conversion.quantize import post_training
from elite_tf.errors import ConfigError, VerificationFailed

SHAPE = (8, 8, 3)


def _network(logits=1.0):
  layers = keras.layers
  image = keras.Input(SHAPE, name="image")
  x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="stem")(image)
  x = layers.BatchNormalization()(x)
  x = layers.Activation("swish")(x)
  x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
  x = layers.GlobalAveragePooling2D()(x)
  x = layers.Dense(5, activation="softmax", name="classes")(x)
  model = keras.Model(image, x, name="tiny")
  random = np.random.default_rng(1)
  for weight in model.weights:
    weight.assign(random.uniform(0.2, 1.0, weight.shape))
  # Channels of very different size: a scale each, or most of them are lost.
  stem = model.get_layer("stem").kernel
  stem.assign(stem * (10.0 ** np.arange(-3, 3)))
  model.get_layer("classes").kernel.assign(
    logits * random.normal(size=(6, 5)) / 100
  )
  model.get_layer("classes").bias.assign(logits * random.normal(size=5))
  return model


def _images(count, low=-1.0, high=127 / 128):
  random = np.random.default_rng(0)
  images = random.uniform(low, high, (count, *SHAPE)).astype(np.float32)
  images[0, 0, 0], images[0, 0, 1] = low, high
  return images


@pytest.fixture(scope="module")
def network():
  return _network()


@pytest.fixture(scope="module")
def converted(network):
  return post_training.int8(network, _images(32))


@pytest.fixture(scope="module")
def interpreter(converted):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    interpreter = tf.lite.Interpreter(
      model_content=converted,
      experimental_op_resolver_type=(
        tf.lite.experimental.OpResolverType.BUILTIN_REF
      ),
    )
  interpreter.allocate_tensors()
  return interpreter


def _complaint(error, function, *arguments):
  with pytest.raises(error) as caught:
    function(*arguments)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  return line


def test_no_tensor_is_floating_point(interpreter):
  types = {t["dtype"] for t in interpreter.get_tensor_details()}
  assert types == {np.int8, np.int32}
  assert interpreter.get_input_details()[0]["dtype"] == np.int8
  assert interpreter.get_output_details()[0]["dtype"] == np.int8


def test_every_channel_of_the_weights_has_a_scale(interpreter):
  counts = {
    tuple(t["shape"]): len(t["quantization_parameters"]["scales"])
    for t in interpreter.get_tensor_details()
    if t["dtype"] == np.int8 and len(t["shape"]) == 4
  }
  assert counts[6, 3, 3, 3] == 6  # The convolution's.
  assert counts[1, 3, 3, 6] == 6  # The depthwise convolution's.
  assert counts[5, 1, 1, 6] == 5  # The dense layer's.


def test_it_computes_nearly_what_keras_computes(network, interpreter):
  images = _images(24)
  source = interpreter.get_input_details()[0]
  target = interpreter.get_output_details()[0]
  scale, zero_point = source["quantization"]
  steps = np.clip(np.round(images / scale) + zero_point, -128, 127)
  answers = []
  for image in steps.astype(np.int8):
    interpreter.set_tensor(source["index"], image[np.newaxis])
    interpreter.invoke()
    answers.append(interpreter.get_tensor(target["index"])[0])
  scale, zero_point = target["quantization"]
  assert (scale, zero_point) == (1 / 256, -128)  # Softmax: 0 to 255/256.
  computed = (np.array(answers, np.float64) - zero_point) * scale
  expected = network(images, training=False).numpy()
  assert np.ptp(expected, axis=0).max() > 0.1, "the test says nothing"
  np.testing.assert_allclose(computed, expected, atol=0.03)


def test_the_input_is_the_pixel_less_128(interpreter):
  # Where calibration reaches both ends of what a pixel can be.
  details = interpreter.get_input_details()[0]
  assert details["quantization"] == (1 / 128, 0)
  assert details["shape"].tolist() == [1, *SHAPE]


def test_the_range_is_what_calibration_reaches(network):
  converted = post_training.int8(network, _images(4, -0.5, 0.25))
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    interpreter = tf.lite.Interpreter(model_content=converted)
  scale, zero_point = interpreter.get_input_details()[0]["quantization"]
  assert scale == pytest.approx(0.75 / 255)
  assert zero_point == round(-128 + 0.5 / scale)


def test_the_same_model_makes_the_same_bytes(network, converted):
  assert post_training.int8(network, _images(32)) == converted


def test_nothing_is_printed(network, capfd):
  post_training.int8(network, _images(2))
  assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
  "calibration, received",
  [
    (np.zeros((0, *SHAPE), np.float32), "none, shape (0, 8, 8, 3)"),
    (np.zeros((4, 8, 9, 3), np.float32), "float32 of shape (4, 8, 9, 3)"),
    (np.zeros(SHAPE, np.float32), "float32 of shape (8, 8, 3)"),
    (np.zeros((4, *SHAPE), np.uint8), "uint8 of shape (4, 8, 8, 3)"),
    (None, "NoneType"),
    (np.full((1, *SHAPE), np.nan, np.float32), "NaN"),
  ],
)
def test_calibration_that_does_not_suit_is_refused(
  network, calibration, received
):
  line = _complaint(ConfigError, post_training.int8, network, calibration)
  assert received in line
  assert "8, 8, 3" in line or "finite" in line, "does not say what it wants"


def test_weights_that_are_no_numbers_are_refused():
  model = _network()
  bias = model.get_layer("classes").bias
  bias.assign(np.full(5, np.nan))
  line = _complaint(ConfigError, post_training.int8, model, _images(2))
  assert "classes/bias" in line


def test_logits_near_zero_are_refused():
  model = _network(logits=1e-9)
  line = _complaint(VerificationFailed, post_training.int8, model, _images(8))
  assert "learned nothing" in line


def test_the_registry_loads_no_machine_learning_library():
  code = (
    "import sys, elite_tf.conversion.quantize;"
    "print({'tensorflow', 'keras', 'tflite_micro'} & set(sys.modules))"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, check=True, text=True
  )
  assert done.stdout == "set()\n"
