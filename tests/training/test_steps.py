"""One step of training, against plain Keras and TensorFlow's own optimizer."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from elite_tf.training.functional import FunctionalModel
from elite_tf.training.recipe import Recipe
from elite_tf.training.steps import (
  State,
  StepSettings,
  Totals,
  even_batch,
  fill,
  initial_state,
  make_steps,
  rmsprop,
)

# Strong enough that a weight left out of it would show.
RECIPE = Recipe(weight_decay=0.01)


@pytest.fixture
def batch():
  draw = np.random.default_rng(0)
  images = draw.integers(0, 256, (8, 6, 6, 1)).astype(np.uint8)
  return images, draw.integers(0, 3, 8).astype(np.int32)


def _settings(rate=0.01, keep=0.6, step=0):
  return StepSettings(np.float32(rate), np.float32(keep), np.uint32(step))


def _no_totals():
  return Totals(np.float32(0), np.float32(0))


def _scaled(images):
  return (images.astype(np.float32) - 128) / 128


def _one_hot(labels):
  return np.eye(3, dtype=np.float32)[labels]


def _flat(values):
  return np.concatenate([np.ravel(value) for value in values])


def test_first_state(make_network):
  function = FunctionalModel(make_network())
  state = initial_state(function)
  weights = _flat([v.numpy() for v in function.weights])
  assert np.array_equal(state.weights, weights)
  assert np.array_equal(state.average, weights)
  # TensorFlow's RMSProp starts from ones.
  assert np.array_equal(state.square, np.ones_like(weights))
  assert np.array_equal(state.momentum, np.zeros_like(weights))
  # Means of zero and variances of one: four channels each, twice.
  assert (
    state.statistics.numpy().tolist() == [0] * 4 + [1] * 4 + [0] * 4 + [1] * 4
  )


def test_rmsprop_is_tensorflows():
  """20 steps over gradients of all sizes, at rates that change."""
  draw = np.random.default_rng(1)
  weights = draw.normal(size=50).astype(np.float32)
  variable = tf.Variable(weights)
  rate = tf.Variable(0.0)
  optimizer = tf.compat.v1.train.RMSPropOptimizer(
    lambda: rate, decay=0.9, momentum=0.9, epsilon=0.001
  )
  state = State(tf.constant(weights), tf.ones(50), tf.zeros(50), None, None)
  for step in range(20):
    rate.assign(0.00625 * 0.9**step)
    gradient = draw.normal(size=50) * 10.0 ** draw.integers(-4, 2, 50)
    gradient = tf.constant(gradient, tf.float32)
    optimizer.apply_gradients([(gradient, variable)])
    state = rmsprop(state, gradient, rate.numpy(), Recipe())
    assert state.weights.numpy() == pytest.approx(variable.numpy(), abs=1e-6)
  assert np.abs(variable.numpy() - weights).max() > 0.05


def test_rmsprop_by_hand():
  state = State(tf.constant([1.0]), tf.ones(1), tf.constant([0.5]), None, None)
  new = rmsprop(state, tf.constant([2.0]), 0.1, Recipe())
  # 0.9 * 1 + 0.1 * 4; 0.9 * 0.5 + 0.1 * 2 / sqrt(1.3 + 0.001).
  momentum = 0.45 + 0.2 / 1.301**0.5
  assert new.square.numpy() == pytest.approx([1.3])
  assert new.momentum.numpy() == pytest.approx([momentum])
  assert new.weights.numpy() == pytest.approx([1 - momentum])


def test_three_steps_are_plain_keras(make_network, batch):
  """The same three steps by GradientTape, TensorFlow's RMSProp and Keras."""
  images, labels = batch
  function = FunctionalModel(make_network())
  train, _ = make_steps(function, RECIPE, (6, 6, 1))
  state, totals = initial_state(function), _no_totals()

  model = make_network(plain=True)
  variables = model.trainable_variables
  rate = tf.Variable(0.0)
  optimizer = tf.compat.v1.train.RMSPropOptimizer(
    lambda: rate, decay=0.9, momentum=0.9, epsilon=0.001
  )
  smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
  average = [v.numpy() for v in variables]
  for name in ("norm", "norm2"):
    model.get_layer(name).momentum = 0.0  # It then shows the batch's own.
  moving = initial_state(function).statistics.numpy()
  losses, correct = 0.0, 0
  for step in range(3):
    settings = _settings(0.01 * (step + 1), 0.5 + step / 10, step)
    state, totals = train(state, totals, images, labels, settings)

    keep = float(settings.ema_decay)
    with tf.GradientTape() as tape:
      answers = model(_scaled(images), training=True)
      loss = smooth(_one_hot(labels), answers)
    gradients = tape.gradient(loss, [v.value for v in variables])
    decayed = [
      g if "norm" in v.path else g + 0.01 * v.value
      for g, v in zip(gradients, variables)
    ]
    rate.assign(float(settings.learning_rate))
    optimizer.apply_gradients(
      [(g, v.value) for g, v in zip(decayed, variables)]
    )
    average = [
      keep * a + (1 - keep) * v.numpy() for a, v in zip(average, variables)
    ]
    losses += 8 * float(loss)
    correct += int((np.argmax(answers, axis=1) == labels).sum())

    expected = _flat([v.numpy() for v in variables])
    assert state.weights.numpy() == pytest.approx(expected, abs=1e-6)
    assert state.average.numpy() == pytest.approx(_flat(average), abs=1e-6)
    own = _flat(
      [
        v.numpy() * (_bessel(v.path) if "variance" in v.path else 1)
        for v in model.non_trainable_variables
        if "moving" in v.path
      ]
    )
    moving = keep * moving + (1 - keep) * own
    assert state.statistics.numpy() == pytest.approx(moving, abs=1e-6)
    assert float(totals.loss) == pytest.approx(losses, rel=1e-5)
    assert float(totals.correct) == correct


