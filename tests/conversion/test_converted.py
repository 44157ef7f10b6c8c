"""What a conversion is made and measured with."""

import dataclasses

import numpy as np
import pytest

from elite_tf.conversion import converted
from elite_tf.conversion.champion_metrics import keras_answers, metrics_of
from elite_tf.conversion.quantize.types import Quantized, Trial
from elite_tf.conversion.tflite import convert
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset, Description, Split
from elite_tf.runs.settings import Settings

TRIAL = Trial("spy", "spy", 0.5, 1, 2, 3.0, {})
SPY = Settings(quantize="spy", calibration_images=30)


def test_conversion_calibrates_on_train_and_measures_on_test(
  network, noise, monkeypatch
):
  data = noise
  seen = {}

  def method(model, material):
    seen["calibration"] = material.calibration
    seen["val"], seen["train"] = material.val, material.train()
    return Quantized(convert.float32(model), 1.0, TRIAL)

  monkeypatch.setitem(converted.METHODS, "spy", method)
  conversions = converted.convert(network, data, SPY)
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
  answers = keras_answers(network, data.test).classes
  assert (answers == data.test.labels).mean() == pytest.approx(expected)


def test_accuracy_and_calibration_are_of_the_image_that_training_sees(
  network, monkeypatch
):
  """Of photographs the centre: 7/8 of 9 pixels are 8."""
  rng = np.random.default_rng(0)
  # Noise about the edge of what the network is to see.
  images = rng.integers(0, 256, (30, 9, 9, 1), dtype=np.uint8)
  split = Split(images, (np.arange(30) % 2).astype(np.int32))
  centre = preprocess.scale(np.ascontiguousarray(images[:, :8, :8]))
  description = Description(
    "noise", 2, 1, 9, 9, ("no", "yes"), 90, photographs=True
  )
  data = Dataset(description, split, split, split)
  seen = []

  def method(model, material):
    seen.extend([material.calibration, material.val.images[:]])
    return Quantized(convert.float32(model), 1.0, TRIAL)

  monkeypatch.setitem(converted.METHODS, "spy", method)
  conversions = converted.convert(network, data, SPY)
  assert np.array_equal(np.sort(seen[0].ravel()), np.sort(centre.ravel()))
  assert np.array_equal(preprocess.scale(seen[1]), centre)
  right = network.predict(centre, verbose=0).argmax(-1) == split.labels
  assert conversions["spy"].verification.accuracy == pytest.approx(right.mean())
  metrics = metrics_of(network, data, conversions)
  assert metrics.test_accuracy_float == pytest.approx(right.mean())
  assert dataclasses.asdict(metrics.preprocessing) == {
    "resolution": 8,
    "crop": True,
    "filter": "bicubic",
    "pixel_zero": 128,
    "pixel_scale": 1 / 128,
    "crop_eighths": 7,
  }


@pytest.mark.parametrize("method", ["int8", "int16x8"])
def test_the_float_network_is_converted_once(
  network, noise, monkeypatch, method
):
  convert_float, converted_models = convert.float32, []

  def counted(model):
    converted_models.append(model)
    return convert_float(model)

  monkeypatch.setattr(convert, "float32", counted)
  settings = Settings(quantize=method, calibration_images=5)
  assert set(converted.convert(network, noise, settings)) == {"float", method}
  assert sum(model is network for model in converted_models) == 1


def test_a_difference_on_other_images_is_mended(network, noise, monkeypatch):
  """Few test images: those of the other splits find it; scales are changed."""
  seen = []

  def compared(model, images, labels):
    seen.append((model, images[:]))
    differs = np.array_equal(images[:], noise.val.images)
    differs &= not model.endswith(b"aligned")
    return dataclasses.replace(real(plain, images, labels), equal=not differs)

  real, plain = converted.compare, convert.float32(network)
  quantized = Quantized(plain, 1.0, TRIAL)
  monkeypatch.setitem(converted.METHODS, "spy", lambda *_: quantized)
  monkeypatch.setattr(converted, "compare", compared)
  monkeypatch.setattr(
    converted.align_mul, "align", lambda model: model + b"aligned"
  )
  found = converted.convert(network, noise, SPY)["spy"]
  assert found.model == plain + b"aligned"
  assert found.verification.images == len(noise.test.labels)
  ours = [images for model, images in seen if model == found.model]
  for images, split in zip(ours, (noise.test, noise.val, noise.train)):
    assert np.array_equal(images, split.images)
  assert len(ours) == 3


def test_float_is_compared_evenly_and_measured_on_the_whole_split(
  network, noise
):
  """Of 130 images in the order of the classes; 64 are run."""
  rng = np.random.default_rng(1)
  images = rng.integers(0, 256, (130, 8, 8, 1), dtype=np.uint8)
  test = Split(images, np.repeat([0, 1], 65).astype(np.int32))
  data = dataclasses.replace(noise, test=test)
  conversions = converted.convert(network, data, Settings(quantize="none"))
  verification = conversions["float"].verification
  assert verification.images == 64
  assert np.sum(verification.confusion, axis=1).tolist() == [32, 32]
  metrics = metrics_of(network, data, conversions)
  answers = network.predict(preprocess.scale(images), verbose=0).argmax(-1)
  right = (answers == test.labels).mean()
  assert metrics.float_.accuracy == pytest.approx(right)
  found = metrics.conversions["float"]
  assert (found.accuracy, found.balanced_accuracy) == (None, None)
  assert (found.confusion, found.recall) == ((), ())
