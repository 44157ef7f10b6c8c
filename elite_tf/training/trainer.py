"""Trains one candidate, from any epoch to any other."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from elite_tf import model as models
from elite_tf import preprocess
from elite_tf.callbacks import AccuracyHistory, Report, StopOnNonFinite
from elite_tf.datasets import Dataset, Split
from elite_tf.spec import Candidate, Epoch
from elite_tf.training import checkpoint as checkpoints
from elite_tf.training import first_weights
from elite_tf.training.batch_norm import BatchStatistics
from elite_tf.training.checkpoint import Checkpoint
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


def _activation(layer):
  build = models.BUILDERS["activation"]
  return (in_float32(build) if layer.function == "softmax" else build)(layer)


# Networks in training have another batch norm than those that are exported, and
# logits and probabilities in float32 whatever the precision of the rest.
BUILDERS = {
    **models.BUILDERS,
    "batch_norm": lambda layer: models.batch_norm(layer, BatchStatistics),
    "dense": in_float32(models.BUILDERS["dense"]),
    "activation": _activation,
}

EVALUATION_BATCH = 500

# A checkpoint in the middle of a round costs time, and losing it costs the
# epochs since: not more often than this.
CHECKPOINT_SECONDS = 30.0


class Trainer:
  """One candidate's network, compiled once, and how far it is trained.

  The same seed gives the same weights whether a training ran through or was
  interrupted: what an epoch draws depends on the seed and the epoch alone.

  Attributes:
    candidate: What is trained.
    epochs: Epochs done.
    first_step_seconds: Wall clock of the first training and validation step.
  """

  def __init__(
      self,
      candidate: Candidate,
      data: Dataset,
      epochs: int,
      seed: int = 0,
      recipe: Recipe = Recipe(),
      path: Path | None = None,
      warn: Callable[[str], None] = lambda line: None,
  ):
    """Builds the network, or takes up its checkpoint.

    Args:
      candidate: What to train.
      data: Its train and val splits are used; images already resized to the
        candidate's resolution, or of another size and resized here.
      epochs: Epochs of the whole training, by which the schedule is scaled.
      seed: Decides the first weights, the order of images and dropout.
      recipe: Optimizer and losses.
      path: The checkpoint's file; None keeps none.
      warn: Told in one line of a damaged checkpoint.
    """
    self.candidate = candidate
    self.first_step_seconds = 0.0
    self._train, self._val = (
        Split(preprocess.resize(s.images, candidate.resolution), s.labels)
        for s in (data.train, data.val)
    )
    self._total_epochs = epochs
    self._seed = seed
    self._recipe = recipe
    self._path = path
    with precision(best_precision()):
      network = first_weights.build(candidate, BUILDERS, seed)
    self._function = FunctionalModel(network)
    self._state = initial_state(self._function)
    self._train_step, self._evaluate_step = make_steps(
        self._function,
        recipe,
        self._train.images.shape[1:],
        _class_weights(recipe, self._train.labels, candidate.classes),
    )
    self._traced: set[object] = set()
    self.epochs: tuple[Epoch, ...] = ()
    saved = _load(path, self._state, warn)
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
    """Trains until `stop` epochs are done, and saves the checkpoint.

    Args:
      stop: Epochs done afterwards.
      listener: Told of every epoch with the candidate's name.
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
            Report(self.candidate.name, listener, history),
            *callbacks,
        ],
        model=self._function.model,
    )
    saved = time.monotonic()
    try:
      for epoch in range(len(self.epochs), stop):
        callback_list.on_epoch_begin(epoch)
        logs = self._epoch(epoch)
        callback_list.on_epoch_end(epoch, logs)
        self.epochs = tuple(history.epochs)
        if (
            epoch + 1 == stop or time.monotonic() - saved > CHECKPOINT_SECONDS
        ) and self._path:
          self.save()
          saved = time.monotonic()
    finally:
      self.epochs = tuple(history.epochs)
    return self.epochs

  def save(self) -> None:
    """Writes the checkpoint."""
    arrays = {
        name: ops.convert_to_numpy(value)
        for name, value in self._state._asdict().items()
    }
    checkpoints.save(self._path, Checkpoint(arrays, self.epochs))

  def _epoch(self, epoch: int) -> dict[str, float]:
    images, labels = self._train.images, self._train.labels
    batch = min(self._recipe.batch_size, len(labels))
    steps = len(labels) // batch
    order = np.random.default_rng([self._seed, epoch]).permutation(len(labels))
    totals, seconds = _no_totals(), 0.0
    for step in range(steps):
      number = epoch * steps + step
      chosen = order[step * batch : (step + 1) * batch]
      settings = StepSettings(
          np.float32(
              learning_rate(self._recipe, number, steps, self._total_epochs)
          ),
          np.float32(ema_decay(self._recipe, number)),
          np.uint32(number),
      )
      (self._state, totals), spent = self._timed(
          self._train_step,
          self._state,
          totals,
          images[chosen],
          labels[chosen],
          settings,
      )
      seconds += spent
    validation, spent = self._validate()
    start = time.perf_counter()  # A device may still be at it.
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
    images, labels = self._val.images, self._val.labels
    totals, seconds = _no_totals(), 0.0
    batch = even_batch(len(labels), EVALUATION_BATCH)
    for start in range(0, len(labels), batch):
      part = slice(start, start + batch)
      totals, spent = self._timed(
          self._evaluate_step,
          self._state,
          totals,
          *fill(images[part], labels[part], batch),
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


def _load(path: Path | None, state: State, warn) -> Checkpoint | None:
  try:
    saved = checkpoints.load(path) if path else None
    if saved is not None:
      checkpoints.check_shapes(path, saved, _shapes(state))
    return saved
  except ValueError as error:
    warn(f"{error}; this candidate is trained anew")
    return None


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
  return {n: tuple(v.shape) for n, v in state._asdict().items()}


def load_trained(candidate: Candidate, path: Path) -> keras.Model:
  """Returns the candidate's network with the averaged weights of a checkpoint.

  Args:
    candidate: What was trained.
    path: The checkpoint's file.

  Raises:
    ValueError: The file is missing, damaged or of another network.
  """
  saved = checkpoints.load(path)
  if saved is None:
    raise ValueError(f"{path}: no such checkpoint")
  function = FunctionalModel(first_weights.build(candidate))
  checkpoints.check_shapes(path, saved, _shapes(initial_state(function)))
  return function.set_weights(
      saved.arrays["average"], saved.arrays["statistics"]
  )
