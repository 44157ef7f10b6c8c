"""A small network, and a data set of noise."""

import keras
import numpy as np
import pytest

from elite_tf.data.sources import Dataset, Description, Split


@pytest.fixture
def noise():
  """30 images of two classes in each part."""
  rng = np.random.default_rng(0)
  split = Split(
    rng.integers(0, 256, (30, 8, 8, 1), dtype=np.uint8),
    (np.arange(30) % 2).astype(np.int32),
  )
  # Every part has pixels of its own, so that it shows which one was used.
  parts = [Split(split.images // n, split.labels) for n in (1, 2, 4)]
  description = Description("noise", 2, 1, 8, 8, ("no", "yes"), 90)
  return Dataset(description, *parts)


@pytest.fixture(scope="module")
def network():
  """A network for it, its weights drawn."""
  keras.utils.set_random_seed(3)
  image = keras.Input((8, 8, 1))
  x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(image)
  x = keras.layers.GlobalAveragePooling2D()(x)
  x = keras.layers.Dense(2, activation="softmax")(x)
  return keras.Model(image, x, name="small")
