"""Data sets prepared by TensorFlow Datasets: `tfds:NAME`.

NAME is as there: `cifar10`, `cifar10:3.0.2` or `name/configuration`. Its own
splits are used: `test`, or `validation` where there is no test split with
labels. What it lacks is cut of `train`.

TensorFlow is needed once, to hand the pictures over to the decoded cache, and
runs in a process of its own. From then on the cache is enough.
"""

import contextlib
import functools
import hashlib
import os
from pathlib import Path

from elite_tf.data.sources import paths
from elite_tf.data.sources.types import (
  Dataset,
  DataSource,
  Description,
  Store,
)


def describe(argument: str, store: Store = Store()) -> Description:
  """Describes a data set from the cache, or from its information.

  Args:
    argument: Its name.
    store: The cache, where the data lie and whether they may be fetched.

  Returns:
    The description. Height and width are those of the picture, of the first 50
    for training, whose short side is the median.

  Raises:
    ConfigError: If it is unknown, not there, or holds no labelled pictures.
  """
  found = _described(argument, store)
  if found is None:
    from elite_tf.data.sources import tfds_client

    with tfds_client.opened(argument, _slug(argument), store) as child:
      found = child.description()
  return found


def load(argument: str, seed: int, store: Store = Store()) -> Dataset:
  """Loads a data set, decoded if it has not been yet.

  Args:
    argument: Its name.
    seed: Of the validation cut.
    store: The cache, where the data lie and whether they may be fetched.

  Returns:
    The data set: its own test part, or a fifth of every class; its own
    validation part, or a tenth of the rest.

  Raises:
    ConfigError: If it is unknown, not there, or holds no labelled pictures.
  """
  from elite_tf.data.sources import cache, tfds_client

  with contextlib.ExitStack() as stack:
    # Started if it is needed, once.
    child = functools.cache(
      lambda: stack.enter_context(
        tfds_client.opened(argument, _slug(argument), store)
      )
    )
    description = _described(argument, store) or child().description()
    found = cache.decoded(
      store,
      f"{_key(argument)}-f{cache.FORMAT}-s{store.side}",
      description,
      lambda: child().parts(),
      _fingerprint(argument, store),
    )
  return found.divide(seed)


def _described(name: str, store: Store) -> Description | None:
  """Returns the description that the cache has, None if it has none."""
  if store.root is None:
    return None
  from elite_tf.data.sources import cache

  found = cache.describe(store.root, f"{_key(name)}-f{cache.FORMAT}-s*")
  if found is None:
    return None
  description, fingerprint = found
  if _fingerprint(name, store) not in ("", fingerprint):
    return None
  return description


def _slug(name: str) -> str:
  return paths.name_of(name.replace("/", "-"))


def _key(name: str) -> str:
  """Returns the key's first part: of what is known without the data."""
  digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
  return f"tfds-{_slug(name)}-{digest[:8]}"


def _fingerprint(name: str, store: Store) -> str:
  """Returns a digest of names and sizes of the prepared files.

  Not of their times: a copy is the same data. It is empty where the data are
  not, as on a machine that has the decoded cache alone.
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


SOURCE = DataSource("tfds:NAME", describe, load, decoded=True)
