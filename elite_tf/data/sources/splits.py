"""The stratified cut: which images train, which validate, which test.

Within a part, images keep the order in which they are stored.
"""

import fractions
import math
import operator

import numpy as np

from elite_tf.data.sources import checks
from elite_tf.data.sources.types import Dataset, Description, Split
from elite_tf.errors import ConfigError

# Where a source has no test part of its own.
TEST_SHARE = fractions.Fraction(1, 5)

# Of what is left for training.
VALIDATION_SHARE = fractions.Fraction(1, 10)

# Validation accuracy is measured after every epoch of every candidate; from
# here on more images cost time and settle little (the standard error of an
# accuracy over 10,000 images is at most half a percentage point).
VALIDATION_LIMIT = 10_000

# First words of the seeds, which keep the two cuts independent of each other.
# To change one moves images from part to part and makes results of before and
# after incomparable.
_TEST_STREAM = 1
_VALIDATION_STREAM = 2


def cut(
  labels: np.ndarray,
  share: fractions.Fraction,
  generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
  """Draws the same share of every class.

  Args:
    labels: int, (n,); every one of 0 to the greatest occurs at least twice.
    share: Share to draw; rounded down, so that the whole stays within it too,
      but at least one image of every class.
    generator: Source of chance.

  Returns:
    The indices of the images kept and those of the images drawn, ascending.
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

  The seed moves images between training and validation alone: the test part
  is the same in every search, so that their results can be compared.

  Args:
    description: Of the whole data set.
    rest: All images that are not of `test` or `val`.
    test: The test part that the data set came with; None to cut a fifth.
    seed: Of the validation cut, 0 or more.
    validation: Share of validation in what is not of the test part.
    val: The validation part that the data set came with; None to cut one.
    notes: What a person should know of the data set.

  Returns:
    The data set; every class is in each part.

  Raises:
    ConfigError: If a class cannot be in each part, or the seed is no seed.
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
  return Split(split.images[indices], split.labels[indices])
