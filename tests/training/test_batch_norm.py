"""Batch norm in training against Keras's own and against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from elite_tf.training.batch_norm import BatchStatistics, leave_averaging


@pytest.fixture
def pair():
  """Ours and Keras's with the same weights, and images."""
  draw = np.random.default_rng(0)
  images = draw.normal(2, 3, (5, 4, 3, 6)).astype(np.float32)
  layers = []
  for kind in (BatchStatistics, keras.layers.BatchNormalization):
    layer = kind(momentum=0.99, epsilon=1e-3, name="norm")
    layer.build(images.shape)
    layers.append(layer)
  values = draw.uniform(0.5, 1.5, (4, 6)).astype(np.float32)
  for layer in layers:
    layer.set_weights(list(values))
  return *layers, images


def test_weights_are_kerass_in_their_order(pair):
  ours, theirs, _ = pair
  assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
  assert [v.shape for v in ours.weights] == [v.shape for v in theirs.weights]
  assert len(ours.trainable_weights) == 2


def test_inference_is_kerass(pair):
  ours, theirs, images = pair
  for training in (False, None):
    expected = np.asarray(theirs(images, training=training))
    found = np.asarray(ours(images, training=training))
    assert found == pytest.approx(expected, abs=1e-6)


def test_training_and_its_gradients_are_kerass(pair):
  ours, theirs, images = pair
  direction = np.random.default_rng(1).normal(size=images.shape)
  results = []
  for layer in (ours, theirs):
    inputs = tf.constant(images)
    with tf.GradientTape() as tape:
      tape.watch(inputs)
      outputs = layer(inputs, training=True)
      value = tf.reduce_sum(outputs * direction.astype(np.float32))
    weights = [v.value for v in layer.trainable_weights]
    results.append([outputs, *tape.gradient(value, [inputs, *weights])])
  for found, expected in zip(*results, strict=True):
    assert np.asarray(found) == pytest.approx(np.asarray(expected), abs=2e-5)


def test_statistics_are_the_batchs_own(pair):
  """None of the old ones is left: the recipe averages them."""
  ours, _, images = pair
  ours(images, training=True)
  mean = images.mean(axis=(0, 1, 2), dtype=np.float64)
  # Of the population which the batch is a sample of, as TensorFlow has it.
  variance = images.astype(np.float64).var(axis=(0, 1, 2), ddof=1)
  assert ours.moving_mean.numpy() == pytest.approx(mean, abs=1e-5)
  assert ours.moving_variance.numpy() == pytest.approx(variance, rel=1e-5)


def test_inference_leaves_the_statistics(pair):
  ours, _, images = pair
  before = [v.numpy() for v in ours.weights]
  ours(images, training=False)
  for old, variable in zip(before, ours.weights):
    assert np.array_equal(old, variable.numpy())


@pytest.mark.parametrize(
  ("shape", "options", "kind"),
  [
    ((5, 4, 3, 6), {}, BatchStatistics),
    ((5, 4, 3, 6), {"axis": 1}, keras.layers.BatchNormalization),
    ((5, 4, 3, 6), {"scale": False}, keras.layers.BatchNormalization),
    ((5, 6), {}, keras.layers.BatchNormalization),
  ],
)
def test_a_users_batch_norm_leaves_the_batchs_statistics(shape, options, kind):
  """Whatever its momentum, in a nested model too; its outputs stay."""
  draw = np.random.default_rng(0)
  images = draw.normal(2, 3, shape).astype(np.float32)
  image = keras.Input(shape[1:])
  inner = keras.Input(shape[1:])
  norm = keras.layers.BatchNormalization(momentum=0.7, **options)
  model = keras.Model(image, keras.Model(inner, norm(inner))(image))
  expected = np.asarray(norm(images, training=True))
  found = np.asarray(leave_averaging(model)(images, training=True))
  assert type(norm) is kind
  assert found == pytest.approx(expected, abs=1e-5)
  others = tuple(i for i in range(len(shape)) if i != norm.axis % len(shape))
  mean, variance = images.mean(others), images.var(others)
  assert norm.moving_mean.numpy() == pytest.approx(mean, abs=1e-5)
  n = images.size // mean.size
  unbiased = n / (n - 1) if kind is BatchStatistics else 1
  assert norm.moving_variance.numpy() == pytest.approx(
    variance * unbiased, rel=1e-4
  )


def test_a_batch_norm_that_is_not_trained_is_left_alone():
  image = keras.Input((4, 4, 2))
  norm = keras.layers.BatchNormalization(trainable=False)
  model = leave_averaging(keras.Model(image, norm(image)))
  model(np.ones((3, 4, 4, 2), np.float32), training=True)
  assert not norm.moving_mean.numpy().any()
