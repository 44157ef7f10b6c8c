"""One training step and one validation step, as pure functions of a state."""

from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

from elite_tf import preprocess
from elite_tf.training.functional import FunctionalModel, join
from elite_tf.training.recipe import Recipe


class State(NamedTuple):
  """All that training changes. Flat float32 vectors.

  Attributes:
    weights: Trainable parameters.
    square: RMSProp's moving average of the squared gradient.
    momentum: RMSProp's momentum.
    average: Moving average of the weights: what is evaluated and exported.
    statistics: Batch norm's statistics, averaged like the weights.
  """

  weights: object
  square: object
  momentum: object
  average: object
  statistics: object


class Totals(NamedTuple):
  """Sums over the images seen; float32 scalars."""

  loss: object
  correct: object


class StepSettings(NamedTuple):
  """What changes from step to step.

  Attributes:
    learning_rate: float32 scalar.
    ema_decay: float32 scalar.
    step: uint32 scalar: number of the step, for the random generators.
  """

  learning_rate: object
  ema_decay: object
  step: object


def initial_state(function: FunctionalModel) -> State:
  """Returns the state before the first step, from the model's variables."""
  weights = join(function.weights)
  return State(
      weights=weights,
      # TensorFlow's RMSProp, with which the recipe was found, starts from
      # ones: from zeros the first steps would be over three times as long.
      square=ops.ones_like(weights),
      momentum=ops.zeros_like(weights),
      average=weights,
      statistics=join(function.statistics),
  )


def rmsprop(state: State, gradient, learning_rate, recipe: Recipe) -> State:
  """Returns the state after an update by TensorFlow's RMSProp."""
  square = recipe.rho * state.square + (1 - recipe.rho) * ops.square(gradient)
  momentum = recipe.momentum * state.momentum + learning_rate * (
      gradient * ops.rsqrt(square + recipe.epsilon)
  )
  return state._replace(
      weights=state.weights - momentum, square=square, momentum=momentum
  )


def _input(images):
  return (
      ops.cast(images, "float32") - preprocess.PIXEL_ZERO
  ) * preprocess.PIXEL_SCALE


def _cross_entropy(probabilities, labels, smoothing: float):
  classes = probabilities.shape[-1]
  targets = ops.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
  return keras.losses.categorical_crossentropy(targets, probabilities)


def _correct(probabilities, labels):
  hits = ops.equal(ops.cast(ops.argmax(probabilities, -1), "int32"), labels)
  return ops.sum(ops.cast(hits, "float32"))


def make_steps(function: FunctionalModel, recipe: Recipe, image_shape):
  """Returns the compiled (train, evaluate) for a model.

  train(state, totals, images, labels, settings) -> (state, totals)
  evaluate(state, totals, images, labels) -> totals

  Images are uint8 (batch, height, width, channels), labels int32 (batch,).
  Each is traced at its first call, for any batch size.

  Args:
    function: The network.
    recipe: Losses and optimizer.
    image_shape: (height, width, channels).
  """
  decayed = function.decayed() * recipe.weight_decay

  def train(state, totals, images, labels, settings):
    inputs = _input(images)
    with tf.GradientTape() as tape:
      tape.watch(state.weights)
      probabilities, statistics = function.apply(
          state.weights, state.statistics, inputs, settings.step
      )
      losses = _cross_entropy(probabilities, labels, recipe.label_smoothing)
      loss = ops.mean(losses)
    gradient = tape.gradient(loss, state.weights)
    gradient = gradient + decayed * state.weights
    new = rmsprop(state, gradient, settings.learning_rate, recipe)
    keep = settings.ema_decay
    new = new._replace(
        average=keep * state.average + (1 - keep) * new.weights,
        statistics=keep * state.statistics + (1 - keep) * statistics,
    )
    totals = Totals(
        totals.loss + ops.sum(losses),
        totals.correct + _correct(probabilities, labels),
    )
    return new, totals

  def evaluate(state, totals, images, labels):
    probabilities, _ = function.apply(
        state.average, state.statistics, _input(images)
    )
    losses = _cross_entropy(probabilities, labels, 0.0)
    return Totals(
        totals.loss + ops.sum(losses),
        totals.correct + _correct(probabilities, labels),
    )

  scalar = tf.TensorSpec((), tf.float32)
  state = State(
      *[tf.TensorSpec(v.shape, tf.float32) for v in initial_state(function)]
  )
  totals = Totals(scalar, scalar)
  images = tf.TensorSpec((None, *image_shape), tf.uint8)
  labels = tf.TensorSpec((None,), tf.int32)
  settings = StepSettings(scalar, scalar, tf.TensorSpec((), tf.uint32))
  return (
      tf.function(
          train,
          autograph=False,
          input_signature=[state, totals, images, labels, settings],
      ),
      tf.function(
          evaluate,
          autograph=False,
          input_signature=[state, totals, images, labels],
      ),
  )
