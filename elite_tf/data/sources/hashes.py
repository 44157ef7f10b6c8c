"""Hashes of pixels: the same images in two parts, or other images than before.

A hash has 64 bits: among a million images, the probability that two different
ones have the same is less than one in ten million.
"""

import hashlib
from collections.abc import Iterable

import numpy as np

from elite_tf.data.sources.types import Dataset, Split


def hash_image(image: np.ndarray) -> int:
  """Returns the hash of an image, uint8, (height, width, channels)."""
  # Of one colour, a high and a wide image have the same bytes.
  found = hashlib.blake2b(
    digest_size=8, salt=b"%dx%d" % (image.shape[0], image.shape[1])
  )
  found.update(np.ascontiguousarray(image))
  return int.from_bytes(found.digest(), "little")


def hash_images(images: Iterable[np.ndarray]) -> np.ndarray:
  """Returns the hash of each image, uint64, (n,)."""
  return np.fromiter(map(hash_image, images), np.uint64)


def hashed(data: Dataset) -> dict[str, Split]:
  """Returns the parts of a data set, by name, with the hashes of their images.

  Sources that decode pictures have hashed them already.
  """
  parts = {"train": data.train, "val": data.val, "test": data.test}
  return {
    name: split
    if split.hashes is not None
    else Split(split.images, split.labels, hash_images(split.images))
    for name, split in parts.items()
  }


def digest(parts: dict[str, Split]) -> str:
  """Returns a digest of all images and labels, in their parts and order.

  Args:
    parts: As `hashed` returns them.
  """
  found = hashlib.sha256()
  for name, split in parts.items():
    found.update(f"{name} {len(split.labels)} ".encode())
    found.update(np.ascontiguousarray(split.hashes, "<u8"))
    found.update(np.ascontiguousarray(split.labels, "<i4"))
  return found.hexdigest()[:16]


def duplicates(parts: dict[str, Split]) -> tuple[str, ...]:
  """Returns a note about images that are in two parts; () if there are none.

  Args:
    parts: As `hashed` returns them.
  """
  train, val, test = (parts[name] for name in ("train", "val", "test"))
  held = [
    ("test", test, [train, val], "training or validation"),
    ("validation", val, [train], "training"),
  ]
  texts = []
  for name, split, others, where in held:
    count, disagree = _count(split, others)
    if count:
      texts.append(
        f"{count:,} of {len(split.labels):,} {name} images are {where} images"
        " too" + (f" ({disagree:,} as another class)" if disagree else "")
      )
  if not texts:
    return ()
  return (
    f"the same pixels twice: {'; '.join(texts)}; accuracy on these says nothing"
    " about new images",
  )


def _count(split: Split, others: list[Split]) -> tuple[int, int]:
  """Returns how many images others have, and how many not with that class."""
  known = np.concatenate([other.hashes for other in others])
  labels = np.concatenate([other.labels for other in others])
  found = np.isin(split.hashes, known)
  # The class changes the hash, so that both are compared at once.
  agreed = np.isin(_mixed(split.hashes, split.labels), _mixed(known, labels))
  return int(found.sum()), int((found & ~agreed).sum())


def _mixed(hashes: np.ndarray, labels: np.ndarray) -> np.ndarray:
  odd = np.uint64(0x9E3779B97F4A7C15)
  return hashes ^ (labels.astype(np.uint64) + np.uint64(1)) * odd
