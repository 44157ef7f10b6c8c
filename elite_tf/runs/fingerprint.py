"""Which data a search belongs to: a resumed one must see the same images."""

import dataclasses

from elite_tf.data import sources
from elite_tf.data.sources import Description, Split, Store
from elite_tf.errors import ConfigError
from elite_tf.system.records import Record

# Classes that a message names.
_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Fingerprint(Record):
  """What tells one state of a data set from another.

  Attributes:
    key: As `elite_tf.data.sources.key` returns it. The same key means the same
      images; another one may mean the same, too.
    content: Digest of all pixels, labels and parts, as
      `elite_tf.data.sources.hashes.digest` returns it; empty before the images
      were read.
    classes: Names of the classes, in the order of the labels.
    images: Number of images of each class; empty if the source does not say.
  """

  key: str
  content: str
  classes: tuple[str, ...]
  images: tuple[int, ...]


def fingerprint(
  description: Description, key: str, content: str = ""
) -> Fingerprint:
  """Returns the fingerprint of a data set.

  Args:
    description: As `elite_tf.data.sources.describe` returns it.
    key: As `elite_tf.data.sources.key` returns it.
    content: Digest of the images, if they were read.
  """
  return Fingerprint(
    key, content, description.class_names, description.class_images
  )


def fingerprint_of(
  spec: str, store: Store, parts: dict[str, Split]
) -> Fingerprint:
  """Returns the fingerprint of images that were read.

  Args:
    spec: As in `elite_tf.data.sources.load`.
    store: As there.
    parts: As `elite_tf.data.sources.hashes.hashed` returns them.
  """
  from elite_tf.data.sources import hashes

  # Described as before the images were read: broken ones are counted.
  return fingerprint(
    sources.describe(spec, store),
    sources.key(spec, store),
    hashes.digest(parts),
  )


def difference(there: Fingerprint, here: Fingerprint) -> str | None:
  """Returns what differs, in words; None if the images are the same.

  Args:
    there: Of the search.
    here: Of the data as they are now; without `content`, images whose key alone
      differs count as the same until they are read.
  """
  if there.key == here.key and there.classes == here.classes:
    return None
  changed = _classes(there, here) or _images(there, here)
  if changed:
    return changed
  if "" in (there.content, here.content) or there.content == here.content:
    return None
  return "as many images of every class, but other ones, or in another order"


def check_same(run_dir: str, there: Fingerprint, here: Fingerprint) -> None:
  """Checks that the data are those that a search began with.

  Raises:
    ConfigError: They differ.
  """
  changed = difference(there, here)
  if changed:
    raise ConfigError(
      f"--data: the images are not those with which --run_dir={run_dir} began;"
      f" restore them, or name another --run_dir. Received: {changed}"
    )


def _classes(there: Fingerprint, here: Fingerprint) -> str:
  new = [repr(name) for name in here.classes if name not in there.classes]
  gone = [repr(name) for name in there.classes if name not in here.classes]
  texts = [
    f"{'class' if len(names) == 1 else 'classes'} {_some(names)} {verb}"
    for names, verb in ((new, "added"), (gone, "removed"))
    if names
  ]
  if texts:
    return " and ".join(texts)
  return "" if there.classes == here.classes else "classes in another order"


def _images(there: Fingerprint, here: Fingerprint) -> str:
  changes = [
    f"{now:,} images of {name!r} instead of {before:,}"
    for name, before, now in zip(there.classes, there.images, here.images)
    if before != now
  ]
  return _some(changes)


def _some(texts: list[str]) -> str:
  rest = len(texts) - _NAMED
  named = ", ".join(texts[:_NAMED])
  return f"{named} and {rest} more" if rest > 0 else named
