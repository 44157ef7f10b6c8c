"""Every method of quantization, on a network of a family."""

import json

import keras
import numpy as np
import pytest

from elite_tf.conversion.quantize import (
  METHODS,
  Material,
  Options,
)
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.conversion.verify.compare import compare
from elite_tf.data import preprocess, sources
from elite_tf.data.sources import Split
from elite_tf.errors import ConfigError
from elite_tf.networks import to_keras
from elite_tf.networks.pool import make_pool
from elite_tf.system.records import to_json


@pytest.fixture(scope="module")
def network():
  """The smallest HF network, of weights that tell images apart."""
  keras.utils.set_random_seed(0)
  built = to_keras.build(make_pool("hf", 10, 1, 32, levels=6)[-1])
  built.get_layer("logits").bias.assign(np.linspace(-1, 1, 10))
  return built


@pytest.fixture(scope="module")
def material():
  data = sources.load("digits")

  def resized(split, count):
    images = preprocess.resize(split.images[:count], 16)
    return Split(images, split.labels[:count])

  train = resized(data.train, 60)
  return Material(
    preprocess.scale(train.images[:20]),
    resized(data.val, 50),
    lambda: train,
    Options(qat_epochs=1),
  )


@pytest.mark.parametrize("name", METHODS)
def test_every_method_ends_in_integers_that_boards_compute_alike(
  name, network, material
):
  found = METHODS[name](network, material)
  inspection = inspect(found.model)
  assert inspection.float_tensors == ()
  assert (
    inspection.input.dtype == {"int8": "int8", "int16x8": "int16"}[found.kind]
  )
  assert inspection.output.dtype == "int8"
  trial = found.taken
  assert trial.kind == found.kind
  assert trial.tflite_bytes == len(found.model)
  verified = compare(found.model, material.val.images, material.val.labels)
  assert verified.arena_bytes == trial.arena_bytes
  report = json.loads(json.dumps(to_json(found.report())))
  assert report["kind"] == found.kind
  assert [t["method"] for t in report["tried"]][-1:] == [trial.method]


def test_one_calibration_image_is_enough(network, material):
  one = Material(material.calibration[:1], material.val, material.train)
  assert METHODS["int8"](network, one).kind == "int8"
  none = Material(material.calibration[:0], material.val, material.train)
  with pytest.raises(ConfigError, match="at least one image"):
    METHODS["int8"](network, none)


def test_weights_that_are_no_numbers_are_refused(material):
  broken = to_keras.build(make_pool("hf", 10, 1, 32, levels=6)[-1])
  broken.get_layer("logits").bias.assign(np.full(10, np.nan))
  for method in METHODS.values():
    with pytest.raises(ConfigError, match="not finite numbers"):
      method(broken, material)
