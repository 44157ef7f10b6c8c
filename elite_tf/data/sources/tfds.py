"""Data sets prepared by TensorFlow Datasets: `tfds:NAME`.

NAME is a name of TensorFlow Datasets: `cifar10`, `cifar10:3.0.2` or
`name/configuration`. The test part is the split `test`, or `validation` if there
is no test split with labels. Missing parts are cut from `train`.

TensorFlow is needed once, in a separate process, to fill the decoded cache.
After that the cache is enough.
"""

import contextlib
import functools
import hashlib
import os
from pathlib import Path

from elite_tf.data.sources import cache_meta, paths
from elite_tf.data.sources.types import (
  Dataset,
  DataSource,
  Description,
  Store,
)


def describe(argument: str, store: Store = Store()) -> Description:
  """Describes a data set from the cache, or through TensorFlow Datasets.

  Args:
    argument: Name of the data set.
    store: The cache, the folder of the data, and whether to download them.

  Returns:
    The description. Height and width are those of the picture, among the first
    50 of the training part, whose short side is the median.

  Raises:
    ConfigError: The data set is unknown, not prepared, or has no pictures with
      one label each.
  """
  found = _described(argument, store)
  if found is None:
    from elite_tf.data.sources import tfds_client

    with tfds_client.opened(argument, _slug(argument), store) as child:
      found = child.description()
  return found


def load(argument: str, seed: int, store: Store = Store()) -> Dataset:
  """Loads a data set; decodes it if that is not done yet.

  Without a test split, a fifth of every class is for test; without a validation
  split, a tenth of the rest is for validation.

  Args:
    argument: Name of the data set.
    seed: Seed of the validation cut, 0 or more.
    store: The cache, the folder of the data, and whether to download them.

  Raises:
    ConfigError: The data set is unknown, not prepared, or has no pictures with
      one label each, or the seed is invalid.
  """
  from elite_tf.data.sources import cache, tfds_client

  with contextlib.ExitStack() as stack:
    # Started once, and only if it is needed.
    child = functools.cache(
      lambda: stack.enter_context(
        tfds_client.opened(argument, _slug(argument), store)
      )
    )
    description = _described(argument, store) or child().description()
    found = cache.decoded(
      store,
      f"{_key(argument)}-f{cache_meta.FORMAT}-s{store.side}",
      description,
      lambda: child().parts(),
      _fingerprint(argument, store),
    )
  return found.divide(seed)


def _described(name: str, store: Store) -> Description | None:
  """Returns the description in the cache, None if there is none."""
  if store.root is None:
    return None
  pattern = f"{_key(name)}-f{cache_meta.FORMAT}-s*"
  found = cache_meta.describe(store.root, pattern)
  if found is None:
    return None
  description, fingerprint = found
  if _fingerprint(name, store) not in ("", fingerprint):
    return None
  return description


def _slug(name: str) -> str:
  return paths.name_of(name.replace("/", "-"))


def _key(name: str) -> str:
  """Returns the first part of the key, which needs only the name."""
  digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
  return f"tfds-{_slug(name)}-{digest[:8]}"


def _fingerprint(name: str, store: Store) -> str:
  """Returns a digest of the names and sizes of the prepared files.

  Their times do not count: a copy is the same data. The digest is empty if the
  data are not there, as on a machine that has only the decoded cache.
  """
  root = (
    store.tfds_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
  )
  folder = Path(root).expanduser() / name.replace(":", "/")
  found = sorted(
    f"{file.relative_to(folder)} {file.stat().st_size}"
    for file in folder.rglob("*")
    if file.is_file()
  )
  if not found:
    return ""
  return hashlib.sha256("\0".join(found).encode()).hexdigest()


def key(argument: str, store: Store = Store()) -> str:
  """Returns the key of a data set in the cache, with a digest of its files.

  Args:
    argument: Name of the data set.
    store: The cache and the folder of the data.
  """
  digest = _fingerprint(argument, store)
  if not digest and store.root is not None:
    pattern = f"{_key(argument)}-f{cache_meta.FORMAT}-s{store.side}"
    found = cache_meta.describe(store.root, pattern)
    digest = found[1] if found else ""
  return f"{_key(argument)}-s{store.side}-{digest[:16]}"


SOURCE = DataSource("tfds:NAME", describe, load, key, decoded=True)
