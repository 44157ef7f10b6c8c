"""Handwritten digits, 8x8 grey, bundled with scikit-learn: `digits`."""

import fractions
import importlib.util
from pathlib import Path

from elite_tf.data.sources.types import (
  Dataset,
  DataSource,
  Description,
  Split,
  Store,
)
from elite_tf.errors import ConfigError

# A tenth would leave 14 validation images per class.
VALIDATION_SHARE = fractions.Fraction(3, 20)


def describe(argument: str, store: Store = Store()) -> Description:
  """Describes the digits from constants; nothing is read.

  Args:
    argument: Empty.
    store: Not used.
  """
  del argument
  return Description(
    name="digits",
    classes=10,
    channels=1,
    height=8,
    width=8,
    class_names=tuple("0123456789"),
    images=1797,
    class_images=(178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
  )


def load(argument: str, seed: int, store: Store = Store()) -> Dataset:
  """Loads the digits: a fifth for test, 15 % of the rest for validation.

  Args:
    argument: Empty.
    seed: Seed of the validation cut, 0 or more.
    store: Not used.

  Raises:
    ConfigError: scikit-learn is not installed, or the seed is invalid.
  """
  # Imported here: a dry run needs no NumPy.
  import numpy as np

  from elite_tf.data.sources import splits

  pixels, labels = _read()
  # Stored as 0 to 16; the only half, 8 -> 127.5, is rounded to 128.
  pixels = np.rint(pixels * 255 / 16).astype(np.uint8)
  rest = Split(pixels.reshape(-1, 8, 8, 1), labels.astype(np.int32))
  return splits.divide(describe(argument), rest, None, seed, VALIDATION_SHARE)


def key(argument: str, store: Store = Store()) -> str:
  """Returns the key of the digits, which never change."""
  del argument, store
  return "digits"


def _read():
  """Returns pixels, float (1797, 64), 0 to 16, and labels.

  Raises:
    ConfigError: scikit-learn is not installed.
  """
  import numpy as np

  found = importlib.util.find_spec("sklearn")
  if found is None:
    raise ConfigError(
      "--data=digits needs scikit-learn; install it or name other data."
      " Received: no module named 'sklearn'"
    )
  # The file itself: importing scikit-learn takes a second in every worker.
  path = Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"
  if path.is_file():
    table = np.loadtxt(path, delimiter=",")
    return table[:, :64], table[:, 64]
  from sklearn.datasets import load_digits  # Of a release that moved it.

  return load_digits(return_X_y=True)


SOURCE = DataSource("digits", describe, load, key)
