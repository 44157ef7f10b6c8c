"""Real pictures: crops of the two photographs that scikit-learn comes with."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def photographs():
  """Two uint8 (427, 640, 3)."""
  from sklearn.datasets import load_sample_images

  return load_sample_images().images


@pytest.fixture(scope="session")
def picture(photographs):
  """A pagoda before the sky, RGB, 50 wide and 40 high."""
  return Image.fromarray(photographs[0]).resize((50, 40))


@pytest.fixture(scope="session")
def flower(photographs):
  """The other photograph, L, 32 wide and 48 high."""
  image = photographs[1][:, 150:435]
  return Image.fromarray(image).convert("L").resize((32, 48))


class Fixed:
  """A source of chance that says what it is told to, in turn."""

  def __init__(self, *values):
    self.values = list(values)

  def random(self):
    return self.values.pop(0)

  def integers(self, *arguments):
    return self.values.pop(0)

  def uniform(self, *arguments):
    return self.values.pop(0)


@pytest.fixture
def fixed():
  return Fixed


@pytest.fixture
def rng():
  return np.random.default_rng(0)
