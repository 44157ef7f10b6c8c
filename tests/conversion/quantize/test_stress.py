"""What plain quantization loses, and the measures do not."""

import keras
import numpy as np
import pytest

from elite_tf.conversion.quantize import METHODS, post_training, search
from elite_tf.conversion.quantize.accuracy import accuracy
from elite_tf.conversion.tflite import convert
from elite_tf.conversion.verify.compare import compare
from elite_tf.data import preprocess


def _rescaled(network, seed=0):
  """The same function, with channels between linear layers 2^-6 to 2^6."""
  copy = keras.models.clone_model(network)
  copy.set_weights(network.get_weights())
  random = np.random.default_rng(seed)
  factors = 2.0 ** random.uniform(-6, 6, 12)
  factors[:2] = 2.0**-6, 2.0**6
  # By hand: what makes the channels between the blocks, and what reads them.
  for name in ("block2a_project_bn", "block2b_project_bn"):
    norm = copy.get_layer(name)
    norm.gamma.assign(norm.gamma * factors)
    norm.beta.assign(norm.beta * factors)
  for name in ("block2b_expand_conv", "head_conv"):
    kernel = copy.get_layer(name).kernel
    kernel.assign(kernel / factors[:, np.newaxis])
  return copy


def _keras_accuracy(network, split):
  answers = network.predict(preprocess.scale(split.images), verbose=0)
  return (answers.argmax(-1) == split.labels).mean()


def test_rescaled_channels_are_equalized(trained, make_material):
  material = make_material()
  network = _rescaled(trained)
  images = preprocess.scale(material.val.images)
  np.testing.assert_allclose(
    network.predict(images, verbose=0),
    trained.predict(images, verbose=0),
    atol=1e-4,
  )
  exact = _keras_accuracy(network, material.val)
  assert exact > 0.9, "the test says nothing"
  plain = post_training.int8(network, material.calibration)
  assert exact - accuracy(plain, material.val) >= 0.05
  found = METHODS["int8"](network, material)
  assert found.float_val_accuracy == pytest.approx(exact)
  assert exact - accuracy(found.model, material.val) <= 0.01
  assert "equalized" in found.taken.details["measures"]
  verified = compare(found.model, material.val.images, material.val.labels)
  assert exact - verified.accuracy <= 0.01  # By TensorFlow Lite Micro too.


def test_an_outlier_in_calibration_is_clipped(trained, make_material):
  material = make_material()
  calibration = material.calibration.copy()
  calibration[7, 3, 4] = 300.0  # One pixel of 12,800.
  exact = _keras_accuracy(trained, material.val)
  plain = post_training.int8(trained, calibration)
  assert exact - accuracy(plain, material.val) >= 0.05
  found = METHODS["int8"](trained, make_material(calibration))
  assert exact - accuracy(found.model, material.val) <= 0.01
  assert "ranges of 99" in found.taken.details["measures"]
  verified = compare(found.model, material.val.images, material.val.labels)
  assert exact - verified.accuracy <= 0.01


def test_what_was_lost_is_asked_layer_by_layer(trained, make_material):
  # Nothing but the plain conversion, so that much is lost.
  found = search.int8(_rescaled(trained), make_material(max_drop=0.0))
  assert (found.noise != ()) == (found.drop > 0)
  network = _rescaled(trained)
  material = make_material()
  from elite_tf.conversion.quantize.sqnr import layer_noise

  plain = post_training.int8(network, material.calibration)
  rows = layer_noise(plain, convert.float32(network), material.calibration)
  decibels = [row["sqnr_db"] for row in rows]
  assert decibels == sorted(decibels)
  by_layer = {(row["layer"], row["operator"]): row["sqnr_db"] for row in rows}
  # The stem lies before what was rescaled: 8 bits give some 40 dB.
  assert by_layer["stem_bn", "CONV_2D"] > 30
  assert min(decibels) < 15
