"""One training step and one validation step, as pure functions of a state."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from elite_tf.data import preprocess
from elite_tf.system import backend
from elite_tf.training.distillation import Teacher, distillation_loss
from elite_tf.training.functional import FunctionalModel, join
from elite_tf.training.recipe import Recipe


class State(NamedTuple):
  """All that training changes, as flat float32 vectors.

  Attributes:
    weights: Trainable parameters.
    square: RMSProp's moving average of the squared gradient.
    momentum: RMSProp's momentum.
    average: Moving average of the weights, which is evaluated and exported.
    statistics: Statistics of batch norm, averaged like the weights.
  """

  weights: object
  square: object
  momentum: object
  average: object
  statistics: object


class Totals(NamedTuple):
  """Sums of loss and correct answers over images; float32 scalars."""

  loss: object
  correct: object


class StepSettings(NamedTuple):
  """Inputs of a training step that change with the step.

  Attributes:
    learning_rate: float32 scalar.
    ema_decay: float32 scalar.
    step: uint32 scalar, number of the step, for the random generators.
  """

  learning_rate: object
  ema_decay: object
  step: object


def initial_state(function: FunctionalModel) -> State:
  """Returns the state before the first step, from the model's variables."""
  weights = join(function.weights)
  return State(
    weights=weights,
    # The recipe was found with TensorFlow's RMSProp, which starts from ones;
    # from zeros the first steps would be more than three times as long.
    square=ops.ones_like(weights),
    momentum=ops.zeros_like(weights),
    # A copy: a step may overwrite its state, so no vector may be shared.
    average=ops.copy(weights),
    statistics=join(function.statistics),
  )


def rmsprop(state: State, gradient, learning_rate, recipe: Recipe) -> State:
  """Returns the state after one update of TensorFlow's RMSProp."""
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


def even_batch(count: int, most: int) -> int:
  """Returns the batch size for the fewest batches of nearly equal size.

  Args:
    count: Number of images.
    most: Most images per batch.
  """
  return -(-count // -(-count // most))


def fill(images: np.ndarray, labels: np.ndarray, batch: int):
  """Fills a last batch up with images that evaluation ignores.

  All batches then have one shape; JAX compiles anew for every shape.

  Args:
    images: uint8, (n, height, width, channels), n up to `batch`.
    labels: int32, (n,).
    batch: Number of images in a full batch.

  Returns:
    Images, uint8, (batch, height, width, channels), and labels, int32, (batch,),
    where -1 stands for an added image.
  """
  missing = batch - len(labels)
  if not missing:
    return images, labels
  return (
    np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))),
    np.pad(labels, (0, missing), constant_values=-1),
  )


def make_steps(
  function: FunctionalModel,
  recipe: Recipe,
  image_shape: tuple[int, int, int],
  class_weights: np.ndarray | None = None,
  teacher: Teacher | None = None,
):
  """Returns the compiled functions (train, evaluate) for a model.

  train(state, totals, images, labels, settings) -> (state, totals)
  evaluate(state, totals, images, labels) -> totals

  Images are uint8, (batch, height, width, channels), labels int32, (batch,).
  Evaluation ignores images with the label -1. Each function is traced at its
  first call: TensorFlow traces once for all batch sizes, JAX once for each.
  Do not use a state again after it was passed to `train`: the new state may take
  its memory.

  Args:
    function: The network.
    recipe: Loss and optimizer.
    image_shape: (height, width, channels).
    class_weights: float32, (classes,), factor of the training loss by class, in
      the gradient and in the totals; None means ones.
    teacher: Whose answers are part of the training loss; None for labels alone.
  """
  framework = backend.current()
  decayed = function.decayed() * recipe.weight_decay

  def weighted(losses, labels):
    if class_weights is None:
      return losses
    return losses * ops.take(ops.convert_to_tensor(class_weights), labels)

  def train(state, totals, images, labels, settings):
    inputs = _input(images)
    answers = teacher.answer(inputs) if teacher else None

    def loss_of(weights):
      probabilities, statistics = function.apply(
        weights, state.statistics, inputs, settings.step
      )
      losses = _cross_entropy(probabilities, labels, recipe.label_smoothing)
      if teacher:
        losses = (1 - recipe.teaching) * losses + (
          recipe.teaching
          * distillation_loss(probabilities, answers, recipe.temperature)
        )
      losses = weighted(losses, labels)
      return ops.mean(losses), (losses, probabilities, statistics)

    (_, (losses, probabilities, statistics)), gradient = (
      framework.value_and_gradient(loss_of)(state.weights)
    )
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

  def tensor(shape, dtype="float32"):
    return keras.KerasTensor(shape, dtype)

  state = State(*[tensor(v.shape) for v in initial_state(function)])
  totals = Totals(tensor(()), tensor(()))
  batch = (tensor((None, *image_shape), "uint8"), tensor((None,), "int32"))
  settings = StepSettings(tensor(()), tensor(()), tensor((), "uint32"))
  return (
    framework.compile_step(
      train, (state, totals, *batch, settings), donated=(0, 1)
    ),
    framework.compile_step(evaluate, (state, totals, *batch), donated=(1,)),
  )
