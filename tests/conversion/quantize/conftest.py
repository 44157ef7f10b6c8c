"""A small network of the families' blocks, trained on digits."""

import dataclasses
import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest

from elite_tf.conversion.quantize import Material, Options
from elite_tf.data import preprocess, sources
from elite_tf.data.sources import Split
from elite_tf.networks.families.efficientnet import Block, Network
from elite_tf.networks.keras_layers import build_layers
from elite_tf.networks.pool import make_pool

SIDE = 8  # Pixels, as stored.


def _blocks():
  """Two inverted bottlenecks, the second with a skip."""
  first = Block("block2a", 8, 24, 4, 12, 3, 2, True, 0.0)
  second = dataclasses.replace(
      first, name="block2b", channels_in=12, channels_out=12, stride=1,
      channels_squeezed=4, drop=0.1,
  )  # fmt: skip
  return first, second


def _build():
  candidate = dataclasses.replace(
    make_pool("elite", 10, 1, 32)[-1], resolution=SIDE
  )
  network = Network(candidate, "swish")
  name = network.convolution("stem", "image", 8, 3, 1)
  for block in _blocks():
    name = network.bottleneck(block, name)
  name = network.convolution("head", name, 48, 1, 1)
  network.classifier(name, 10)
  image = keras.Input((SIDE, SIDE, 1), name="image")
  return keras.Model(image, build_layers(network.layers, image), name="small")


@pytest.fixture(scope="session")
def digits():
  return sources.load("digits")


@pytest.fixture(scope="session")
def trained(digits):
  """The network; it is right about nine of ten validation images or more."""
  keras.utils.set_random_seed(1)
  network = _build()
  for layer in network.layers:  # Few steps: statistics have to follow fast.
    if isinstance(layer, keras.layers.BatchNormalization):
      layer.momentum = 0.8
  network.compile(
    keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy"
  )
  network.fit(
      preprocess.scale(digits.train.images), digits.train.labels,
      epochs=12, batch_size=50, verbose=0,
  )  # fmt: skip
  return network


@pytest.fixture(scope="session")
def make_material(digits):
  def make(calibration=None, **options):
    if calibration is None:
      calibration = preprocess.scale(digits.train.images[:200])
    # Of the 211 and 355 images both: one is 0.2 %.
    judged = Split(
      np.concatenate([digits.val.images, digits.test.images]),
      np.concatenate([digits.val.labels, digits.test.labels]),
    )
    return Material(
      calibration, judged, lambda: digits.train, Options(**options)
    )

  return make


@pytest.fixture(scope="session")
def tfmot_student():
  """`tfmot_student` as a module: tests are no package."""
  for package in ("tf_keras", "tensorflow_model_optimization"):
    pytest.importorskip(package, reason="the extra `reference` is missing")
  path = Path(__file__).with_name("tfmot_student.py")
  spec = importlib.util.spec_from_file_location("tfmot_student", path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module
