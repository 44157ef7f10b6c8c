"""Batches of images for a network, made while the network computes.

Images that are ready are only sliced. Others are resized and augmented by
threads, a few batches ahead, so that memory does not grow with the data set.
"""

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from elite_tf.data import augment as augmentations
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset, Split
from elite_tf.data.sources.resized import resized

# Resized images are held in memory up to this many bytes per split; a larger
# split is resized anew every time it is read.
HELD_BYTES = 1 << 29

# Batches made ahead, besides the one that each thread is making.
AHEAD = 2

# Last word of the seeds of the random generators. NumPy fills a seed up with
# zeros; with this word the draws never equal those of an epoch's order.
_STREAM = 1


class Batches:
  """A split at a network's resolution, read in batches.

  Attributes:
    labels: int32, (n,).
    shape: (height, width, channels) of each image.
  """

  def __init__(
    self,
    split: Split,
    resolution: int,
    crop: bool = False,
    augmentation: str = "none",
    threads: int = 1,
    held_bytes: int = HELD_BYTES,
    cache: Path | None = None,
    part: str = "images",
    flip: bool | None = None,
  ):
    """Resizes the images, if they fit in memory or in the cache.

    Args:
      split: Images as stored.
      resolution: Height and width of the network's input, in pixels.
      crop: Whether the central square leaves out an image's edge, see
        `elite_tf.data.crop.central_square`. Augmentations that take images
        as stored crop in their own way.
      augmentation: One of `elite_tf.data.augment.NAMES`.
      threads: Number of threads that resize and augment.
      held_bytes: Most bytes that resized images may take in memory.
      cache: Folder that keeps resized images of any number; None keeps none.
      part: Beginning of their name in the cache.
      flip: Whether images are mirrored, too; None leaves it to the augmentation.
    """
    # Pillow is loaded where images are changed, not where they are sliced.
    from elite_tf.data.augment.pipelines import get_augmentation

    self.labels = split.labels
    self.shape = (resolution, resolution, split.images[0].shape[-1])
    self._resolution = resolution
    self._crop = crop
    self._threads = threads
    chosen = get_augmentation(augmentation, crop, flip)
    self._apply = chosen.apply
    self._images = split.images
    needed = len(self.labels) * int(np.prod(self.shape))
    fits = needed <= held_bytes or cache is not None
    self._ready = not chosen.stored and fits
    self._resizes = not chosen.stored and not self._ready
    if self._ready:
      self._images = resized(split.images, resolution, crop, cache, part)

  def read(
    self, parts: Sequence[np.ndarray | slice], key: Sequence[int] = ()
  ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields one batch after another; close the generator to stop its threads.

    Args:
      parts: For each batch, the positions of its images.
      key: Seed and epoch, at most two whole numbers. Together with the number
        of the batch they decide every random draw.

    Yields:
      Images, uint8, (n, height, width, channels), and labels, int32, (n,).

    Raises:
      Exception: Any error of making a batch.
    """
    if self._ready and self._apply is None:
      for part in parts:
        yield self._images[part], self.labels[part]
      return
    waiting = collections.deque()
    with ThreadPoolExecutor(self._threads, "batches") as executor:
      try:
        for number, part in enumerate(parts):
          future = executor.submit(self._make, part, (*key, number))
          waiting.append((future, part))
          if len(waiting) > self._threads + AHEAD:
            made, done = waiting.popleft()
            yield made.result(), self.labels[done]
        while waiting:
          made, done = waiting.popleft()
          yield made.result(), self.labels[done]
      finally:
        executor.shutdown(cancel_futures=True)

  def _make(self, part: np.ndarray | slice, key: tuple[int, ...]) -> np.ndarray:
    words = [*key, *(3 - len(key)) * [0], _STREAM]
    rng = np.random.default_rng(words)
    positions = np.arange(len(self.labels))[part]
    batch = np.empty((len(positions), *self.shape), np.uint8)
    for target, position in zip(batch, positions):
      image = self._images[int(position)]
      if self._resizes:
        (image,) = preprocess.resize(image[None], self._resolution, self._crop)
      if self._apply is not None:
        image = self._apply(image, self._resolution, rng)
      target[...] = image
    return batch


@dataclasses.dataclass(frozen=True)
class Inputs:
  """What a network is trained and validated on.

  Attributes:
    train: Augmented training images.
    val: Validation images, preprocessed as for evaluation.
  """

  train: Batches
  val: Batches


def make_inputs(
  data: Dataset,
  resolution: int,
  augment: str = "none",
  threads: int = 1,
  cache: Path | None = None,
  flip: str = "auto",
) -> Inputs:
  """Returns a data set's training and validation images for a network.

  Args:
    data: Images as stored.
    resolution: Height and width of the network's input, in pixels.
    augment: One of `elite_tf.data.augment.NAMES`; empty means the one that
      `elite_tf.data.augment.choose` chooses.
    threads: Number of threads per split that resize and augment.
    cache: Folder that keeps resized images; None keeps none.
    flip: One of `elite_tf.data.augment.FLIPS`, chosen likewise if "auto".
  """
  choice = augmentations.choose(data.description, augment, flip)
  crop = preprocess.crops(data.description)
  return Inputs(
    Batches(
      data.train,
      resolution,
      crop,
      choice.augment,
      threads,
      HELD_BYTES,
      cache,
      "train",
      choice.flip == "always",
    ),
    Batches(
      data.val, resolution, crop, "none", threads, HELD_BYTES, cache, "val"
    ),
  )
