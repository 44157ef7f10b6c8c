"""What every source asks of its images and labels."""

import collections
import itertools
from collections.abc import Iterable, Mapping

from elite_tf.errors import ConfigError


def image_shape(
  shape: tuple[int, ...], where: str
) -> tuple[int, int, int, int]:
  """Reads a stored shape as (images, height, width, channels).

  Args:
    shape: (n, height, width), grey, or (n, height, width, channels).
    where: The file, and the array in it, for the message.

  Returns:
    The shape with its channels, 1 where the file names none.

  Raises:
    ConfigError: If it is not the shape of grey or RGB images, or holds none.
  """
  full = (*shape, 1) if len(shape) == 3 else tuple(shape)
  if len(full) != 4 or full[3] not in (1, 3):
    raise ConfigError(
      f"--data: {where} must be images of shape (n, height, width) or (n,"
      f" height, width, channels) with 1 or 3 channels. Received: {shape}"
    )
  if min(full) < 1:
    raise ConfigError(f"--data: {where} holds no images. Received: {shape}")
  return full


def match(
  images: tuple[int, ...], labels: int, where: str, label_where: str
) -> None:
  """Checks that there is one label for each image.

  Args:
    images: Shape of the images.
    labels: Number of labels.
    where: The file of the images, for the message.
    label_where: The file of the labels, for the message.

  Raises:
    ConfigError: If the numbers differ.
  """
  if images[0] != labels:
    raise ConfigError(
      f"--data: {where} and {label_where} must hold as many images as"
      f" labels. Received: {images[0]} images, {labels} labels"
    )


def same_size(
  train: tuple[int, ...], test: tuple[int, ...], where: str
) -> None:
  """Checks that training and test images are of one size.

  Args:
    train: Shape of the training images, their number first.
    test: Shape of the test images.
    where: The folder or file, for the message.

  Raises:
    ConfigError: If height, width or channels differ.
  """
  if train[1:] != test[1:]:
    raise ConfigError(
      f"--data: {where} must hold training and test images of one size."
      f" Received: {train[1:]} and {test[1:]}"
    )


def count_classes(
  train: Iterable[int] | Mapping[int, int],
  test: Iterable[int] | Mapping[int, int] | None,
  where: str,
  val: Iterable[int] | Mapping[int, int] | None = None,
) -> int:
  """Counts the classes and checks that every part can have all of them.

  Args:
    train: The labels of the images to train and validate with, or how many
      there are of each; where `test` is None, the test part is cut of them too.
    test: The labels of the test part, or how many of each.
    where: The folder or file, for the message.
    val: The labels of the validation part, or how many of each; where it is
      None, the validation part is cut of `train`.

  Returns:
    The number of classes: the greatest label plus one.

  Raises:
    ConfigError: If labels are negative, one is skipped, there is one class
      only, or a class has too few images to be in every part.
  """
  counts = collections.Counter(train)
  tested = counts if test is None else collections.Counter(test)
  validated = counts if val is None else collections.Counter(val)
  labels = counts.keys() | tested.keys() | validated.keys()
  if min(labels) < 0:
    raise ConfigError(
      f"--data: the labels of {where} must be 0 or more."
      f" Received: {min(labels)}"
    )
  if len(labels) < 2:
    raise ConfigError(
      f"--data: {where} must hold at least two classes."
      f" Received: every label is {min(labels)}"
    )
  for part, present in (
    ("training", counts),
    ("test", tested),
    ("validation", validated),
  ):
    # Stops at the first gap, however great the greatest label is.
    label = next(i for i in itertools.count() if i not in present)
    if label <= max(labels):
      raise ConfigError(
        f"--data: the {part} images of {where} must cover every class from 0"
        f" to {max(labels)}. Received: none of class {label}"
      )
  # One image of each class for training and each part that is yet to be cut.
  parts = 1 + (test is None) + (val is None)
  fewest = min(counts, key=lambda label: (counts[label], label))
  if counts[fewest] < parts:
    raise ConfigError(
      f"--data: {where} must hold at least {parts} images of every class,"
      f" one for each part cut of them. Received: {counts[fewest]} of class"
      f" {fewest}"
    )
  return max(labels) + 1
