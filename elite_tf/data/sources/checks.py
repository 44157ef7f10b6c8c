"""Checks of images and labels that sources share."""

import collections
import itertools
from collections.abc import Iterable, Mapping

from elite_tf.errors import ConfigError


def image_shape(
  shape: tuple[int, ...], where: str
) -> tuple[int, int, int, int]:
  """Returns a stored shape as (images, height, width, channels).

  Args:
    shape: (n, height, width), grey, or (n, height, width, channels).
    where: The file, and the array in it, for the message.

  Raises:
    ConfigError: The shape is not that of grey or RGB images, or has no images.
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
  """Checks that there are as many labels as images.

  Args:
    images: Shape of the images, their number first.
    labels: Number of labels.
    where: The file of the images, for the message.
    label_where: The file of the labels, for the message.

  Raises:
    ConfigError: The numbers differ.
  """
  if images[0] != labels:
    raise ConfigError(
      f"--data: {where} and {label_where} must hold as many images as"
      f" labels. Received: {images[0]} images, {labels} labels"
    )


def same_size(
  train: tuple[int, ...], test: tuple[int, ...], where: str
) -> None:
  """Checks that training and test images have the same size.

  Args:
    train: Shape of the training images, their number first.
    test: Shape of the test images, their number first.
    where: The folder or file, for the message.

  Raises:
    ConfigError: Height, width or channels differ.
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
    train: Labels of the training images, or images per label.
    test: Labels of the test images, or images per label; None if the test part
      will be cut from `train`.
    where: The folder or file, for the message.
    val: Labels of the validation images, or images per label; None if the
      validation part will be cut from `train`.

  Returns:
    The number of classes: the greatest label plus one.

  Raises:
    ConfigError: A label is negative, a label is skipped, there is only one
      class, or a class has too few images to be in every part.
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
    # Stops at the first gap, even if the greatest label is huge.
    label = next(i for i in itertools.count() if i not in present)
    if label <= max(labels):
      raise ConfigError(
        f"--data: the {part} images of {where} must cover every class from 0"
        f" to {max(labels)}. Received: none of class {label}"
      )
  # One image per class for training and for each part that is still to be cut.
  parts = 1 + (test is None) + (val is None)
  fewest = min(counts, key=lambda label: (counts[label], label))
  if counts[fewest] < parts:
    raise ConfigError(
      f"--data: {where} must hold at least {parts} images of every class,"
      f" one for each part cut from them. Received: {counts[fewest]} of class"
      f" {fewest}"
    )
  return max(labels) + 1
