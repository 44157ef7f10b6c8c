"""Which augmentation a data set gets if the user leaves the choice, and why.

Loads neither NumPy nor Pillow, because the search's plan needs it.
"""

import dataclasses
import re
import typing

if typing.TYPE_CHECKING:
  from elite_tf.data.sources.types import Description

# Below this side, in pixels, a shift by one pixel is already large.
SMALLEST_SIDE = 16

# Colour images with a smaller side, in pixels, are treated like CIFAR-10.
LARGE_SIDE = 64

# Augmentations that mirror images unless the user or the data forbid it.
FLIPPING = ("cifar10", "imagenet")

_SIGN = re.compile(r"\d+|[^\W\d_]")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_SIDES = frozenset({"left", "right"})


@dataclasses.dataclass(frozen=True)
class Choice:
  """How training images are changed.

  Attributes:
    augment: One of `elite_tf.data.augment.NAMES`.
    flip: "always" or "never".
    why: Both and the reasons, as one line.
  """

  augment: str
  flip: str
  why: str


def choose(
  description: "Description", augment: str = "", flip: str = "auto"
) -> Choice:
  """Chooses an augmentation, and whether images are mirrored left and right.

  The shorter side of the images as stored decides: below 16 pixels `none`; else
  `light` for grey images; for colour images `cifar10` below 64 pixels and
  `imagenet` from 64 pixels on. The last two mirror images, but not if most
  classes are called by digits or single letters, or one by left or right.

  Args:
    description: Of the data set.
    augment: What the user named; empty leaves the choice.
    flip: "always", "never", or "auto", which leaves the choice.
  """
  name, reason = (augment, "as given") if augment else _by_size(description)
  if flip == "auto":
    flip, told = _by_classes(description, name)
  else:
    told = f"{_FLIPS[flip]} (as given)"
  return Choice(
    name,
    flip,
    f"augmentation of the training images: {name} ({reason}), {told}",
  )


_FLIPS = {"always": "flipped left to right", "never": "never flipped"}


def _by_size(description: "Description") -> tuple[str, str]:
  side = min(description.height, description.width)
  if side < SMALLEST_SIDE:
    return "none", f"below {SMALLEST_SIDE} pixels"
  if description.channels == 1:
    return "light", "grey images"
  if side < LARGE_SIDE:
    return "cifar10", f"colour below {LARGE_SIDE} pixels"
  return "imagenet", f"colour from {LARGE_SIDE} pixels on"


def _by_classes(description: "Description", augment: str) -> tuple[str, str]:
  """Returns whether to flip, and that with its reason in words."""
  if augment not in FLIPPING:
    return "never", _FLIPS["never"]
  if not description.named:
    return "always", (
      f"{_FLIPS['always']} (classes have no names; for letters or signs give"
      " --flip=never)"
    )
  names = description.class_names
  if 2 * sum(bool(_SIGN.fullmatch(name)) for name in names) > len(names):
    return "never", f"{_FLIPS['never']} (classes are digits or letters)"
  for name in names:
    if _SIDES & {word.lower() for word in _WORD.findall(name)}:
      return "never", f"{_FLIPS['never']} (a class is called {name!r})"
  return "always", (
    f"{_FLIPS['always']} (classes look the same mirrored, it is assumed;"
    " otherwise give --flip=never)"
  )
