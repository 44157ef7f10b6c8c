"""Names of classes: what they may be, and how they are told."""

import unicodedata
from collections.abc import Mapping

from elite_tf.data.sources.types import Description
from elite_tf.errors import ConfigError

# Classes that are named on the terminal.
_TOLD = 10

# From this ratio of largest to smallest class on, a note says so.
_UNEVEN = 1.5


def check_labels(labels: Mapping[str, str], where: str) -> None:
  """Checks that every class has a name of its own.

  Args:
    labels: By what is to be shown in the message, such as the name of a folder,
      the line that stands in labels.txt.
    where: The folder or file, for the message.

  Raises:
    ConfigError: A name is blank, or two names look the same.
  """
  known: dict[str, str] = {}
  for source, label in labels.items():
    # "é" can be one character or two.
    shown = unicodedata.normalize("NFC", " ".join(label.split()))
    if not shown:
      raise ConfigError(
        f"--data: every class of {where!r} must have a name."
        f" Received: {source!r}"
      )
    if shown in known:
      raise ConfigError(
        f"--data: the classes of {where!r} must have different names."
        f" Received: {known[shown]!r} and {source!r}, which are both"
        f" {shown!r} in labels.txt"
      )
    known[shown] = source


def told(description: Description) -> str:
  """Returns the first ten classes, with their images, as one line."""
  names = description.class_names[:_TOLD]
  counts = description.class_images[:_TOLD]
  texts = [f"{name} ({count:,})" for name, count in zip(names, counts)]
  rest = description.classes - len(names)
  return (
    f"classes{', with their images' if texts else ''}:"
    f" {', '.join(texts or names)}" + (f" and {rest:,} more" if rest else "")
  )


def uneven(counts: Mapping[str | int, int], what: str) -> tuple[str, ...]:
  """Returns a note about classes of unequal size; () if they are about equal.

  Args:
    counts: Number of training images by class.
    what: Plural noun for the images.
  """
  least = min(sorted(counts), key=counts.__getitem__)
  most = max(sorted(counts), key=counts.__getitem__)
  ratio = counts[most] / counts[least]
  if ratio <= _UNEVEN:
    return ()
  return (
    f"uneven classes: {counts[most]:,} {what} of {most!r}, {counts[least]:,} of"
    f" {least!r}, {ratio:.1f} to 1; --class_weights=balanced compensates",
  )
