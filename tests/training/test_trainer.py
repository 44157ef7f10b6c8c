"""Training is repeatable: to the last bit, wherever it was interrupted."""

import dataclasses
import shutil
import threading

import keras
import numpy as np
import pytest

from elite_tf.data import preprocess
from elite_tf.data.batches import make_inputs
from elite_tf.data.sources import Split
from elite_tf.errors import CandidateFailed
from elite_tf.networks.pool import make_pool
from elite_tf.training import checkpoint, trainer
from elite_tf.training.recipe import Recipe
from elite_tf.training.steps import Totals
from elite_tf.training.trainer import Trainer, load_trained

EPOCHS = 4
RECIPE = Recipe(batch_size=25)  # Two steps an epoch; ten images are left over.


def _bits(path):
  """Everything that training changes, as bytes."""
  found = checkpoint.load(path)
  return {name: array.tobytes() for name, array in found.arrays.items()}


def _measured(epochs):
  """What the epochs measured, without the time it took."""
  return [dataclasses.replace(epoch, seconds=0.0) for epoch in epochs]


@pytest.fixture(scope="module")
def tiny_candidate(tiny_candidate):
  """Of the family with the fewest layers: here networks are mostly traced."""
  smallest = make_pool("lite", classes=10, channels=1, levels=6)[-1]
  return dataclasses.replace(smallest, resolution=tiny_candidate.resolution)


@pytest.fixture(scope="module")
def make(tiny_candidate, tiny_data):
  def make(path=None, seed=0, recipe=RECIPE, **options):
    return Trainer(
      tiny_candidate, tiny_data, EPOCHS, seed, recipe, path, **options
    )

  return make


@pytest.fixture(scope="module")
def through(make, tmp_path_factory):
  """A training that ran through; its checkpoint after every epoch."""
  folder = tmp_path_factory.mktemp("through")
  heard = []
  training = make(folder / "now.npz")
  for epoch in range(1, EPOCHS + 1):
    training.train(epoch, lambda name, done: heard.append((name, done)))
    shutil.copy(folder / "now.npz", folder / f"{epoch}.npz")
  return training, folder, heard


def test_epochs_are_counted_and_measured(through):
  training, _, _ = through
  assert [epoch.epoch for epoch in training.epochs] == [1, 2, 3, 4]
  for epoch in training.epochs:
    assert epoch.loss > 0 and epoch.val_loss > 0 and epoch.seconds > 0
    # Of two steps of 25 images, and of 30 images.
    assert epoch.accuracy * 50 == pytest.approx(round(epoch.accuracy * 50))
    assert epoch.val_accuracy * 30 == pytest.approx(
      round(epoch.val_accuracy * 30)
    )
  total = sum(epoch.seconds for epoch in training.epochs)
  assert 0 < training.first_step_seconds < total


@pytest.fixture
def seen(make, monkeypatch):
  """What the steps of three epochs are given; they compute nothing."""
  given = {"train": [], "evaluate": []}

  def make_steps(function, recipe, image_shape, class_weights, teacher):
    def train(state, totals, images, labels, settings):
      given["train"].append((images, labels, settings))
      return state, Totals(totals.loss + 50, totals.correct + 5)

    def evaluate(state, totals, images, labels):
      given["evaluate"].append((images, labels))
      return Totals(totals.loss + 60, totals.correct + len(labels))

    return train, evaluate

  monkeypatch.setattr(trainer, "make_steps", make_steps)
  return given, make().train(3)


def _known(split):
  """Image at the network's size -> its label; digits are all different."""
  images = preprocess.resize(split.images, 16)
  return dict(zip((image.tobytes() for image in images), split.labels))


def test_every_epoch_sees_the_images_in_another_order(seen, tiny_data):
  """Two steps of 25 of the 60 images, none of them twice."""
  given, _ = seen
  known = _known(tiny_data.train)
  orders = []
  for epoch in range(3):
    steps = given["train"][2 * epoch : 2 * epoch + 2]
    assert [len(images) for images, _, _ in steps] == [25, 25]
    order = [image.tobytes() for images, _, _ in steps for image in images]
    labels = [label for _, labels, _ in steps for label in labels]
    assert len(set(order)) == 50
    assert labels == [known[image] for image in order]
    orders.append(tuple(order))
  assert len(set(orders)) == 3
  # The ten that are left over are others every time.
  assert len({frozenset(order) for order in orders}) == 3


def test_steps_are_counted_through_all_epochs(seen):
  """Eight steps in all are the paper's 350 epochs: the first one is beyond the
  warm-up, and 0.97 falls due every 2.4 of the 350."""
  given, _ = seen
  settings = [settings for _, _, settings in given["train"]]
  assert [int(s.step) for s in settings] == [0, 1, 2, 3, 4, 5]
  for number, s in enumerate(settings):
    drops = int(350 / 8 * (number + 1) / 2.4)
    rate = 0.256 * 25 / 4096 * 0.97**drops
    assert s.learning_rate == pytest.approx(rate, rel=1e-6)
    assert s.ema_decay == pytest.approx((1 + number) / (10 + number))
    assert s.learning_rate.dtype == s.ema_decay.dtype == np.float32


