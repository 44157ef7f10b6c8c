"""Trains one candidate, from any epoch to any later epoch."""

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from elite_tf.data.batches import Inputs, make_inputs
from elite_tf.data.sources import Dataset
from elite_tf.networks.ancestors import Start
from elite_tf.networks.families import get_family
from elite_tf.networks.keras_layers import make_layer
from elite_tf.networks.layers import kind_of
from elite_tf.training import checkpoint as checkpoints
from elite_tf.training import first_weights
from elite_tf.training.batch_norm import leave_averaging
from elite_tf.training.callbacks import (
  AccuracyHistory,
  EpochListener,
  StopOnNonFinite,
)
from elite_tf.training.checkpoint import Checkpoint
from elite_tf.training.distillation import Teacher
from elite_tf.training.functional import FunctionalModel
from elite_tf.training.precision import best_precision, in_float32, precision
from elite_tf.training.recipe import (
  Recipe,
  balanced_weights,
  ema_decay,
  learning_rate,
)
from elite_tf.training.steps import (
  State,
  StepSettings,
  Totals,
  even_batch,
  fill,
  initial_state,
  make_steps,
)
from elite_tf.types import Candidate, Epoch, Layer

logger = logging.getLogger(__name__)

EVALUATION_BATCH = 500


def make_training_layer(layer: Layer) -> keras.layers.Layer:
  """Returns the Keras layer of a layer, as it is trained.

  Logits and probabilities are computed in float32, whatever the precision of
  the rest.
  """
  precise = kind_of(layer).full_precision
  return (in_float32(make_layer) if precise else make_layer)(layer)


