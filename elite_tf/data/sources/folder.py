"""Pictures in folders: `folder:DIR`.

One subfolder per class, with pictures in it or in folders below it:

    DIR/cats/1.jpg  DIR/dogs/2.png  ...

or such subfolders in train/ and, optionally, in val/ and test/, or what
`part_folders` takes for one of these:

    DIR/train/cats/1.jpg  DIR/test/cats/7.jpg  ...

Files are JPEG, PNG or BMP, of any size. Hidden files are ignored; other files
whose names are not those of pictures are left out and counted in a note.
"""

import collections
import hashlib
import json
import os
import statistics

from elite_tf.data.sources import (
  cache_meta,
  class_names,
  folder_layout,
  pictures,
)
from elite_tf.data.sources import paths as files
from elite_tf.data.sources.folder_layout import Layout
from elite_tf.data.sources.types import (
  PHOTOGRAPH_SIDE,
  Dataset,
  DataSource,
  Description,
  Store,
)
from elite_tf.errors import ConfigError

# Number of headers that are read to describe the data.
_SAMPLE = 50


def describe(argument: str, store: Store = Store()) -> Description:
  """Describes a folder from its listing and the headers of 50 pictures.

  Args:
    argument: Path of the folder.
    store: Not used.

  Returns:
    The description, with the name of the folder and the height and width of the
    picture whose short side is the median.

  Raises:
    ConfigError: There is no such folder, or its layout is not as described
      above.
  """
  del store
  return _description(folder_layout.scan(os.path.expanduser(argument)))


def load(argument: str, seed: int, store: Store = Store()) -> Dataset:
  """Loads the pictures of a folder; decodes them if that is not done yet.

  Parts that have a folder are taken as they are. Without one, a fifth of the
  training pictures is for test and a tenth of the rest for validation.

  Args:
    argument: Path of the folder.
    seed: Seed of the validation cut, 0 or more.
    store: Folder of the cache, and short side of the decoded pictures.

  Raises:
    ConfigError: The layout is not as described above, more than 5 % of the
      pictures cannot be read, or the seed is invalid.
  """
  # Imported here: a dry run describes the data without NumPy.
  from elite_tf.data.sources import cache

  scan = folder_layout.scan(os.path.expanduser(argument))
  description = _description(scan)

  def read(part: str):
    for where, label, path in scan.pictures():
      if where == part:
        yield cache.Picture(path, label, os.path.join(scan.folder, path))

  found = cache.decoded(
    store,
    _key(scan, description, store.side),
    description,
    lambda: {part: read(part) for part in scan.parts},
  )
  for part, split in found.parts.items():
    counts = collections.Counter(split.labels.tolist())
    folder_layout.check_counts(
      scan,
      part,
      {name: counts[i] for i, name in enumerate(scan.class_names)},
      "that can be read",
    )
  return found.divide(seed)


def _description(scan: Layout) -> Description:
  paths = [path for _, _, path in scan.pictures()]
  headers, reason = [], ""
  with pictures.pillow():
    for path in _evenly(paths, _SAMPLE):
      try:
        headers.append(pictures.header(os.path.join(scan.folder, path)))
      except pictures.Broken as error:
        reason = reason or f"{path!r} ({error})"
  if not headers:
    raise ConfigError(
      f"--data=folder: none of the pictures of {scan.folder!r} that were"
      f" tried can be read. Received: {reason}"
    )
  short = statistics.median_low(min(h[:2]) for h in headers)
  height, width, _ = next(h for h in headers if min(h[:2]) == short)
  return Description(
    name=files.name_of(scan.folder),
    classes=len(scan.class_names),
    channels=1 if all(grey for *_, grey in headers) else 3,
    height=height,
    width=width,
    class_names=tuple(map(folder_layout.readable, scan.class_names)),
    images=len(paths),
    photographs=short >= PHOTOGRAPH_SIDE,
    notes=(
      *scan.understood,
      *scan.left_out,
      *_split_notes(scan),
      *class_names.uneven(
        {name: len(paths) for name, paths in scan.parts["train"].items()},
        "pictures",
      ),
    ),
    class_images=tuple(
      sum(len(classes[name]) for classes in scan.parts.values())
      for name in scan.class_names
    ),
  )


def _evenly(paths: list[str], count: int) -> list[str]:
  """Returns at most `count` paths, spread from the first to the last."""
  if len(paths) <= count:
    return paths
  step = (len(paths) - 1) / (count - 1)
  return [paths[round(i * step)] for i in range(count)]


def _split_notes(scan: Layout) -> list[str]:
  cut = {
    "test": "a fifth of every class is for test",
    "val": "a tenth of every class is for validation",
  }
  lines = [text for part, text in cut.items() if part not in scan.parts]
  if not lines:
    return []
  missing = " and ".join(f"{p}/" for p in cut if p not in scan.parts)
  return [f"no {missing}: of the training pictures {', '.join(lines)}"]


def _key(scan: Layout, description: Description, side: int) -> str:
  """Returns the key in the cache, a digest of all that decides the pixels."""
  digest = hashlib.sha256(
    json.dumps(
      [cache_meta.FORMAT, side, description.channels, scan.class_names]
    ).encode()
  )
  for part, label, path in scan.pictures():
    try:
      status = os.stat(os.path.join(scan.folder, path))
      state = (status.st_size, status.st_mtime_ns)
    except OSError:
      state = ()  # A broken link: decoding reports it.
    entry = f"{part} {label} {state} ".encode() + os.fsencode(path) + b"\0"
    digest.update(entry)
  return f"{description.name}-s{side}-{digest.hexdigest()[:16]}"


def key(argument: str, store: Store = Store()) -> str:
  """Returns the key of a folder in the cache.

  Args:
    argument: Path of the folder.
    store: Short side of the decoded pictures.

  Raises:
    ConfigError: As `describe`.
  """
  scan = folder_layout.scan(os.path.expanduser(argument))
  return _key(scan, _description(scan), store.side)


SOURCE = DataSource("folder:DIR", describe, load, key, decoded=True)
