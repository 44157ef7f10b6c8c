"""Augmentation: what training pictures are changed by before every epoch.

    none      nothing: the central square, as in evaluation
    light     a shift by up to an eighth of the side, edges repeated; safe for
              any content. On photographs a random resized crop instead, of an
              area of 0.5 to 1. No flip
    cifar10   Fast AutoAugment's policy for CIFAR-10, a shift by up to an eighth
              of the side (black beyond the edge), flip
    svhn      the same with the policy for SVHN; no flip, for house numbers
    imagenet  the paper's (Section 5.1): Fast AutoAugment's policy for reduced
              ImageNet, random resized crop of an area of 0.1 to 1, flip, colour
              jitter of 0.4

A flip is to the left or right, of every other picture. Policies are those
published with Fast AutoAugment (Lim et al., NeurIPS 2019).

Importing this package loads neither NumPy nor Pillow: a plan knows the names.
"""

import typing

if typing.TYPE_CHECKING:
  from elite_tf.data.sources.types import Description

NAMES = ("none", "light", "cifar10", "svhn", "imagenet")

# Below this side, in pixels, a shift by one pixel is a large one.
SMALLEST_SIDE = 16

# Colour images of a smaller side, in pixels, are of CIFAR-10's kind.
LARGE_SIDE = 64


def choose(description: "Description") -> str:
  """Returns the augmentation for a data set whose user named none.

  By the shorter side of the images as stored: `none` below 16 pixels; else
  `light` for grey images; for colour `cifar10` below 64 pixels, `imagenet` from
  there on.

  Args:
    description: Of the data set.
  """
  side = min(description.height, description.width)
  if side < SMALLEST_SIDE:
    return "none"
  if description.channels == 1:
    return "light"
  return "cifar10" if side < LARGE_SIDE else "imagenet"
