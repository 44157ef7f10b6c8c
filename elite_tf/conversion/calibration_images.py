"""The images that quantization works with: which, and at what size."""

import numpy as np

from elite_tf.conversion.quantize import Material, Options
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset, Split


def calibration_images(
  train: Split,
  resolution: int,
  count: int,
  seed: int,
  crop: bool = False,
  balance: bool = False,
) -> np.ndarray:
  """Returns float32 images of the training split, drawn by the seed.

  Args:
    train: The training split; no other calibrates.
    resolution: The network's, in pixels.
    count: Images wanted; all there are if fewer.
    seed: Decides which.
    crop: As `elite_tf.data.preprocess.central_square` has it.
    balance: Whether every class has the same share, as far as its images go.
  """
  order = np.random.default_rng([seed, len(train.labels)]).permutation(
    len(train.labels)
  )
  if balance:
    order = order[_rank_in_class(train.labels[order]).argsort(kind="stable")]
  return preprocess.preprocess(train.images[order[:count]], resolution, crop)


def _rank_in_class(labels: np.ndarray) -> np.ndarray:
  """Returns for each label how many of the same come before it."""
  ranks = np.empty(len(labels), np.int64)
  for label in np.unique(labels):
    where = np.flatnonzero(labels == label)
    ranks[where] = np.arange(len(where))
  return ranks


def material(
  data: Dataset, resolution: int, count: int, seed: int, options: Options
) -> Material:
  """Returns what a method of quantization works with.

  Args:
    data: Calibrates and trains (train split) and decides (val split).
    resolution: The network's, in pixels.
    count: Training images that calibrate.
    seed: Decides which, and the order in which images train.
    options: What was chosen.
  """
  crop = preprocess.crops(data.description)

  def resized(split: Split) -> Split:
    images = preprocess.Resized(split.images, resolution, crop)
    return Split(images, split.labels)

  calibration = calibration_images(
    data.train, resolution, count, seed, crop, options.calibration_balance
  )
  return Material(
    calibration, resized(data.val), lambda: resized(data.train), options, seed
  )
