"""Batches: the right images, whatever the threads, and none left behind."""

import threading
import time

import numpy as np
import pytest

from elite_tf.data import batches, preprocess
from elite_tf.data.batches import Batches, make_inputs
from elite_tf.data.sources import Dataset, Description, Split


def _split(count=23, side=20, channels=3):
  rng = np.random.default_rng(0)
  shape = (count, side, side + 4, channels)
  return Split(
    rng.integers(0, 256, shape, np.uint8), np.arange(count, dtype=np.int32)
  )


def _ragged(count=23):
  """Pictures of different sizes."""
  rng = np.random.default_rng(0)
  return Split(
    [rng.integers(0, 256, (17 + i, 40 - i, 3), np.uint8) for i in range(count)],
    np.arange(count, dtype=np.int32),
  )


PARTS = [np.array(p) for p in ([3, 1, 20], [0, 22, 5], [7, 8, 9], [11, 10])]


def _read(made, parts=PARTS, key=(0, 0)):
  return list(made.read(parts, key))


def _threads():
  return [t.name for t in threading.enumerate() if t.name.startswith("batches")]


@pytest.mark.parametrize("held_bytes", [1 << 20, 0])
@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("make", [_split, _ragged])
def test_without_augmentation_it_is_evaluations_image(make, crop, held_bytes):
  """Held in memory or made anew, the bytes are the same."""
  split = make()
  made = Batches(split, 16, crop, held_bytes=held_bytes)
  assert made.shape == (16, 16, 3)
  for part, (images, labels) in zip(PARTS, _read(made), strict=True):
    expected = preprocess.resize([split.images[i] for i in part], 16, crop)
    assert images.dtype == np.uint8 and (images == expected).all()
    assert labels.dtype == np.int32 and labels.tolist() == part.tolist()


def test_slices_without_augmentation_are_views_made_by_nobody():
  split = _split(side=16)
  square = Split(split.images[:, :, 2:18], split.labels)
  made = Batches(square, 16)
  ((images, _),) = made.read([slice(4, 9)])
  assert np.shares_memory(images, square.images)
  reading = made.read(PARTS)
  next(reading)
  assert not _threads()


def test_slices_and_positions_are_the_same():
  split = _split()
  for augmentation, held in (("cifar10", 1 << 20), ("none", 0)):
    made = Batches(split, 16, False, augmentation, held_bytes=held)
    ((found, _),) = made.read([slice(20, 50)], (0, 0))
    ((expected, _),) = made.read([np.arange(20, 23)], (0, 0))
    assert (found == expected).all()


@pytest.mark.parametrize("augmentation", ["light", "cifar10", "imagenet"])
def test_chance_is_a_function_of_seed_epoch_and_batch(augmentation):
  split = _ragged()

  def pixels(threads, key, parts=PARTS, held_bytes=1 << 20):
    made = Batches(split, 16, False, augmentation, threads, held_bytes)
    return [images.tobytes() for images, _ in _read(made, parts, key)]

  first = pixels(1, (3, 5))
  assert first == pixels(3, (3, 5)) == pixels(1, (3, 5), held_bytes=0)
  for key in ((3, 6), (4, 5), (5, 3)):
    assert not set(first) & set(pixels(1, key))
  # The same images again are changed in another way.
  again = pixels(1, (3, 5), [PARTS[0]] * 3)
  assert again[0] == first[0] and len(set(again)) == 3


def test_draws_are_not_those_of_the_order():
  """NumPy fills seeds up with zeros: [7, 2] and [7, 2, 0] are the same."""
  order = np.random.default_rng([7, 2]).random(4)
  seen = []
  made = Batches(_split(), 16, False, "light")
  made._apply = lambda image, resolution, rng: seen.append(rng.random(4)) or 0
  list(made.read([np.array([0])], (7, 2)))
  assert not np.isclose(seen[0], order).any()


def _slow(made, log, seconds=0.0, fails=None):
  """Replaces the augmentation by one that keeps a log."""

  def apply(image, resolution, rng):
    log.append(image[0, 0, 0])
    time.sleep(seconds)
    if fails is not None and len(log) >= fails:
      raise OSError("cannot be read")
    return image

  made._apply = apply
  return made


def test_few_batches_are_made_ahead():
  log = []
  made = _slow(Batches(_split(), 16, False, "light", threads=2), log)
  reading = made.read([np.array([i]) for i in range(20)])
  next(reading)
  deadline = time.monotonic() + 5
  while len(log) < 5 and time.monotonic() < deadline:
    time.sleep(0.01)
  time.sleep(0.1)
  # The one read, and as many as there are threads and two.
  assert len(log) == 1 + 2 + batches.AHEAD
  assert len(list(reading)) == 19 and len(log) == 20


def test_an_error_reaches_the_reader_and_no_thread_is_left():
  made = _slow(Batches(_split(), 16, False, "light", 2), [], fails=5)
  with pytest.raises(OSError, match="cannot be read"):
    list(made.read([np.array([i]) for i in range(20)]))
  assert not _threads()


def test_no_thread_is_left_when_reading_stops():
  log = []
  made = _slow(Batches(_split(), 16, False, "light", 2), log, seconds=0.01)
  reading = made.read([np.array([i]) for i in range(23)])
  next(reading)
  assert _threads()
  reading.close()
  assert not _threads() and len(log) < 23


def test_what_was_to_be_made_ahead_is_not_when_reading_stops():
  log = []
  made = _slow(Batches(_split(), 16, False, "light"), log, seconds=0.2)
  reading = made.read([np.array([i]) for i in range(20)])
  next(reading)
  reading.close()
  # The one read, the one being made; without this there would be four.
  assert len(log) <= 3


def test_images_are_held_only_if_they_fit():
  split = _split(side=40)
  bytes_ = 23 * 16 * 16 * 3
  fits = Batches(split, 16, held_bytes=bytes_)
  assert fits._images.shape == (23, 16, 16, 3)
  too_large = Batches(split, 16, held_bytes=bytes_ - 1)
  assert too_large._images is split.images
  # An augmentation that crops takes them as they are stored.
  assert Batches(split, 16, False, "imagenet")._images is split.images


@pytest.mark.parametrize("photographs", [False, True])
@pytest.mark.parametrize("name", ["", "none", "imagenet"])
def test_make_inputs(name, photographs):
  """Validation is never augmented; photographs are cropped."""
  split = _split(side=70)
  description = Description(
    "d", 23, 3, 70, 74, ("c",) * 23, 69, photographs=photographs
  )
  data = Dataset(description, split, split, split)
  found = make_inputs(data, 32, name)
  expected = preprocess.resize(split.images, 32, photographs)
  ((images, _),) = found.val.read([slice(None)])
  assert (images == expected).all()
  ((images, _),) = found.train.read([slice(None)], (0, 0))
  assert (images == expected).all() == (name == "none")
