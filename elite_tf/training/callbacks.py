"""Keras callbacks of a search."""

from collections.abc import Callable

import keras

from elite_tf.errors import CandidateFailed
from elite_tf.types import Epoch


class AccuracyHistory(keras.callbacks.Callback):
  """Records the loss and accuracy of every epoch, by which criteria decide.

  Works in the search's own training and in `keras.Model.fit` (compiled with
  metrics=["accuracy"], with validation data). `seconds` is 0 if the logs do not
  have it, as in `keras.Model.fit`.

  Attributes:
    epochs: The epochs so far, in order.
  """

  def __init__(self, epochs: tuple[Epoch, ...] = ()):
    super().__init__()
    self.epochs = list(epochs)

  def on_epoch_end(self, epoch, logs=None):
    """Adds the epoch (Keras counts from 0, `Epoch` from 1)."""
    logs = logs or {}
    self.epochs.append(
      Epoch(
        epoch=epoch + 1,
        loss=float(logs["loss"]),
        accuracy=float(logs["accuracy"]),
        val_loss=float(logs["val_loss"]),
        val_accuracy=float(logs["val_accuracy"]),
        seconds=float(logs.get("seconds", 0.0)),
      )
    )


class StopOnNonFinite(keras.callbacks.Callback):
  """Stops a training whose loss is no longer finite."""

  def on_epoch_end(self, epoch, logs=None):
    """Raises `CandidateFailed` if a loss is NaN or infinite."""
    for name in ("loss", "val_loss"):
      value = float((logs or {}).get(name, 0.0))
      if not abs(value) < float("inf"):
        raise CandidateFailed(f"{name} became {value} in epoch {epoch + 1}")


class EpochListener(keras.callbacks.Callback):
  """Calls a function with every epoch."""

  def __init__(self, name: str, listener: Callable[[str, Epoch], None],
               history: AccuracyHistory):  # fmt: skip
    super().__init__()
    self._name = name
    self._listener = listener
    self._history = history

  def on_epoch_end(self, epoch, logs=None):
    """Passes on the last epoch of the history."""
    self._listener(self._name, self._history.epochs[-1])
