"""The same pixels in two parts, and whether data are those of before."""

import shutil

import numpy as np
import pytest
from PIL import Image

from elite_tf.data import sources
from elite_tf.data.sources import Dataset, Description, Split, hashes

DESCRIPTION = Description("d", 2, 1, 4, 4, ("a", "b"), 10)


@pytest.fixture
def images():
  """Thirty different images."""
  generator = np.random.default_rng(0)
  return generator.integers(0, 256, (30, 4, 4, 1), np.uint8)


def _split(images, labels):
  return Split(np.array(images), np.array(labels, np.int32))


def _parts(train, val, test):
  return hashes.hashed(Dataset(DESCRIPTION, train, val, test))


def test_shape_counts():
  """High and wide, of one colour: the bytes are the same."""
  high, wide = np.zeros((4, 2, 1), np.uint8), np.zeros((2, 4, 1), np.uint8)
  assert hashes.hash_image(high) != hashes.hash_image(wide)
  assert hashes.hash_image(high) == hashes.hash_image(high.copy())


def test_strides_do_not_count(images):
  turned = np.asfortranarray(images[0])
  assert hashes.hash_image(turned) == hashes.hash_image(images[0])


def test_nothing_twice(images):
  labels = np.arange(10) % 2
  parts = _parts(*(_split(images[i : i + 10], labels) for i in (0, 10, 20)))
  assert hashes.duplicates(parts) == ()


def test_twice_and_as_another_class(images):
  labels = np.arange(10) % 2
  train = _split(images[:10], labels)
  # One that validates and trains, with one label.
  val = _split([images[3], *images[10:15]], [1, *labels[:5]])
  # Of training two, one with another label; of validation one.
  test = _split([*images[[0, 1, 12]], *images[20:25]], [1, 1, 1, *labels[:5]])
  assert hashes.duplicates(_parts(train, val, test)) == (
    "the same pixels twice: 3 of 8 test images are training or validation"
    " images too (2 as another class); 1 of 6 validation images are training"
    " images too; accuracy on these says nothing about new images",
  )


def test_digest_is_that_of_pixels_labels_and_order(images):
  labels = np.arange(10) % 2
  train, val, test = (_split(images[i : i + 10], labels) for i in (0, 10, 20))
  digest = hashes.digest(_parts(train, val, test))
  assert digest == hashes.digest(_parts(train, val, test))
  pixel = images[:10].copy()
  pixel[3, 2, 1] ^= 1
  others = [
    (_split(pixel, labels), val, test),
    (_split(images[:10], 1 - labels), val, test),
    (_split(images[:10][::-1], labels[::-1]), val, test),
    (val, train, test),
    (_split(images[:9], labels[:9]), val, test),
  ]
  assert digest not in [hashes.digest(_parts(*parts)) for parts in others]


def test_decoded_pictures_are_hashed_once(tmp_path, monkeypatch, images):
  """Copies of a picture with other bytes are the same picture."""
  for part, count in (("train", 8), ("test", 4)):
    for number in range(count):
      path = tmp_path / part / "ab"[number % 2] / f"{number}.png"
      path.parent.mkdir(parents=True, exist_ok=True)
      picture = Image.fromarray(images[number + count][..., 0])
      picture.save(path)
  # Number 8 of the images, as BMP, among the test pictures.
  there = tmp_path / "train" / "a" / "0.png"
  Image.open(there).save(tmp_path / "test" / "b" / "x.bmp")
  store = sources.Store(tmp_path / ".cache")
  data = sources.load(f"folder:{tmp_path}", 0, store)
  (note,) = hashes.duplicates(hashes.hashed(data))
  assert "1 of 5 test images are" in note and "(1 as another class)" in note
  monkeypatch.setattr(hashes, "hash_image", None)
  again = sources.load(f"folder:{tmp_path}", 0, store)
  assert hashes.digest(hashes.hashed(again)) == hashes.digest(
    hashes.hashed(data)
  )
  # Where the hashes are gone, all is decoded again.
  for path in (tmp_path / ".cache").rglob("hashes.npy"):
    path.unlink()
  monkeypatch.undo()
  again = sources.load(f"folder:{tmp_path}", 0, store)
  assert again.test.hashes.tolist() == data.test.hashes.tolist()
  shutil.rmtree(tmp_path / ".cache")
