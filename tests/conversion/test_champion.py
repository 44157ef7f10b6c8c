"""Calibration images and the files of a champion."""

import json

import keras
import numpy as np
import pytest

from elite_tf.conversion import calibration_images, champion
from elite_tf.conversion.quantize.types import Quantized, Trial
from elite_tf.conversion.tflite import convert
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset, Description, Split
from elite_tf.errors import VerificationFailed

TRIAL = Trial("spy", "spy", 0.5, 1, 2, 3.0, {})


def _data(count=30):
  rng = np.random.default_rng(0)
  split = Split(
    rng.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8),
    (np.arange(count) % 2).astype(np.int32),
  )
  # Every part has pixels of its own, so that it shows which one was used.
  parts = [Split(split.images // n, split.labels) for n in (1, 2, 4)]
  description = Description("noise", 2, 1, 8, 8, ("no", "yes"), 3 * count)
  return Dataset(description, *parts)


@pytest.fixture(scope="module")
def network():
  keras.utils.set_random_seed(3)
  image = keras.Input((8, 8, 1))
  x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(image)
  x = keras.layers.GlobalAveragePooling2D()(x)
  x = keras.layers.Dense(2, activation="softmax")(x)
  return keras.Model(image, x, name="small")


def test_calibration_images_are_of_the_training_split_and_all_different():
  data = _data()
  chosen = calibration_images.calibration_images(data.train, 8, 10, seed=0)
  assert chosen.shape == (10, 8, 8, 1)
  train = preprocess.scale(data.train.images)
  found = [
    int(np.flatnonzero((train == one).all(axis=(1, 2, 3)))[0]) for one in chosen
  ]
  assert len(set(found)) == 10


def test_calibration_images_depend_on_the_seed_and_end_where_the_split_does():
  data = _data()
  draw = [
    calibration_images.calibration_images(data.train, 8, 10, s)
    for s in (0, 0, 1)
  ]
  assert np.array_equal(draw[0], draw[1])
  assert not np.array_equal(draw[0], draw[2])
  assert len(calibration_images.calibration_images(data.train, 8, 99, 0)) == 30


def test_balanced_calibration_has_the_same_share_of_every_class():
  labels = np.array([0] * 20 + [1] * 7 + [2] * 3, np.int32)
  # The pixels say which class it is.
  images = np.repeat(labels.astype(np.uint8), 64).reshape(30, 8, 8, 1)
  train = Split(images, labels)

  def classes(count, balance):
    chosen = calibration_images.calibration_images(
      train, 8, count, 0, balance=balance
    )
    return np.bincount((chosen[:, 0, 0, 0] * 128 + 128).astype(int)).tolist()

  assert classes(9, True) == [3, 3, 3]
  assert classes(15, True) == [6, 6, 3], "all three there are of the last"
  assert classes(30, True) == classes(30, False) == [20, 7, 3]
  assert classes(9, False) != [3, 3, 3]


def test_conversion_calibrates_on_train_and_measures_on_test(
  network, monkeypatch
):
  data = _data()
  seen = {}

  def method(model, material):
    seen["calibration"] = material.calibration
    seen["val"], seen["train"] = material.val, material.train()
    return Quantized(champion.tflite.float32(model), 1.0, TRIAL)

  monkeypatch.setitem(champion.METHODS, "spy", method)
  conversions = champion.convert(network, data, "spy", 30, 0)
  assert set(conversions) == {"float", "spy"}
  # Sorted pixels: the images come in another order.
  assert np.array_equal(
    np.sort(seen["calibration"].ravel()),
    np.sort(preprocess.scale(data.train.images).ravel()),
  )
  assert np.array_equal(seen["val"].images[:], data.val.images)
  assert np.array_equal(seen["train"].labels, data.train.labels)
  answers = network.predict(
    preprocess.scale(data.test.images), verbose=0
  ).argmax(-1)
  expected = (answers == data.test.labels).mean()
  assert conversions["spy"].verification.images == 30
  assert conversions["spy"].verification.accuracy == pytest.approx(expected)
  answers = champion.keras_answers(network, data.test).classes
  assert (answers == data.test.labels).mean() == pytest.approx(expected)


def test_accuracy_and_calibration_are_of_the_image_that_training_sees(
  network, monkeypatch
):
  """Of photographs the centre: 8 / (8 + 32) of 40 pixels are 8."""
  rng = np.random.default_rng(0)
  # Noise about the edge of what the network is to see.
  images = rng.integers(0, 256, (30, 40, 40, 1), dtype=np.uint8)
  split = Split(images, (np.arange(30) % 2).astype(np.int32))
  centre = preprocess.scale(np.ascontiguousarray(images[:, 16:24, 16:24]))
  description = Description(
    "noise", 2, 1, 40, 40, ("no", "yes"), 90, photographs=True
  )
  data = Dataset(description, split, split, split)
  seen = []

  def method(model, material):
    seen.extend([material.calibration, material.val.images[:]])
    return Quantized(convert.float32(model), 1.0, TRIAL)

  monkeypatch.setitem(champion.METHODS, "spy", method)
  conversions = champion.convert(network, data, "spy", 30, 0)
  assert np.array_equal(np.sort(seen[0].ravel()), np.sort(centre.ravel()))
  assert np.array_equal(preprocess.scale(seen[1]), centre)
  right = network.predict(centre, verbose=0).argmax(-1) == split.labels
  assert conversions["spy"].verification.accuracy == pytest.approx(right.mean())
  metrics = champion.metrics_of(network, data, conversions)
  assert metrics["test_accuracy_float"] == pytest.approx(right.mean())
  assert metrics["preprocessing"] == {
    "resolution": 8,
    "crop": True,
    "crop_margin": 32,
    "filter": "bicubic",
    "pixel_zero": 128,
    "pixel_scale": 1 / 128,
  }


def test_accuracy_of_many_images_is_computed_in_parts(network, monkeypatch):
  split = _data().test
  whole = champion.keras_answers(network, split)
  monkeypatch.setattr(champion, "EVALUATION_BATCH", 7)
  parts = champion.keras_answers(network, split)
  assert np.array_equal(parts.classes, whole.classes)
  assert parts.probabilities == pytest.approx(whole.probabilities, abs=1e-6)


def test_files_are_written_together(network, tmp_path):
  folder = tmp_path / "champions" / "small"
  metrics = champion.write_champion(folder, network, _data(), "int8", 10, 0)
  assert json.loads((folder / "metrics.json").read_text()) == metrics
  assert (folder / "labels.txt").read_text() == "no\nyes\n"
  size = (folder / "model_int8.tflite").stat().st_size
  assert metrics["conversions"]["int8"]["tflite_bytes"] == size
  assert [path.name for path in folder.parent.iterdir()] == ["small"]


def test_a_failed_verification_leaves_nothing(network, tmp_path, monkeypatch):
  def fail(*_):
    raise VerificationFailed("planted")

  monkeypatch.setattr(champion, "require_equal", fail)
  with pytest.raises(VerificationFailed, match="planted"):
    champion.write_champion(tmp_path / "c", network, _data(), "none", 10, 0)
  assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(network, tmp_path, monkeypatch):
  def fail(*_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr("os.replace", fail)
  with pytest.raises(OSError, match="No space"):
    champion.write_champion(tmp_path / "c", network, _data(), "none", 10, 0)
  assert not list(tmp_path.iterdir())


def test_what_is_converted_has_the_form_asked_for(network, tmp_path):
  other = keras.models.clone_model(network)
  other.set_weights([-weight for weight in network.get_weights()])
  data = _data()
  metrics = champion.write_champion(
    tmp_path / "c", network, data, "none", 10, 0, form=lambda model: other
  )
  images = preprocess.scale(data.test.images)
  answers = other.predict(images, verbose=0).argmax(-1) == data.test.labels
  assert metrics["conversions"]["float"]["accuracy"] == pytest.approx(
    answers.mean()
  )
  saved = keras.saving.load_model(tmp_path / "c" / "model.keras")
  assert np.array_equal(saved.get_weights()[0], network.get_weights()[0])
