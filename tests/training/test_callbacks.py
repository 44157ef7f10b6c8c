"""The callbacks under Keras's own `fit`."""

import keras
import numpy as np
import pytest

from elite_tf.errors import CandidateFailed
from elite_tf.training.callbacks import (
  AccuracyHistory,
  EpochListener,
  StopOnNonFinite,
)
from elite_tf.types import Epoch

LOGS = {"loss": 2.0, "accuracy": 0.5, "val_loss": 3.0, "val_accuracy": 0.25}


def _fit(callbacks, epochs=3, **options):
  keras.utils.set_random_seed(0)
  draw = np.random.default_rng(0)
  images, labels = draw.normal(size=(40, 5)), draw.integers(0, 3, 40)
  model = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
  model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
  return model.fit(
      images, labels, validation_data=(images[:9], labels[:9]),
      epochs=epochs, verbose=0, callbacks=callbacks, **options,
  )  # fmt: skip


def test_history_is_fits_own():
  history = AccuracyHistory()
  fitted = _fit([history]).history
  assert [epoch.epoch for epoch in history.epochs] == [1, 2, 3]
  for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
    found = [getattr(epoch, name) for epoch in history.epochs]
    assert found == fitted[name]
    assert all(type(value) is float for value in found)
  assert {epoch.seconds for epoch in history.epochs} == {0.0}


def test_history_goes_on_from_earlier_epochs():
  earlier = (Epoch(1, 2.0, 0.5, 3.0, 0.25, 1.5),)
  history = AccuracyHistory(earlier)
  _fit([history], initial_epoch=1)
  assert [epoch.epoch for epoch in history.epochs] == [1, 2, 3]
  assert history.epochs[0] is earlier[0]
  assert earlier == (Epoch(1, 2.0, 0.5, 3.0, 0.25, 1.5),)


def test_seconds_are_taken_where_they_are_measured():
  history = AccuracyHistory()
  history.on_epoch_end(6, {**LOGS, "seconds": 1.25})
  assert history.epochs == [Epoch(7, 2.0, 0.5, 3.0, 0.25, 1.25)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["loss", "val_loss"])
def test_loss_that_is_no_number_stops(name, value):
  with pytest.raises(CandidateFailed) as caught:
    StopOnNonFinite().on_epoch_end(4, {**LOGS, name: value})
  assert str(caught.value) == f"{name} became {value} in epoch 5"


def test_losses_that_are_numbers_go_on():
  StopOnNonFinite().on_epoch_end(0, LOGS)
  StopOnNonFinite().on_epoch_end(0, {"loss": 0.0, "val_loss": 1e30})
  StopOnNonFinite().on_epoch_end(0)


def test_fit_is_stopped():
  class Spoil(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
      if epoch == 1:
        self.model.layers[-1].bias.assign([float("nan")] * 3)

  with pytest.raises(CandidateFailed, match="loss became nan in epoch 2"):
    _fit([Spoil(), StopOnNonFinite()])


def test_report_passes_on_what_the_history_noted():
  heard = []
  history = AccuracyHistory()
  report = EpochListener("mine", lambda *told: heard.append(told), history)
  _fit([history, report])
  assert heard == [("mine", epoch) for epoch in history.epochs]
