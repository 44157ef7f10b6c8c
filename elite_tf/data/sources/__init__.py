"""Data sets: the registry of sources, and the two doors to them.

A source is a module with `USAGE` (how it is written after `--data=`),
`describe(argument, store)` and `load(argument, seed, store)`. To add one: one
file that leaves the cut to `splits.divide`, and one line in `DATASETS`. What
has to be decoded goes through `cache.decoded`.

Importing this package and describing a data set load no machine learning
library: the answer of a dry run depends on it.
"""

from collections.abc import Iterable
from types import ModuleType

from elite_tf.data.sources import digits, folder, idx, npz, pictures, tfds
from elite_tf.data.sources.types import (
  RESIZED_BYTES,
  Dataset,
  Description,
  Split,
  Store,
)
from elite_tf.errors import ConfigError

__all__ = (
  "DATASETS",
  "Dataset",
  "Description",
  "Split",
  "Store",
  "cache_bytes",
  "describe",
  "is_decoded",
  "load",
)

# Scheme, which is what stands before the colon -> source.
DATASETS: dict[str, ModuleType] = {
  "digits": digits,
  "idx": idx,
  "npz": npz,
  "folder": folder,
  "tfds": tfds,
}


def describe(spec: str, store: Store = Store()) -> Description:
  """Describes a data set without reading its images.

  Args:
    spec: `scheme` or `scheme:argument`, as `--data` takes it.
    store: Where a source finds and keeps data; nothing is decoded.

  Returns:
    The description.

  Raises:
    ConfigError: If the specification or the data are not what they should be.
  """
  source, argument = _parse(spec)
  return source.describe(argument, store)


def load(spec: str, seed: int = 0, store: Store = Store()) -> Dataset:
  """Loads a data set and cuts it into training, validation and test.

  Args:
    spec: `scheme` or `scheme:argument`, as `--data` takes it.
    seed: Moves images between training and validation, never to or from test.
    store: Where a source finds data and keeps them decoded.

  Returns:
    The data set.

  Raises:
    ConfigError: If the specification or the data are not what they should be.
  """
  source, argument = _parse(spec)
  return source.load(argument, seed, store)


def is_decoded(spec: str) -> bool:
  """Returns whether a data set's images lie decoded in the cache.

  Others are arrays that whoever loads them has in memory.
  """
  return _parse(spec)[0] in (folder, tfds)


def cache_bytes(
  spec: str, description: Description, side: int, resolutions: Iterable[int]
) -> int:
  """Returns about what a data set will take in the cache, in bytes.

  Args:
    spec: As for `load`.
    description: Of the data set.
    side: Short side of the decoded pictures; sources whose images are arrays
      already have none.
    resolutions: At which networks read it. Photographs are validated so; in
      training they are cut out of the decoded ones.
  """
  images = description.images
  decoded = images * pictures.typical_bytes(description, side)
  if description.photographs:
    images = images // 10
  resized = (images * r * r * description.channels for r in set(resolutions))
  kept = sum(size for size in resized if size >= RESIZED_BYTES)
  return kept + (decoded if is_decoded(spec) else 0)


def _parse(spec: str) -> tuple[ModuleType, str]:
  """Splits a specification into its source and the argument for it."""
  if not isinstance(spec, str):
    raise ConfigError(
      f"--data must be a string. Received: {type(spec).__name__}"
    )
  scheme, _, argument = spec.partition(":")
  if scheme not in DATASETS:
    known = ", ".join(source.USAGE for source in DATASETS.values())
    raise ConfigError(f"--data must be one of {known}. Received: {spec!r}")
  source = DATASETS[scheme]
  if (":" in source.USAGE) != bool(argument):
    raise ConfigError(
      f"--data must be written {source.USAGE}. Received: {spec!r}"
    )
  return source, argument
