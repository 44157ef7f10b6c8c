"""Data sets: the registry of sources, and the two functions that use it.

To add a source: one file that ends with `SOURCE`, a `DataSource`, and one line
in `SOURCES`. A source leaves the cut into parts to `splits.divide`; a source
whose images have to be decoded uses `cache.decoded`.

Importing this package and describing a data set load no machine learning
library, because a dry run must answer in under a second.
"""

from collections.abc import Iterable

from elite_tf.data.augment import takes_stored
from elite_tf.data.sources import digits, folder, idx, npz, pictures, tfds
from elite_tf.data.sources.types import (
  RESIZED_BYTES,
  Dataset,
  DataSource,
  Description,
  Split,
  Store,
)
from elite_tf.errors import ConfigError

__all__ = (
  "SOURCES",
  "DataSource",
  "Dataset",
  "Description",
  "Split",
  "Store",
  "cache_bytes",
  "describe",
  "is_decoded",
  "key",
  "load",
)

# By scheme: what stands before the colon in `--data=scheme:argument`.
SOURCES: dict[str, DataSource] = {
  source.scheme: source
  for source in (
    digits.SOURCE,
    idx.SOURCE,
    npz.SOURCE,
    folder.SOURCE,
    tfds.SOURCE,
  )
}


def describe(spec: str, store: Store = Store()) -> Description:
  """Describes a data set without reading its images.

  Args:
    spec: `scheme` or `scheme:argument`, the value of `--data`.
    store: Where the source finds data; nothing is decoded.

  Raises:
    ConfigError: The specification or the data are wrong.
  """
  source, argument = _parse(spec)
  return source.describe(argument, store)


def load(spec: str, seed: int = 0, store: Store = Store()) -> Dataset:
  """Loads a data set and cuts it into training, validation and test.

  Args:
    spec: `scheme` or `scheme:argument`, the value of `--data`.
    seed: Moves images between training and validation, never to or from test.
    store: Where the source finds data and keeps them decoded.

  Raises:
    ConfigError: The specification or the data are wrong.
  """
  source, argument = _parse(spec)
  return source.load(argument, seed, store)


def key(spec: str, store: Store = Store()) -> str:
  """Returns a text that is another one if a data set has changed.

  Another key may also stand for the same images, for example if files were
  copied or saved anew.

  Args:
    spec: `scheme` or `scheme:argument`, the value of `--data`.
    store: Where the source finds data, and at which size it keeps them.

  Raises:
    ConfigError: The specification or the data are wrong.
  """
  source, argument = _parse(spec)
  return source.key(argument, store)


def is_decoded(spec: str) -> bool:
  """Returns whether a data set's images lie decoded in the cache.

  Otherwise they are arrays in the memory of every process that loads them.
  """
  return _parse(spec)[0].decoded


def cache_bytes(
  spec: str,
  description: Description,
  side: int,
  resolutions: Iterable[int],
  augmentation: str = "none",
) -> int:
  """Estimates the bytes that a data set will take in the cache.

  Args:
    spec: As in `load`.
    description: What `describe` returned.
    side: Short side of the decoded images, in pixels; not used for sources whose
      images are arrays.
    resolutions: Input sizes of the networks, in pixels.
    augmentation: One of `elite_tf.data.augment.NAMES`. Where it crops images as
      stored, only the validation part is kept resized.
  """
  images = description.images
  decoded = images * pictures.typical_bytes(description, side)
  if takes_stored(augmentation, description.photographs):
    images = images // 10
  resized = (images * r * r * description.channels for r in set(resolutions))
  kept = sum(size for size in resized if size >= RESIZED_BYTES)
  return kept + (decoded if is_decoded(spec) else 0)


def _parse(spec: str) -> tuple[DataSource, str]:
  """Splits a specification into its source and the argument for it."""
  if not isinstance(spec, str):
    raise ConfigError(
      f"--data must be a string. Received: {type(spec).__name__}"
    )
  scheme, _, argument = spec.partition(":")
  if scheme not in SOURCES:
    known = ", ".join(source.usage for source in SOURCES.values())
    raise ConfigError(f"--data must be one of {known}. Received: {spec!r}")
  source = SOURCES[scheme]
  if (":" in source.usage) != bool(argument):
    raise ConfigError(
      f"--data must be written {source.usage}. Received: {spec!r}"
    )
  return source, argument
