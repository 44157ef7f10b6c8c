"""Data sets small enough to write for every test, in each source's format."""

import gzip
import struct

import numpy as np
import pytest

from elite_tf.errors import ConfigError


def _idx_bytes(array):
  """The idx format by its specification, not by the code under test."""
  header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
  return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_bytes():
  return _idx_bytes


@pytest.fixture
def write_idx():
  """Writes the four files of an idx folder."""

  def write(folder, arrays, packed=False, dot=False):
    folder.mkdir(parents=True, exist_ok=True)
    for part, images, labels in (
        ("train", "x_train", "y_train"),
        ("t10k", "x_test", "y_test"),
    ):
      for kind, key in (("images-idx3", images), ("labels-idx1", labels)):
        name = f"{part}-{kind.replace('-', '.') if dot else kind}-ubyte"
        data = _idx_bytes(arrays[key])
        if packed:
          (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
          (folder / name).write_bytes(data)
    return folder

  return write


@pytest.fixture
def tiny():
  """Three classes of 3x2 images: 12 to train with, 6 to test."""
  return {
      "x_train": np.arange(72, dtype=np.uint8).reshape(12, 3, 2),
      "y_train": np.array([0, 1, 2] * 4, np.uint8),
      "x_test": np.arange(100, 136, dtype=np.uint8).reshape(6, 3, 2),
      "y_test": np.array([2, 1, 0] * 2, np.uint8),
  }


@pytest.fixture(scope="session")
def digits():
  """scikit-learn's digits as uint8 pixels and labels."""
  from sklearn.datasets import load_digits

  bunch = load_digits()
  pixels = [
      [[round(v * 255 / 16) for v in row] for row in image]
      for image in bunch.images.tolist()
  ]
  return np.array(pixels, np.uint8), bunch.target.astype(np.uint8)


@pytest.fixture
def complaint():
  """Calls a function and returns the one line that it complains with."""

  def call(function, *arguments):
    with pytest.raises(ConfigError) as caught:
      function(*arguments)
    line = str(caught.value)
    assert line and line == " ".join(line.split()), "not one line"
    return line

  return call
