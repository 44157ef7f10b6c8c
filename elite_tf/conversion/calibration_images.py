"""Images for quantization: how they are drawn and resized."""

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
  """Draws images of the training split for calibration.

  Args:
    train: The training split; images of other splits must not calibrate.
    resolution: Side of the input, in pixels.
    count: Number of images; all images are used if there are fewer.
    seed: Seed of the draw.
    crop: As in `elite_tf.data.crop.central_square`.
    balance: Whether each class has the same number of images, as far as it has
      enough.

  Returns:
    float32 (n, resolution, resolution, channels), preprocessed.
  """
  order = np.random.default_rng([seed, len(train.labels)]).permutation(
    len(train.labels)
  )
  if balance:
    order = order[_rank_in_class(train.labels[order]).argsort(kind="stable")]
  return preprocess.preprocess(train.images[order[:count]], resolution, crop)


def _rank_in_class(labels: np.ndarray) -> np.ndarray:
  """Returns for each label the number of equal labels before it."""
  ranks = np.empty(len(labels), np.int64)
  for label in np.unique(labels):
    where = np.flatnonzero(labels == label)
    ranks[where] = np.arange(len(where))
  return ranks


def make_material(
  data: Dataset, resolution: int, count: int, seed: int, options: Options
) -> Material:
  """Prepares the images that a method of quantization works with.

  Args:
    data: Data set: the train split calibrates and trains, the val split decides.
    resolution: Side of the input, in pixels.
    count: Number of training images that calibrate.
    seed: Seed of the draw and of the order of training images.
    options: Options of quantization.
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
