"""Pictures of different sizes in one row of pixels."""

import numpy as np
import pytest

from elite_tf.data.sources import ragged, splits, types
from elite_tf.data.sources.ragged import Pixels, Ragged

PICTURES = [
  np.arange(6, dtype=np.uint8).reshape(2, 1, 3),
  np.arange(50, 65, dtype=np.uint8).reshape(1, 5, 3),
  np.arange(100, 136, dtype=np.uint8).reshape(3, 4, 3),
  np.array([[[7, 8, 9]]], np.uint8),
]


@pytest.fixture(params=["memory", "file"])
def images(request, tmp_path):
  if request.param == "memory":
    return Ragged.of(PICTURES)
  path = tmp_path / "pixels.bin"
  path.write_bytes(b"".join(picture.tobytes() for picture in PICTURES))
  places = [[0, 2, 1], [6, 1, 5], [21, 3, 4], [57, 1, 1]]
  return Ragged(Pixels(path), np.array(places), 3)


def _same(found, expected):
  assert len(found) == len(expected)
  for one, other in zip(found, expected, strict=True):
    assert one.dtype == np.uint8 and np.array_equal(one, other)


def test_pictures_are_what_was_put_in(images):
  _same(images, PICTURES)
  assert images.channels == 3
  assert np.array_equal(images[-1], PICTURES[-1])
  assert np.array_equal(images[np.int64(2)], PICTURES[2])


@pytest.mark.parametrize("index", [4, -5])
def test_no_picture_beyond_the_ends(images, index):
  with pytest.raises(IndexError):
    images[index]


def test_a_part_reads_no_pixel(images):
  part = images[np.array([2, 0, 2])]
  assert isinstance(part, Ragged) and part.pixels is images.pixels
  _same(part, [PICTURES[2], PICTURES[0], PICTURES[2]])
  _same(images[1:3], PICTURES[1:3])
  _same(part[[1]], [PICTURES[0]])


def test_pictures_of_a_file_cannot_be_written_to(tmp_path):
  path = tmp_path / "pixels.bin"
  path.write_bytes(bytes(3))
  picture = Ragged(Pixels(path), np.array([[0, 1, 1]]), 3)[0]
  with pytest.raises(ValueError, match="read-only"):
    picture[0, 0, 0] = 1


def test_pictures_outlive_memory_given_back(tmp_path, monkeypatch):
  """Views stay what they are when the pages beneath are given back."""
  monkeypatch.setattr(ragged, "RESIDENT_BYTES", 1 << 17)
  path = tmp_path / "pixels.bin"
  pixels = np.random.default_rng(0).integers(0, 256, 1 << 20, np.uint8)
  path.write_bytes(pixels.tobytes())
  places = [[i << 14, 128, 128] for i in range(64)]
  images = Ragged(Pixels(path), np.array(places), 1)
  views = list(images)
  path.unlink()  # Mapped files need no name.
  for number, view in enumerate(views):
    start = number << 14
    assert np.array_equal(view.ravel(), pixels[start : start + (1 << 14)])


def test_memory_given_back_is_not_counted(tmp_path, monkeypatch):
  """By the kernel's own figure of the pages of files that a process has."""
  monkeypatch.setattr(ragged, "RESIDENT_BYTES", 1 << 20)
  path = tmp_path / "pixels.bin"
  path.write_bytes(bytes(32 << 20))
  places = [[i << 18, 512, 512] for i in range(128)]
  images = Ragged(Pixels(path), np.array(places), 1)

  def resident():
    with open("/proc/self/status", encoding="utf-8") as file:
      (line,) = (line for line in file if line.startswith("RssFile"))
    return int(line.split()[1]) * 1024

  before, most = resident(), 0
  for image in images:
    assert image.sum() == 0
    most = max(most, resident())
  assert most - before < 8 << 20


def test_divide_cuts_pictures_of_different_sizes():
  pictures = [np.full((1 + i % 3, 2, 1), i, np.uint8) for i in range(40)]
  labels = np.arange(40, dtype=np.int32) % 2
  description = types.Description("made-up", 2, 1, 2, 2, ("a", "b"), 40)
  split = types.Split(Ragged.of(pictures), labels)
  data = splits.divide(description, split, None, 0, notes=("a note",))
  found = {}
  for part in (data.train, data.val, data.test):
    for image, label in zip(part.images, part.labels.tolist()):
      number = int(image[0, 0, 0])
      assert np.array_equal(image, pictures[number]) and label == number % 2
      found[number] = label
  assert len(found) == 40 and data.notes == ("a note",)


def test_divide_leaves_a_validation_part_alone():
  pictures = Ragged.of([np.full((1, 1, 1), i, np.uint8) for i in range(12)])
  labels = np.arange(12, dtype=np.int32) % 2
  description = types.Description("made-up", 2, 1, 1, 1, ("a", "b"), 12)
  rest = types.Split(pictures[:10], labels[:10])
  val = types.Split(pictures[10:], labels[10:])
  data = splits.divide(description, rest, None, 0, val=val)
  assert data.val is val
  # A fifth of the five of each class.
  assert (len(data.test.labels), len(data.train.labels)) == (2, 8)
