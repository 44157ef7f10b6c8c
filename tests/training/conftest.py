"""Data and networks small enough to train in every test."""

import dataclasses

import numpy as np
import pytest

from elite_tf.data import sources
from elite_tf.data.sources import Split
from elite_tf.networks.pool import make_pool


@pytest.fixture(scope="session")
def tiny_data():
  """60 digits to train with and 30 to validate."""
  data = sources.load("digits")

  def first(split, count):
    return Split(split.images[:count], split.labels[:count])

  return dataclasses.replace(
    data, train=first(data.train, 60), val=first(data.val, 30)
  )


@pytest.fixture(scope="session")
def tiny_candidate():
  """Seven blocks, the fewest there are, at 16 pixels."""
  smallest = make_pool("elite", classes=10, channels=1, levels=6)[-1]
  return dataclasses.replace(smallest, resolution=16)


@pytest.fixture
def make_network():
  """A network with one layer of each kind that has weights or chance.

  As it is trained, or (`plain`) with Keras's own batch norm.
  """

  def make(dropout=0.0, seed=3, plain=False):
    import keras

    from elite_tf.training.batch_norm import BatchStatistics

    norm = keras.layers.BatchNormalization if plain else BatchStatistics
    keras.utils.set_random_seed(seed)
    image = keras.Input((6, 6, 1))
    x = keras.layers.Conv2D(4, 3, name="conv")(image)
    x = norm(epsilon=1e-3, name="norm")(x)
    x = keras.layers.Activation("swish")(x)
    x = keras.layers.DepthwiseConv2D(3, use_bias=False, name="depthwise")(x)
    x = norm(epsilon=1e-3, name="norm2")(x)
    x = keras.layers.Dropout(dropout, name="drop")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(dropout, name="drop2")(x)
    x = keras.layers.Dense(3, name="logits")(x)
    model = keras.Model(image, keras.layers.Activation("softmax")(x))
    # Weights that say something: scales of one and offsets of zero would hide
    # what is left out.
    draw = np.random.default_rng(seed)
    for variable in model.trainable_variables:
      noise = draw.normal(0, 0.2, variable.shape).astype(np.float32)
      variable.assign(variable.numpy() + noise)
    return model

  return make
