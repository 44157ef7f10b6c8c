"""Augmentation: how training images are changed before every epoch.

    none      no change: the central square, as in evaluation
    light     a shift by up to an eighth of the side, edges repeated; safe for
              any content. For photographs a random resized crop instead, of 0.5
              to 1 of the area. No flip
    cifar10   Fast AutoAugment's policy for CIFAR-10, a shift by up to an eighth
              of the side (black beyond the edge), flip
    svhn      the same with the policy for SVHN, no flip: for house numbers
    imagenet  the paper's (Section 5.1): Fast AutoAugment's policy for reduced
              ImageNet, random resized crop of 0.1 to 1 of the area, flip, colour
              jitter of 0.4

A flip mirrors left and right, with a probability of one half. The policies are
those published with Fast AutoAugment (Lim et al., NeurIPS 2019).

Importing this package loads neither NumPy nor Pillow, because the search's plan
needs the names.
"""

import typing

if typing.TYPE_CHECKING:
  from elite_tf.data.sources.types import Description

NAMES = ("none", "light", "cifar10", "svhn", "imagenet")

# Below this side, in pixels, a shift by one pixel is already large.
SMALLEST_SIDE = 16

# Colour images with a smaller side, in pixels, are treated like CIFAR-10.
LARGE_SIDE = 64


def takes_stored(name: str, photographs: bool) -> bool:
  """Returns whether an augmentation crops images as stored by itself.

  The others are given images that were resized before.

  Args:
    name: One of `NAMES`.
    photographs: As in `elite_tf.data.sources.Description`.
  """
  return name == "imagenet" or (name == "light" and photographs)


def choose_augmentation(description: "Description") -> str:
  """Returns the augmentation for a data set if the user named none.

  The shorter side of the images as stored decides: below 16 pixels `none`; else
  `light` for grey images; for colour images `cifar10` below 64 pixels and
  `imagenet` from 64 pixels on.
  """
  side = min(description.height, description.width)
  if side < SMALLEST_SIDE:
    return "none"
  if description.channels == 1:
    return "light"
  return "cifar10" if side < LARGE_SIDE else "imagenet"
