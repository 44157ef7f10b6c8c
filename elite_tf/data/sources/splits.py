"""The stratified cut into training, validation and test images.

Within a part, images keep the order in which they are stored.
"""

import fractions
import math
import operator

import numpy as np

from elite_tf.data.sources import checks
from elite_tf.data.sources.types import Dataset, Description, Split
from elite_tf.errors import ConfigError

# Share of test images, if the source has no test part.
TEST_SHARE = fractions.Fraction(1, 5)

# Share of validation images in the images that are not for test.
VALIDATION_SHARE = fractions.Fraction(1, 10)

# Validation runs after every epoch of every candidate. More images than these
# cost time and gain little: the standard error of an accuracy over 10,000 images
# is at most half a percentage point.
VALIDATION_LIMIT = 10_000

# First words of the seeds; they make the two cuts independent of each other.
# Another number would move images between parts, and results could no longer be
# compared with earlier ones.
_TEST_STREAM = 1
_VALIDATION_STREAM = 2


def cut(
  labels: np.ndarray,
  share: fractions.Fraction,
  generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
  """Draws the same share of every class.

  Args:
    labels: Whole numbers, (n,); each one from 0 to the greatest occurs at least
      twice.
    share: Share of each class to draw, rounded down, but at least one image.
    generator: Random generator.

  Returns:
    Indices of the images kept and of the images drawn, both ascending.
  """
  order = np.argsort(labels, kind="stable")
  classes = np.split(order, np.cumsum(np.bincount(labels))[:-1])
  drawn = np.zeros(len(labels), bool)
  for indices in classes:
    count = max(1, math.floor(len(indices) * share))
    drawn[generator.permutation(indices)[:count]] = True
  return np.flatnonzero(~drawn), np.flatnonzero(drawn)


def divide(
  description: Description,
  rest: Split,
  test: Split | None,
  seed: int,
  validation: fractions.Fraction = VALIDATION_SHARE,
  val: Split | None = None,
  notes: tuple[str, ...] = (),
) -> Dataset:
  """Cuts a data set into training, validation and test.

  The seed only moves images between training and validation. The test part is
  the same in every search, so that results can be compared.

  Args:
    description: Description of the whole data set.
    rest: All images that are not in `test` or `val`.
    test: The test part of the source; None cuts a fifth.
    seed: Seed of the validation cut, 0 or more.
    validation: Share of validation images in the images that are not for test.
    val: The validation part of the source; None cuts one.
    notes: What the user should know about the data.

  Returns:
    The data set; every class is in each part.

  Raises:
    ConfigError: A class has too few images, or the seed is invalid.
  """
  checks.count_classes(
    _counts(rest.labels),
    None if test is None else _counts(test.labels),
    repr(description.name),
    None if val is None else _counts(val.labels),
  )
  seed = _checked(seed)
  if test is None:
    generator = np.random.default_rng([_TEST_STREAM])
    kept, drawn = cut(rest.labels, TEST_SHARE, generator)
    rest, test = _take(rest, kept), _take(rest, drawn)
  if val is not None:
    return Dataset(description, rest, val, test, notes)
  limit = fractions.Fraction(VALIDATION_LIMIT, len(rest.labels))
  generator = np.random.default_rng([_VALIDATION_STREAM, seed])
  kept, drawn = cut(rest.labels, min(validation, limit), generator)
  return Dataset(
    description, _take(rest, kept), _take(rest, drawn), test, notes
  )


def _checked(seed: int) -> int:
  try:
    number = operator.index(seed)
  except TypeError:
    number = -1
  if number < 0:
    raise ConfigError(
      f"--seed must be a whole number, 0 or more. Received: {seed!r}"
    )
  return number


def _counts(labels: np.ndarray) -> dict[int, int]:
  values, counts = np.unique(labels, return_counts=True)
  return dict(zip(values.tolist(), counts.tolist()))


def _take(split: Split, indices: np.ndarray) -> Split:
  hashes = None if split.hashes is None else split.hashes[indices]
  return Split(split.images[indices], split.labels[indices], hashes)
