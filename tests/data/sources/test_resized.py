"""Images at a network's size, in files that all workers map."""

import os

import numpy as np
import pytest
from PIL import Image

from elite_tf.data.sources import resized as layer
from elite_tf.data.sources.ragged import Pixels, Ragged
from elite_tf.data.sources.resized import resized


@pytest.fixture
def pieces(photographs):
  return photographs(20)


def _ragged(folder, pieces):
  """The pieces in a file, as the decoded cache has them."""
  folder.mkdir()
  (folder / "pixels.bin").write_bytes(b"".join(p.tobytes() for p in pieces))
  places = Ragged.of(pieces).places
  return Ragged(Pixels(folder / "pixels.bin"), places, 3)


def _expected(piece, size):
  side = min(piece.shape[:2])
  top, left = ((s - side) // 2 for s in piece.shape[:2])
  square = Image.fromarray(piece[top : top + side, left : left + side])
  return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))


def test_resized_images_are_a_mapped_file(pieces, tmp_path, monkeypatch):
  images = _ragged(tmp_path / "pieces-1", pieces)
  root = tmp_path / "cache"
  first = resized(images, 24, root=root, part="train", least_bytes=1)
  assert isinstance(first, layer.Images)
  assert first.shape == (20, 24, 24, 3) and first[0].dtype == np.uint8
  for image, piece in zip(first, pieces, strict=True):
    assert np.array_equal(image, _expected(piece, 24))
  with pytest.raises(ValueError, match="read-only"):
    first[0][0] = 1
  (name,) = os.listdir(root)
  assert name.startswith("train-r24-")
  # The second time nothing is resized, by whatever process.
  monkeypatch.setattr(layer.preprocess, "resize", None)
  second = resized(images, 24, root=root, part="train", least_bytes=1)
  assert np.array_equal(first[:], second[:])
  positions = np.array([3, 19, 3])
  assert np.array_equal(second[positions], first[:][positions])


def test_what_differs_has_a_file_of_its_own(pieces, tmp_path):
  one = _ragged(tmp_path / "pieces-1", pieces)
  other = _ragged(tmp_path / "pieces-2", pieces)
  array = np.stack([_expected(piece, 30) for piece in pieces])
  changed = array.copy()
  changed[3, 4, 5, 2] ^= 1
  root = tmp_path / "cache"
  for images, size, crop in (
      (one, 24, False), (one, 25, False), (one, 24, True), (other, 24, False),
      (one[:10], 24, False), (one[np.arange(20)[::-1]], 24, False),
      (array, 24, False), (changed, 24, False), (Ragged.of(pieces), 24, False),
  ):  # fmt: skip
    for _ in range(2):
      found = resized(images, size, crop, root, "train", least_bytes=1)
      assert found.shape == (len(images), size, size, 3)
  assert len(os.listdir(root)) == 9


def test_crop_is_that_of_evaluation(pieces, tmp_path):
  images = _ragged(tmp_path / "pieces-1", pieces)
  found = resized(images, 24, True, tmp_path / "cache", least_bytes=1)
  assert np.array_equal(found[:], layer.preprocess.resize(images, 24, True))


def test_little_stays_in_memory(pieces, tmp_path):
  size = 20 * 24 * 24 * 3
  root = tmp_path / "cache"
  resized(Ragged.of(pieces), 24, root=root, least_bytes=size + 1)
  assert not root.exists()
  resized(Ragged.of(pieces), 24, root=root, least_bytes=size)
  assert root.exists()


def test_without_a_cache_it_is_made_in_memory(pieces):
  found = resized(Ragged.of(pieces), 24, least_bytes=1)
  assert np.array_equal(found[7], _expected(pieces[7], 24))


def test_a_cut_file_is_made_again(pieces, tmp_path):
  images = _ragged(tmp_path / "pieces-1", pieces)
  root = tmp_path / "cache"
  resized(images, 24, root=root, least_bytes=1)
  (file,) = root.rglob("*.npy")
  file.write_bytes(file.read_bytes()[:5000])
  found = resized(images, 24, root=root, least_bytes=1)
  assert np.array_equal(found[19], _expected(pieces[19], 24))