def test_every_epoch_is_validated_on_all_images(seen, tiny_data):
  given, epochs = seen
  known = _known(tiny_data.val)
  assert len(given["evaluate"]) == 3
  for images, labels in given["evaluate"]:
    assert [known[image.tobytes()] for image in images] == labels.tolist()
    assert len(labels) == 30
  # Sums over the images seen become means: 100 / 50, 10 / 50, 60 / 30, all.
  for epoch in epochs:
    found = (epoch.loss, epoch.accuracy, epoch.val_loss, epoch.val_accuracy)
    assert found == (2, 0.2, 2, 1)


def test_validation_is_done_in_parts(seen, make, monkeypatch):
  given, _ = seen
  monkeypatch.setattr(trainer, "EVALUATION_BATCH", 20)
  given["evaluate"].clear()
  (epoch,) = make().train(1)
  assert [len(labels) for _, labels in given["evaluate"]] == [15, 15]
  assert epoch.val_accuracy == 1


def test_listener_hears_every_epoch_as_it_ends(through, tiny_candidate):
  training, _, heard = through
  assert heard == [(tiny_candidate.name, epoch) for epoch in training.epochs]


def test_same_seed_same_bits(through, make, tmp_path):
  training, folder, _ = through
  again = make(tmp_path / "again.npz")
  again.train(EPOCHS)
  assert _measured(again.epochs) == _measured(training.epochs)
  assert _bits(tmp_path / "again.npz") == _bits(folder / "4.npz")


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_interrupted_and_resumed_same_bits(through, make, tmp_path, epoch):
  training, folder, _ = through
  path = tmp_path / "checkpoint.npz"
  shutil.copy(folder / f"{epoch}.npz", path)
  resumed = make(path)
  assert resumed.epochs == training.epochs[:epoch]
  resumed.train(EPOCHS)
  assert _measured(resumed.epochs) == _measured(training.epochs)
  assert _bits(path) == _bits(folder / "4.npz")


def test_finished_training_is_not_trained_on(through, make):
  _, folder, _ = through
  finished = make(folder / "4.npz")
  before = _bits(folder / "4.npz")
  assert len(finished.train(EPOCHS)) == EPOCHS
  assert finished.first_step_seconds == 0
  assert _bits(folder / "4.npz") == before


def test_other_seed_other_bits(through, make, tmp_path):
  training, folder, _ = through
  other = make(tmp_path / "other.npz", seed=1)
  other.train(1)
  assert _measured(other.epochs) != _measured(training.epochs[:1])
  found, first = _bits(tmp_path / "other.npz"), _bits(folder / "1.npz")
  assert all(found[name] != first[name] for name in first)


def test_augmented_training_is_repeatable_too(
  tiny_candidate, tiny_data, through, tmp_path
):
  """Whatever the threads, interrupted or not; and not as without."""

  def train(name, stops, threads):
    path = tmp_path / name
    for stop in stops:
      inputs = make_inputs(tiny_data, 16, "light", threads)
      training = Trainer(tiny_candidate, inputs, EPOCHS, 0, RECIPE, path)
      training.train(stop)
    return _bits(path), _measured(training.epochs)

  first = train("first.npz", [2], 1)
  assert train("again.npz", [1, 2], 3) == first
  assert first[0] != _bits(through[1] / "2.npz")
  # Validation is of the images as they are.
  assert first[1][0].val_accuracy * 30 == round(first[1][0].val_accuracy * 30)


def test_no_thread_is_left_by_a_training_that_fails(
  tiny_candidate, tiny_data, monkeypatch
):
  inputs = make_inputs(tiny_data, 16, "light")
  training = Trainer(tiny_candidate, inputs, EPOCHS, 0, RECIPE)

  def fail(*_):
    raise CandidateFailed("planted")

  monkeypatch.setattr(training, "_train_step", fail)
  with pytest.raises(CandidateFailed, match="planted"):
    training.train(1)
  names = [thread.name for thread in threading.enumerate()]
  assert not [name for name in names if name.startswith("batches")]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied"])
