"""Quantization-aware training, and what it does against tfmot's."""

import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from elite_tf.conversion import converted
from elite_tf.conversion.quantize import METHODS, fake_quant, folding, qat
from elite_tf.conversion.quantize.accuracy import accuracy
from elite_tf.conversion.quantize.post_training import int8
from elite_tf.conversion.tflite.flatbuffer import operator_name, unpack
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.conversion.tflite.sliced import slice_model
from elite_tf.firmware import parse_tflite
from elite_tf.networks import to_keras
from elite_tf.networks.families import FAMILIES
from elite_tf.networks.from_keras import read_layers
from elite_tf.networks.keras_layers import build_model
from elite_tf.networks.pool import make_pool

LEVELS = 6  # The last candidate has few blocks.


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


def _student(network):
  """Returns a student of a network, its folded layers and its weights."""
  layers = read_layers(network)
  folded = folding.fold_layers(layers)
  weights = folding.folded_weights(network, layers)
  student = fake_quant.build_student(folded)
  fake_quant.set_weights(student, weights)
  return student, folded, weights


def _training_step(student, loss, variables):
  """Returns a function to the answers, the loss and its gradients."""

  @tf.function(autograph=False)
  def step(images, labels):
    with tf.GradientTape() as tape:
      answers = student(images, training=True)
      value = loss(labels, answers)
    return answers, value, tape.gradient(value, variables)

  return step


def _set_ranges(ranges):
  """Sets every range to numbers of its own."""
  for n, (low, high) in enumerate(ranges.values()):
    low.assign(-3 - 0.1 * (n % 7))
    high.assign(5 + 0.1 * (n % 5))


def _numbers(ranges):
  return {
    name: [float(x.numpy()) for x in pair] for name, pair in ranges.items()
  }


