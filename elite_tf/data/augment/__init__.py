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

A flip mirrors left and right, with a probability of one half. Whether there is
one can be decided apart from the rest (`--flip`). The policies are those
published with Fast AutoAugment (Lim et al., NeurIPS 2019).

Importing this package loads neither NumPy nor Pillow, because the search's plan
needs the names.
"""

import typing

from elite_tf.data.augment.choice import FLIPPING, Choice, choose

if typing.TYPE_CHECKING:
  from elite_tf.data.sources.types import Description

__all__ = ("FLIPPING", "FLIPS", "NAMES", "Choice", "choose")

NAMES = ("none", "light", "cifar10", "svhn", "imagenet")

FLIPS = ("auto", "always", "never")


def takes_stored(name: str, photographs: bool) -> bool:
  """Returns whether an augmentation crops images as stored by itself.

  The others are given images that were resized before.

  Args:
    name: One of `NAMES`.
    photographs: As in `elite_tf.data.sources.Description`.
  """
  return name == "imagenet" or (name == "light" and photographs)


def choose_augmentation(description: "Description") -> str:
  """Returns the augmentation for a data set if the user named none."""
  return choose(description).augment
