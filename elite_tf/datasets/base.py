"""What a data set is: its description, and its images in three parts."""

import dataclasses
import typing

if typing.TYPE_CHECKING:
  # Only for the annotations: a dry run describes data without loading numpy.
  import numpy as np


@dataclasses.dataclass(frozen=True)
class Description:
  """What can be said of a data set without reading its images.

  Attributes:
    name: Short, and fit for the name of a folder.
    classes: Number of classes; labels are 0 to `classes` - 1.
    channels: 1 (grey) or 3 (RGB).
    height: Height of the images as stored, in pixels.
    width: Width of the images as stored, in pixels.
    class_names: One name for each class, in the order of the labels.
    images: Number of images, all parts together.
    photographs: Whether they are pictures of a camera's kind, of at least 64
      pixels: these are evaluated on a central crop and augmented as such.
  """

  name: str
  classes: int
  channels: int
  height: int
  width: int
  class_names: tuple[str, ...]
  images: int
  photographs: bool = False


# Arrays have no single answer to ==, so these two compare by identity.
@dataclasses.dataclass(frozen=True, eq=False)
class Split:
  """One part of a data set.

  Attributes:
    images: uint8, (n, height, width, channels), pixels as stored.
    labels: int32, (n,).
  """

  images: "np.ndarray"
  labels: "np.ndarray"


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
  """A data set, cut into its three parts.

  Attributes:
    description: What it is.
    train: Gradients and calibration see this part, and no other.
    val: Decides the tournament; no gradient sees it.
    test: Touched once, at the end, for the figures reported.
  """

  description: Description
  train: Split
  val: Split
  test: Split