@pytest.mark.parametrize("family", [*FAMILIES, "sliced"])
def test_student_computes_what_that_of_tfmot_computes(family, tfmot_student):
  """Answers, loss, gradients and the ranges that a step leaves."""
  keras.utils.set_random_seed(0)
  name = "lite" if family == "sliced" else family
  network = _stirred(to_keras.build(make_pool(name, 10, 3, 32, LEVELS)[-1]))
  if family == "sliced":
    layers = read_layers(network)
    network = slice_model(network, layers, {"block2a_dwconv": 2})
  student, folded, weights = _student(network)
  assert family != "sliced" or "concatenate" in {x.op for x in folded}
  other = tfmot_student.build_student(folded)
  tfmot_student.set_weights(other, weights)
  ranges = fake_quant.output_ranges(student)
  expected_ranges = tfmot_student.output_ranges(other)
  assert list(ranges) == list(expected_ranges)
  _set_ranges(ranges)
  _set_ranges(expected_ranges)
  before = _numbers(ranges)
  images = _images(network.input_shape[1:])
  labels = np.arange(len(images)) % 10

  expected = other(images, training=False).numpy()
  assert np.ptp(expected, axis=0).max() > 1e-4, "the test says nothing"
  plain = network(images, training=False).numpy()
  assert np.abs(expected - plain).max() > 1e-4, "nothing is rounded"
  answers = student(images, training=False).numpy()
  np.testing.assert_allclose(answers, expected, rtol=1e-6, atol=1e-7)

  variables = [
    variable.value
    for name in weights
    for variable in fake_quant.kernel_and_bias(student, name)
  ]
  expected_variables = tfmot_student.kernels_and_biases(other, weights)
  step = _training_step(student, qat.cross_entropy, variables)
  other_step = _training_step(other, tfmot_student.loss, expected_variables)
  for _ in range(2):  # The second from the ranges that the first has left.
    answers, loss, gradients = step(images, labels)
    expected, expected_loss, expected_gradients = other_step(images, labels)
    np.testing.assert_allclose(answers, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    for name, found, wanted in zip(
      np.repeat(list(weights), 2), gradients, expected_gradients
    ):
      largest = np.abs(wanted).max()
      np.testing.assert_allclose(
        found, wanted, rtol=1e-5, atol=1e-6 * largest, err_msg=name
      )
    assert any(np.abs(wanted).max() > 0 for wanted in expected_gradients)
    moved, expected_moved = _numbers(ranges), _numbers(expected_ranges)
    assert all(moved[name] != before[name] for name in ranges)
    for name, pair in expected_moved.items():
      np.testing.assert_allclose(moved[name], pair, rtol=1e-6, err_msg=name)


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
  folded = folding.fold_layers(rows)
  assert {row.op for row in rows} - {row.op for row in folded} == {
      "batch_norm", "dropout", "stochastic_depth",
  }  # fmt: skip
  plain = build_model(folded, "plain")
  for name, (kernel, bias) in weights.items():
    plain.get_layer(name).set_weights([kernel, bias])
  np.testing.assert_allclose(plain(images).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("name", fake_quant.INTEGER_FUNCTIONS)
def test_functions_in_int8_are_those_of_keras_but_for_rounding(name):
  x = np.linspace(-8, 8, 40, dtype=np.float32).reshape(4, 10)
  expected = keras.activations.get(name)(x)
  found = fake_quant.INTEGER_FUNCTIONS[name](x)
  # The sigmoid's 256 values are 1/256 apart, and the last of them is 255/256.
  off = np.where(x > 5, 1 / 256, 0.5 / 256) * (abs(x) if name == "swish" else 1)
  assert (np.abs(found - expected) <= off + 1e-6).all()


def _operators(converted):
  root = unpack(converted)
  return [operator_name(root, o) for o in root.subgraphs[0].operators]


def test_qat_keeps_operators_and_accuracy(trained, make_material):
  material = make_material(qat_epochs=2)
  plain = int8(trained, material.calibration)
  began = time.process_time()  # The machine may be busy.
  found = METHODS["qat"](trained, material)
  assert time.process_time() - began < 120
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


def test_training_ends_where_tfmot_ends(
  trained, make_material, tfmot_student, monkeypatch
):
  """The same seed by tfmot's student, tf-keras's loss and its optimizer."""
  material = make_material(qat_epochs=1)
  found = METHODS["qat"](trained, material)
  for name in (
    "build_student",
    "set_weights",
    "get_weights",
    "output_ranges",
  ):
    monkeypatch.setattr(fake_quant, name, getattr(tfmot_student, name))
  monkeypatch.setattr(qat, "make_optimizer", tfmot_student.Optimizer)
  monkeypatch.setattr(qat, "cross_entropy", tfmot_student.loss)
  expected = METHODS["qat"](trained, material)
  assert "tf_keras" in {
    type(layer).__module__.partition(".")[0]
    for layer in tfmot_student.built[-1].layers
  }
  assert _operators(found.model) == _operators(expected.model)
  ours, theirs = (
    [(t.name, t.dtype, t.shape) for t in parse_tflite.parse(x.model).tensors]
    for x in (found, expected)
  )
  assert ours == theirs
  (ours,), (theirs,) = (x.taken.details["epochs"] for x in (found, expected))
  np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-3)
  # Two images of 566.
  assert abs(found.taken.val_accuracy - expected.taken.val_accuracy) <= 0.004


def test_every_kernel_is_rounded_by_channels(trained):
  student, folded, weights = _student(trained)
  ops = {layer.name: layer.op for layer in folded}
  for name in ("stem_conv", "block2a_dwconv", "logits"):
    kernel = weights[name][0]
    used = student.get_layer(name).rounded_kernel().numpy()
    # (..., channels).
    turn = (lambda k: k[..., 0]) if ops[name] == "depthwise" else (lambda k: k)
    for channel in range(turn(kernel).shape[-1]):
      levels = np.unique(turn(used)[..., channel])
      step = np.abs(turn(kernel)[..., channel]).max() / 127
      # Multiples of the channel's own step, none further than half of it.
      np.testing.assert_allclose(
        levels / step, np.rint(levels / step), atol=1e-3
      )
      off = np.abs(turn(used - kernel)[..., channel]).max()
      assert off <= 0.5 * step * (1 + 1e-3)
    assert np.abs(used - kernel).max() > 0


def test_without_qat_the_family_is_told(make_material):
  image = keras.Input((8, 8, 1))
  x = keras.layers.Conv2D(4, 3)(image)
  x = keras.layers.GlobalAveragePooling2D()(x)
  other = keras.Model(image, keras.layers.Dense(10)(x), name="other")
  with pytest.raises(ValueError, match="other is not a network.*Conv2D"):
    METHODS["qat"](other, make_material())