def _bessel(path):
  # From the variance of a batch to that of the population it is a sample of:
  # n / (n - 1), with 8 images of 4 x 4 and 2 x 2 places.
  places = 8 * (2 * 2 if "norm2" in path else 4 * 4)
  return places / (places - 1)


def test_loss_is_kerass_with_label_smoothing(make_network, batch):
  images, labels = batch
  function = FunctionalModel(make_network())
  train, _ = make_steps(function, RECIPE, (6, 6, 1))
  _, totals = train(
    initial_state(function), _no_totals(), images, labels, _settings()
  )
  answers = function.model(_scaled(images), training=True)
  smooth = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
  expected = float(smooth(_one_hot(labels), answers))
  assert float(totals.loss) / 8 == pytest.approx(expected, rel=1e-6)


def test_totals_are_added_up(make_network, batch):
  function = FunctionalModel(make_network())
  train, evaluate = make_steps(function, RECIPE, (6, 6, 1))
  state = initial_state(function)
  for call in (
    lambda totals: train(state, totals, *batch, _settings())[1],
    lambda totals: evaluate(state, totals, *batch),
  ):
    once = call(_no_totals())
    more = call(Totals(np.float32(100), np.float32(7)))
    assert float(more.loss) == pytest.approx(100 + float(once.loss), rel=1e-6)
    assert float(more.correct) == 7 + float(once.correct)


def test_validation_is_of_the_averages_without_smoothing(make_network, batch):
  """Of any number of images, and it changes nothing."""
  images, labels = batch
  function = FunctionalModel(make_network(dropout=0.5))
  _, evaluate = make_steps(function, RECIPE, (6, 6, 1))
  other = make_network(seed=8, plain=True)
  for name in ("norm", "norm2"):
    other.get_layer(name).moving_mean.assign([0.1, -0.2, 0.3, 0.0])
    other.get_layer(name).moving_variance.assign([1.5, 0.5, 2.0, 1.0])
  theirs = FunctionalModel(other)
  state = initial_state(function)._replace(
    average=initial_state(theirs).weights,
    statistics=initial_state(theirs).statistics,
  )
  for count in (8, 3, 1):
    totals = evaluate(state, _no_totals(), images[:count], labels[:count])
    answers = other(_scaled(images[:count]), training=False)
    plain = keras.losses.CategoricalCrossentropy(reduction="sum")
    expected = float(plain(_one_hot(labels[:count]), answers))
    assert float(totals.loss) == pytest.approx(expected, rel=1e-5)
    hits = np.argmax(answers, axis=1) == labels[:count]
    assert float(totals.correct) == hits.sum()


