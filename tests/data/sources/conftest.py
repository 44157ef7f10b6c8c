"""Data sets small enough to write for every test, in each source's format."""

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elite_tf.errors import ConfigError

TFDS_WRITER = Path(__file__).with_name("tfds_writer.py")


def _idx_bytes(array):
  """The idx format by its specification, not by the code under test."""
  header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
  return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_bytes():
  return _idx_bytes


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def write_folder():
  """Writes pictures into DIR/PART/CLASS/NUMBER.png, or DIR/CLASS/... ."""

  def write(folder, **parts):
    for part, (images, labels) in parts.items():
      above = folder if part == "all" else folder / part
      for number, (image, label) in enumerate(zip(images, labels)):
        path = above / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder

  return write


@pytest.fixture(scope="session")
def write_tfds():
  """Prepares a data set by TensorFlow Datasets, in a process of its own."""

  def write(folder, name, names, form="png", **splits):
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"names": np.array(names)}
    for split, (images, labels) in splits.items():
      arrays[f"{split}_labels"] = np.array(labels, np.int64)
      for number, image in enumerate(images):
        arrays[f"{split}_{number}"] = image
    path = folder / f"{name}.npz"
    np.savez(path, **arrays)
    done = subprocess.run(
      [sys.executable, TFDS_WRITER, path, name, folder, form],
      env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
      capture_output=True,
      text=True,
      check=False,
      timeout=200,
    )
    assert done.returncode == 0, done.stderr
    path.unlink()
    return folder

  return write


@pytest.fixture(scope="session")
def photographs():
  """Cuts n different pieces of 80 to 119 pixels out of two photographs."""
  from sklearn.datasets import load_sample_images

  sources = load_sample_images().images  # A temple in China, a flower.

  def cut(count, seed=0):
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
      top, left = generator.integers(0, (300, 500)).tolist()
      height, width = generator.integers(80, 120, 2).tolist()
      found.append(sources[number % 2][top : top + height, left : left + width])
    return found

  return cut


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
