"""Quantization-aware training, and tf-keras against Keras 3."""

import time

import keras
import numpy as np
import pytest

from elite_tf.conversion import converted
from elite_tf.conversion.quantize import (
  METHODS,
  fake_quant,
  folding,
  tf_keras_model,
)
from elite_tf.conversion.quantize.accuracy import accuracy
from elite_tf.conversion.quantize.post_training import int8
from elite_tf.conversion.tflite.flatbuffer import operator_name, unpack
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.data import preprocess
from elite_tf.networks import to_keras
from elite_tf.networks.families import FAMILIES
from elite_tf.networks.from_keras import read_layers
from elite_tf.networks.pool import make_pool
from elite_tf.types import Layer


def _stirred(network):
  """Gives every weight a number of its own."""
  random = np.random.default_rng(3)
  for weight in network.weights:
    if "seed" not in weight.path:
      value = random.uniform(0.5, 1.5, weight.shape)
      # Kernels and biases around what they were, batch norm around 1.
      keep = "kernel" in weight.path
      weight.assign(np.asarray(weight) * value if keep else value)
  # As it is first drawn all answers are nearly the same.
  kernel = network.get_layer("logits").kernel
  kernel.assign(10 * kernel)
  return network


def _images(shape, count=8):
  random = np.random.default_rng(0)
  return random.uniform(-1, 1, (count, *shape)).astype(np.float32)


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_move_to_tf_keras_without_loss(family):
  keras.utils.set_random_seed(0)
  network = _stirred(to_keras.build(make_pool(family, 10, 3, 32)[-1]))
  other = tf_keras_model.build(read_layers(network))
  tf_keras_model.copy_weights(network, other)
  assert other.count_params() == network.count_params()
  images = _images(network.input_shape[1:])
  expected = network(images, training=False).numpy()
  assert np.ptp(expected, axis=0).max() > 1e-4, "the test says nothing"
  np.testing.assert_allclose(
    other(images, training=False).numpy(), expected, atol=1e-5
  )


def test_folded_networks_compute_the_same(trained):
  rows = read_layers(trained)
  weights = folding.folded_weights(trained, rows)
  images = _images((8, 8, 1))
  expected = trained(images, training=False).numpy()
  copy = folding.with_weights(trained, rows, weights)
  np.testing.assert_allclose(
    copy(images, training=False).numpy(), expected, atol=1e-5
  )
  assert np.any(copy.get_weights()[0] != trained.get_weights()[0])
  folded = folding.folded_rows(rows)
  assert {row.op for row in rows} - {row.op for row in folded} == {
      "batch_norm", "dropout", "stochastic_depth",
  }  # fmt: skip
  plain = tf_keras_model.build(folded)
  for name, (kernel, bias) in weights.items():
    plain.get_layer(name).set_weights([kernel, bias])
  np.testing.assert_allclose(plain(images).numpy(), expected, atol=1e-5)


KERAS_NAMES = {"swish": "silu", "hard_swish": "hard_silu"}


@pytest.mark.parametrize("name", tf_keras_model.FUNCTIONS)
def test_functions_are_those_of_keras(name):
  x = np.linspace(-8, 8, 40, dtype=np.float32).reshape(4, 10)
  expected = keras.activations.get(KERAS_NAMES.get(name, name))(x)
  np.testing.assert_allclose(
    tf_keras_model.FUNCTIONS[name](x), expected, atol=1e-6
  )


@pytest.mark.parametrize("op", tf_keras_model.LAYERS)
def test_layers_bear_the_name_of_their_row(op):
  row = Layer("mine", op, ("x",), (4, 4, 8), function="swish", rate=0.1)
  assert tf_keras_model.LAYERS[op](row).name == "mine"


def _operators(converted):
  root = unpack(converted)
  return [operator_name(root, o) for o in root.subgraphs[0].operators]


def test_qat_keeps_operators_and_accuracy(trained, make_material):
  material = make_material(qat_epochs=2)
  plain = int8(trained, material.calibration)
  began = time.monotonic()
  found = METHODS["qat"](trained, material)
  assert time.monotonic() - began < 120
  assert _operators(found.model) == _operators(plain)
  assert "QUANTIZE" not in _operators(found.model)
  assert inspect(found.model).float_tensors == ()
  scale, zero_point = inspect(found.model).input.scale, 0
  assert (scale, zero_point) == (1 / 128, inspect(found.model).input.zero_point)
  assert accuracy(found.model, material.val) == found.taken.val_accuracy
  assert found.taken.val_accuracy >= accuracy(plain, material.val) - 0.005
  epochs = found.taken.details["epochs"]
  assert 1 <= len(epochs) <= 2
  # What it was trained as is what it has become: images apart by rounding.
  best = max(epoch["val_accuracy"] for epoch in epochs)
  assert abs(best - found.taken.val_accuracy) <= 0.01
  _, verified = converted.verified(
    found.model, material.val.images, material.val.labels
  )
  assert verified.images >= 256 and verified.equal


def test_every_kernel_is_rounded_by_channels(trained):
  rows = read_layers(trained)
  student = fake_quant.build(folding.folded_rows(rows))
  weights = folding.folded_weights(trained, rows)
  fake_quant.set_weights(student, weights)
  images = preprocess.scale(np.zeros((1, 8, 8, 1), np.uint8))
  student(images, training=False)
  for name in ("stem_conv", "block2a_dwconv", "logits"):
    used = getattr(
      student.get_layer(name).layer,
      fake_quant.KERNELS[{r.name: r.op for r in rows}[name]],
    ).numpy()
    kernel = weights[name][0]
    channels = (
      kernel.shape[2]
      if "dw" in name
      else kernel.shape[3 if kernel.ndim == 4 else 1]
    )
    turn = (lambda k: k[..., 0]) if "dw" in name else (lambda k: k)
    for channel in range(channels):
      levels = np.unique(turn(used)[..., channel])
      step = np.abs(turn(kernel)[..., channel]).max() / 127
      # Multiples of the channel's own step, none further than half of it.
      np.testing.assert_allclose(
        levels / step, np.rint(levels / step), atol=1e-3
      )
    assert np.abs(used - kernel).max() > 0


def test_without_qat_the_family_is_told(make_material):
  image = keras.Input((8, 8, 1))
  x = keras.layers.Conv2D(4, 3)(image)
  x = keras.layers.GlobalAveragePooling2D()(x)
  other = keras.Model(image, keras.layers.Dense(10)(x), name="other")
  with pytest.raises(ValueError, match="other is not a network.*Conv2D"):
    METHODS["qat"](other, make_material())