def test_weight_decay_is_of_kernels_and_biases(make_network, batch):
  """Two recipes that differ in nothing else part where it applies."""
  function = FunctionalModel(make_network())
  after = []
  for weight_decay in (0.0, 0.01):
    recipe = dataclasses.replace(Recipe(), weight_decay=weight_decay)
    train, _ = make_steps(function, recipe, (6, 6, 1))
    state, _ = train(
      initial_state(function), _no_totals(), *batch, _settings(rate=0.1)
    )
    after.append(state.weights.numpy())
  assert ((after[0] != after[1]) == function.decayed().astype(bool)).all()


def test_dropout_is_of_the_step(make_network, batch):
  function = FunctionalModel(make_network(dropout=0.5))
  train, _ = make_steps(function, RECIPE, (6, 6, 1))
  losses = [
      float(
          train(initial_state(function), _no_totals(), *batch,
                _settings(step=step))[1].loss
      )
      for step in (1, 1, 2)
  ]  # fmt: skip
  assert losses[0] == losses[1] != losses[2]


def test_class_weights_multiply_the_loss_and_its_gradient(make_network, batch):
  """Against Keras's loss of every image, read off RMSProp's average."""
  images, labels = batch
  weights = np.array([2.0, 1.0, 0.5], np.float32)
  function = FunctionalModel(make_network())
  no_decay = dataclasses.replace(RECIPE, weight_decay=0.0)

  def step(recipe, class_weights):
    train, _ = make_steps(function, recipe, (6, 6, 1), class_weights)
    return train(
      initial_state(function), _no_totals(), images, labels, _settings()
    )

  model = make_network()
  smooth = keras.losses.CategoricalCrossentropy(
    label_smoothing=0.1, reduction=None
  )
  with tf.GradientTape() as tape:
    answers = model(_scaled(images), training=True)
    losses = smooth(_one_hot(labels), answers) * weights[labels]
    loss = tf.reduce_mean(losses)
  variables = [v.value for v in model.trainable_variables]
  gradient = _flat(tape.gradient(loss, variables))
  state, totals = step(no_decay, weights)
  assert float(totals.loss) == pytest.approx(float(sum(losses)), rel=1e-5)
  # From ones: 0.9 + 0.1 * gradient ** 2.
  expected = 0.9 + 0.1 * gradient**2
  assert state.square.numpy() == pytest.approx(expected, abs=1e-6)
  plain, _ = step(no_decay, None)
  assert np.abs(plain.square - state.square).max() > 1e-4


def test_images_that_fill_up_a_batch_count_for_nothing(make_network, batch):
  images, labels = batch
  function = FunctionalModel(make_network())
  _, evaluate = make_steps(function, RECIPE, (6, 6, 1))
  state = initial_state(function)
  filled = fill(images[:5], labels[:5], 8)
  assert [len(part) for part in filled] == [8, 8]
  few = evaluate(state, _no_totals(), images[:5], labels[:5])
  found = evaluate(state, _no_totals(), *filled)
  assert float(found.loss) == pytest.approx(float(few.loss), rel=1e-6)
  assert float(found.correct) == float(few.correct)


@pytest.mark.parametrize(
    "count, most, batch", [(1, 500, 1), (500, 500, 500), (501, 500, 251),
                           (6000, 500, 500), (1101, 500, 367)]
)  # fmt: skip
def test_batches_are_even(count, most, batch):
  assert even_batch(count, most) == batch
