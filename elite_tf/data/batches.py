"""From a data set's pictures to batches for the network, made in time.

Pictures that need nothing but their slice are sliced. Others are made by
threads while the network computes, a few batches ahead: what is in memory does
not grow with the data set.
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

# Resized images are held in memory up to this many bytes a split; more of them
# are resized anew every time they are read.
HELD_BYTES = 1 << 29

# Batches made ahead, beside the one that each thread is at.
AHEAD = 2

# Last word of the generators' seeds. A seed is filled up with zeros: with this
# the draws are not those of the epoch's order, whatever epoch and batch.
_STREAM = 1


class Batches:
  """A split as a network takes it, read in batches.

  Attributes:
    labels: int32 (n,).
    shape: (height, width, channels) of an image.
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
  ):
    """Resizes the images, if they are to be held.

    Args:
      split: As stored.
      resolution: Of the network, in pixels.
      crop: Whether the central square leaves out an image's edge, see
        `elite_tf.data.preprocess.central_square`. Augmentations of whole pictures
        crop in their own way.
      augmentation: One of `elite_tf.data.augment.NAMES`.
      threads: That make batches, where they have to be made.
      held_bytes: Most that resized images may take in memory.
      cache: Folder where resized images are kept, however many; None keeps
        none.
      part: Their name there.
    """
    # Pillow is loaded where pictures are changed, not where they are sliced.
    from elite_tf.data.augment.pipelines import get_augmentation

    self.labels = split.labels
    self.shape = (resolution, resolution, split.images[0].shape[-1])
    self._resolution = resolution
    self._crop = crop
    self._threads = threads
    chosen = get_augmentation(augmentation, photographs=crop)
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
    """Yields batch after batch; to be closed if it is not read to its end.

    Args:
      parts: Of every batch the positions of its images.
      key: At most two whole numbers, seed and epoch; with a batch's number they
        alone decide what chance does to its images.

    Yields:
      uint8 (n, height, width, channels) and int32 (n,).

    Raises:
      Exception: Whatever making a batch raised.
    """
    if self._ready and self._apply is None:
      for part in parts:
        yield self._images[part], self.labels[part]
      return
    waiting = collections.deque()
    with ThreadPoolExecutor(self._threads, "batches") as pool:
      try:
        for number, part in enumerate(parts):
          waiting.append((pool.submit(self._make, part, (*key, number)), part))
          if len(waiting) > self._threads + AHEAD:
            made, done = waiting.popleft()
            yield made.result(), self.labels[done]
        while waiting:
          made, done = waiting.popleft()
          yield made.result(), self.labels[done]
      finally:
        pool.shutdown(cancel_futures=True)

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
    train: Training images, augmented.
    val: Validation images, as evaluation sees them.
  """

  train: Batches
  val: Batches


def prepare(
  data: Dataset,
  resolution: int,
  augment: str = "none",
  threads: int = 1,
  cache: Path | None = None,
) -> Inputs:
  """Returns a data set's training and validation images for a network.

  Args:
    data: As stored.
    resolution: Of the network, in pixels.
    augment: One of `elite_tf.data.augment.NAMES`; empty means by the data.
    threads: That make batches, where they have to be made.
    cache: Folder where resized images are kept; None keeps none.
  """
  augment = augment or augmentations.choose(data.description)
  crop = preprocess.crops(data.description)
  return Inputs(
    Batches(
      data.train,
      resolution,
      crop,
      augment,
      threads,
      HELD_BYTES,
      cache,
      "train",
    ),
    Batches(
      data.val, resolution, crop, "none", threads, HELD_BYTES, cache, "val"
    ),
  )
