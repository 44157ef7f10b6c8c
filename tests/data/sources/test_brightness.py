"""Pixels that are not on the scale from 0 to 255."""

import numpy as np
import pytest
from PIL import Image

from elite_tf.data import sources


@pytest.fixture
def spec(request, tmp_path, write_idx):
  """Writes images, (60, 8, 8), as one of three kinds of data."""
  labels = np.arange(60) % 3

  def write(images):
    if request.param == "npz":
      np.savez(tmp_path / "a.npz", x=images, y=labels)
      return f"npz:{tmp_path / 'a.npz'}"
    if request.param == "idx":
      half = {"x_train": images[:30], "y_train": labels[:30],
              "x_test": images[30:], "y_test": labels[30:]}  # fmt: skip
      return f"idx:{write_idx(tmp_path / 'data', half)}"
    for number, image in enumerate(images):
      path = tmp_path / "data" / "abc"[number % 3] / f"{number}.png"
      path.parent.mkdir(parents=True, exist_ok=True)
      Image.fromarray(image).save(path)
    return f"folder:{tmp_path / 'data'}"

  return write


def _images(high):
  generator = np.random.default_rng(0)
  images = generator.integers(0, high + 1, (60, 8, 8), np.uint8)
  images[0, 0, :2] = 0, high
  return images


KINDS = pytest.mark.parametrize("spec", ["npz", "idx", "folder"], indirect=True)


@KINDS
def test_zero_and_one_are_refused(spec, complaint):
  line = complaint(sources.load, spec(_images(1)))
  assert line.endswith(
    "must have pixels from 0 to 255. Received: only 0 and 1; multiply them by"
    " 255"
  )


@KINDS
def test_dark_images_are_told(spec):
  (note,) = [
    n for n in sources.load(spec(_images(16))).notes if n.startswith("dark")
  ]
  assert "the brightest pixel of all is 16 of 255" in note
  assert note.endswith("multiply all by 15.9")


@KINDS
def test_one_value_is_told(spec):
  notes = sources.load(spec(np.full((60, 8, 8), 255, np.uint8))).notes
  told = "every pixel of every image is 255: nothing can be learned"
  assert told in notes


@KINDS
def test_nothing_is_said_of_usual_images(spec):
  notes = sources.load(spec(_images(200))).notes
  assert not [n for n in notes if "pixel" in n]


def test_colour_among_grey_is_told(tmp_path):
  """The three are not among the fifty that are looked at first."""
  for number in range(200):
    path = tmp_path / "ab"[number % 2] / f"{number:03}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = "RGB" if number in (2, 4, 6) else "L"
    Image.new(mode, (4, 4), 100 + number % 100).save(path)
  data = sources.load(f"folder:{tmp_path}")
  assert data.description.channels == 1
  (note,) = [n for n in data.notes if "in colour" in n]
  assert note.startswith("3 of 200 pictures are in colour and are made grey")
