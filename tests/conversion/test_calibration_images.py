"""The images that calibrate: which, and how many of each class."""

import numpy as np

from elite_tf.conversion import calibration_images
from elite_tf.data import preprocess
from elite_tf.data.sources import Split


def test_calibration_images_are_of_the_training_split_and_all_different(
  noise,
):
  chosen = calibration_images.calibration_images(noise.train, 8, 10, seed=0)
  assert chosen.shape == (10, 8, 8, 1)
  train = preprocess.scale(noise.train.images)
  found = [
    int(np.flatnonzero((train == one).all(axis=(1, 2, 3)))[0]) for one in chosen
  ]
  assert len(set(found)) == 10


def test_calibration_images_depend_on_the_seed_and_end_where_the_split_does(
  noise,
):
  draw = [
    calibration_images.calibration_images(noise.train, 8, 10, s)
    for s in (0, 0, 1)
  ]
  assert np.array_equal(draw[0], draw[1])
  assert not np.array_equal(draw[0], draw[2])
  assert len(calibration_images.calibration_images(noise.train, 8, 99, 0)) == 30


def test_balanced_calibration_has_the_same_share_of_every_class():
  labels = np.array([0] * 20 + [1] * 7 + [2] * 3, np.int32)
  # The pixels say which class it is.
  images = np.repeat(labels.astype(np.uint8), 64).reshape(30, 8, 8, 1)
  train = Split(images, labels)

  def classes(count, balance):
    chosen = calibration_images.calibration_images(
      train, 8, count, 0, balance=balance
    )
    return np.bincount((chosen[:, 0, 0, 0] * 128 + 128).astype(int)).tolist()

  assert classes(9, True) == [3, 3, 3]
  assert classes(15, True) == [6, 6, 3], "all three there are of the last"
  assert classes(30, True) == classes(30, False) == [20, 7, 3]
  assert classes(9, False) != [3, 3, 3]