class Trainer:
  """One candidate's network, compiled once, and the state of its training.

  The random draws of an epoch depend only on the seed and the epoch. The same
  seed gives the same weights, whether or not a training was interrupted.

  Attributes:
    candidate: The candidate.
    epochs: The epochs done.
    first_step_seconds: Wall clock of the first training step and the first
      validation step.
  """

  def __init__(
    self,
    candidate: Candidate,
    data: Inputs | Dataset,
    epochs: int,
    seed: int = 0,
    recipe: Recipe = Recipe(),
    path: Path | None = None,
    start: Start | None = None,
    teacher: Teacher | None = None,
  ):
    """Builds the network, and loads its checkpoint if there is one.

    Args:
      candidate: The candidate to train.
      data: Inputs of the candidate's resolution, or a data set, which is used
        without augmentation.
      epochs: Epochs of the whole training, to which the schedule is scaled.
      seed: Decides the first weights, the order of images and dropout.
      recipe: Optimizer and loss.
      path: The checkpoint's file; None keeps no checkpoint.
      start: Trained network from which the first weights are inherited; None:
        they are random.
      teacher: Whose answers are part of the loss; None for labels alone.
    """
    self.candidate = candidate
    self.first_step_seconds = 0.0
    if isinstance(data, Dataset):
      data = make_inputs(data, candidate.resolution)
    self._train, self._val = data.train, data.val
    self._total_epochs = epochs
    self._seed = seed
    self._recipe = dataclasses.replace(
      recipe, batch_size=min(recipe.batch_size, len(self._train.labels))
    )
    self._path = path
    mixed = get_family(candidate.family).mixed_precision
    with precision(best_precision() if mixed else "float32"):
      network = first_weights.build_network(
        candidate, make_training_layer, seed, start
      )
    self._function = FunctionalModel(leave_averaging(network), seed)
    self._state = initial_state(self._function)
    self._train_step, self._evaluate_step = make_steps(
      self._function,
      recipe,
      self._train.shape,
      _class_weights(recipe, self._train.labels, candidate.classes),
      teacher,
    )
    self._traced: set[object] = set()
    self.epochs: tuple[Epoch, ...] = ()
    saved = _load(path, self._state) if path else None
    if saved is not None:
      self._state = State(
        **{
          name: ops.convert_to_tensor(saved.arrays[name])
          for name in State._fields
        }
      )
      self.epochs = saved.epochs

  def train(
    self,
    stop: int,
    listener: Callable[[str, Epoch], None] = lambda name, epoch: None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
  ) -> tuple[Epoch, ...]:
    """Trains until `stop` epochs are done; saves a checkpoint after each epoch.

    Args:
      stop: Number of epochs done afterwards.
      listener: Called with the candidate's name and every epoch, after the
        epoch is saved.
      callbacks: Further Keras callbacks; only their epoch methods are called.

    Returns:
      All epochs so far.

    Raises:
      CandidateFailed: The loss became NaN or infinite.
    """
    history = AccuracyHistory(self.epochs)
    callback_list = keras.callbacks.CallbackList(
      [
        StopOnNonFinite(),
        history,
        keras.callbacks.LambdaCallback(
          on_epoch_end=lambda epoch, logs: self._keep(history)
        ),
        EpochListener(self.candidate.name, listener, history),
        *callbacks,
      ],
      model=self._function.model,
    )
    for epoch in range(len(self.epochs), stop):
      callback_list.on_epoch_begin(epoch)
      callback_list.on_epoch_end(epoch, self._epoch(epoch))
    return self.epochs

  def _keep(self, history: AccuracyHistory) -> None:
    self.epochs = tuple(history.epochs)
    if self._path:
      self.save()

  def save(self) -> None:
    """Writes the checkpoint."""
    arrays = {
      name: ops.convert_to_numpy(value)
      for name, value in self._state._asdict().items()
    }
    checkpoints.save(self._path, Checkpoint(arrays, self.epochs))

  def _epoch(self, epoch: int) -> dict[str, float]:
    count = len(self._train.labels)
    batch = self._recipe.batch_size
    steps = count // batch
    key = [self._seed, epoch]
    order = np.random.default_rng(key).permutation(count)[: steps * batch]
    totals, seconds = _no_totals(), 0.0
    read = self._train.read(order.reshape(steps, batch), key)
    with contextlib.closing(read):  # Ends its threads, also after an error.
      for step, (images, labels) in enumerate(read):
        number = epoch * steps + step
        settings = StepSettings(
          np.float32(
            learning_rate(self._recipe, number, steps, self._total_epochs)
          ),
          np.float32(ema_decay(self._recipe, number)),
          np.uint32(number),
        )
        (self._state, totals), spent = self._timed(
          self._train_step, self._state, totals, images, labels, settings
        )
        seconds += spent
    validation, spent = self._validate()
    start = time.perf_counter()  # A device may still be computing.
    loss, correct, val_loss, val_correct = map(float, (*totals, *validation))
    seconds += spent + time.perf_counter() - start
    return {
      "loss": loss / (steps * batch),
      "accuracy": correct / (steps * batch),
      "val_loss": val_loss / len(self._val.labels),
      "val_accuracy": val_correct / len(self._val.labels),
      "seconds": seconds,
    }

  def _validate(self) -> tuple[Totals, float]:
    count = len(self._val.labels)
    batch = even_batch(count, EVALUATION_BATCH)
    parts = [slice(i, i + batch) for i in range(0, count, batch)]
    totals, seconds = _no_totals(), 0.0
    with contextlib.closing(self._val.read(parts)) as read:
      for images, labels in read:
        totals, spent = self._timed(
          self._evaluate_step,
          self._state,
          totals,
          *fill(images, labels, batch),
        )
        seconds += spent
    return totals, seconds

  def _timed(self, step, *arguments):
    start = time.perf_counter()
    result = step(*arguments)
    spent = time.perf_counter() - start
    if step not in self._traced:
      self._traced.add(step)
      self.first_step_seconds += spent
    return result, spent


def _no_totals() -> Totals:
  return Totals(np.float32(0), np.float32(0))


def _class_weights(
  recipe: Recipe, labels: np.ndarray, classes: int
) -> np.ndarray | None:
  if recipe.class_weights == "none":
    return None
  counts = np.bincount(labels, minlength=classes).tolist()
  return np.array(balanced_weights(counts), np.float32)


def _load(path: Path, state: State) -> Checkpoint | None:
  saved = checkpoints.load_last(path)
  try:
    if saved is not None:
      checkpoints.check_shapes(path, saved, _shapes(state))
  except ValueError as error:
    logger.warning(f"{error}; this candidate is trained anew")
    return None
  return saved


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
  return {n: tuple(v.shape) for n, v in state._asdict().items()}


def load_trained(candidate: Candidate, path: Path) -> keras.Model:
  """Returns the candidate's network with the averaged weights of a checkpoint.

  Args:
    candidate: The candidate that was trained.
    path: The checkpoint's file.

  Raises:
    ValueError: The file is missing, damaged or of another network.
  """
  saved = checkpoints.load(path)
  if saved is None:
    raise ValueError(f"{path}: no such checkpoint")
  function = FunctionalModel(first_weights.build_network(candidate))
  checkpoints.check_shapes(path, saved, _shapes(initial_state(function)))
  return function.set_weights(
    saved.arrays["average"], saved.arrays["statistics"]
  )