def test_damaged_checkpoint_is_reported(through, make, tmp_path, damage, log):
  data = bytearray((through[1] / "2.npz").read_bytes())
  if damage == "flipped":
    data[len(data) // 2] ^= 1
  path = tmp_path / "checkpoint.npz"
  length = {"truncated": -100, "flipped": None, "emptied": 0}[damage]
  path.write_bytes(data[:length])
  fresh = make(path)
  (line,) = log.messages
  assert line == f"{path}: damaged checkpoint; this candidate is trained anew"
  assert fresh.epochs == ()


def test_goes_on_from_the_one_before_a_damaged_checkpoint(
  through, make, tmp_path, log
):
  _, folder, _ = through
  path = tmp_path / "checkpoint.npz"
  path.write_bytes((folder / "3.npz").read_bytes()[:-1])
  shutil.copy(folder / "2.npz", tmp_path / "checkpoint.previous.npz")
  resumed = make(path)
  assert len(resumed.epochs) == 2 and "epoch 2" in log.messages[0]
  resumed.train(EPOCHS)
  assert _bits(path) == _bits(folder / "4.npz")


def test_damaged_checkpoint_is_trained_anew_to_the_same_bits(
  through, make, tmp_path
):
  _, folder, _ = through
  path = tmp_path / "checkpoint.npz"
  path.write_bytes((folder / "3.npz").read_bytes()[:-1])
  make(path).train(EPOCHS)
  assert _bits(path) == _bits(folder / "4.npz")


def test_epoch_is_saved_when_it_is_told(through, make, tmp_path):
  """Ctrl-C at the end of epoch 3, the moment that is heard of it."""
  training, folder, _ = through
  path = tmp_path / "checkpoint.npz"

  def interrupt(name, epoch):
    if epoch.epoch == 3:
      raise KeyboardInterrupt

  interrupted = make(path)
  with pytest.raises(KeyboardInterrupt):
    interrupted.train(EPOCHS, interrupt)
  assert _bits(path) == _bits(folder / "3.npz")
  assert _measured(checkpoint.load(path).epochs) == _measured(
    training.epochs[:3]
  )


def test_loss_that_is_no_number_names_the_epoch(make, tmp_path):
  path = tmp_path / "checkpoint.npz"
  failing = make(path, recipe=dataclasses.replace(RECIPE, learning_rate=1e30))
  with pytest.raises(CandidateFailed) as caught:
    failing.train(EPOCHS)
  assert str(caught.value) in {
    f"{loss} became nan in epoch {number}"
    for loss in ("loss", "val_loss")
    for number in (1, 2)
  }
  number = int(str(caught.value)[-1])
  assert len(failing.epochs) == number - 1
  assert path.exists() == (number > 1)


def test_further_callbacks_are_called(through, make):
  calls = []

  class Mine(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
      calls.append(("begin", epoch, self.model.count_params() > 0))

    def on_epoch_end(self, epoch, logs=None):
      calls.append(("end", epoch, sorted(logs)))

  training = make(through[1] / "3.npz")
  training.train(4, callbacks=[Mine()])
  keys = ["accuracy", "loss", "seconds", "val_accuracy", "val_loss"]
  assert calls == [("begin", 3, True), ("end", 3, keys)]


def test_trained_network_is_the_one_that_was_measured(
  through, tiny_candidate, tiny_data
):
  """Its Keras model has the validation accuracy and loss of the last epoch."""
  training, folder, _ = through
  model = load_trained(tiny_candidate, folder / "4.npz")
  images = preprocess.preprocess(tiny_data.val.images, 16)
  logits = keras.Model(model.input, model.get_layer("logits").output)(images)
  logits = np.asarray(logits, np.float64)
  labels = tiny_data.val.labels
  last = training.epochs[-1]
  hits = (logits.argmax(axis=1) == labels).mean()
  assert last.val_accuracy == pytest.approx(hits)
  right = logits[np.arange(len(labels)), labels]
  losses = np.log(np.exp(logits).sum(axis=1)) - right
  assert last.val_loss == pytest.approx(losses.mean(), rel=1e-4)
  kinds = {type(layer) for layer in model.layers}
  assert keras.layers.BatchNormalization in kinds, "no layer of our own"
  assert all(kind.__module__.startswith("keras.") for kind in kinds)


def test_trained_network_needs_its_checkpoint(tiny_candidate, tmp_path):
  path = tmp_path / "checkpoint.npz"
  with pytest.raises(ValueError, match="no such checkpoint"):
    load_trained(tiny_candidate, path)
  path.write_bytes(b"nothing")
  with pytest.raises(ValueError, match="damaged checkpoint"):
    load_trained(tiny_candidate, path)


def test_fewer_images_than_a_batch_are_one_step(
  tiny_candidate, tiny_data, monkeypatch
):
  """The learning rate is that of as many images."""
  few = Split(tiny_data.train.images[:12], tiny_data.train.labels[:12])
  training = Trainer(
    tiny_candidate, dataclasses.replace(tiny_data, train=few), 1
  )
  batches = []

  def rate(recipe, *_):
    batches.append(recipe.batch_size)
    return 0.001

  monkeypatch.setattr(trainer, "learning_rate", rate)
  (epoch,) = training.train(1)
  assert batches == [12]
  assert epoch.accuracy * 12 == pytest.approx(round(epoch.accuracy * 12))
