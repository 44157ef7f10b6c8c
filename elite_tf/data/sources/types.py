"""What a data set is: its description, and its images in three parts."""

import dataclasses
import typing
from pathlib import Path

if typing.TYPE_CHECKING:
  # Only for the annotations: a dry run describes data without loading numpy.
  import numpy as np

  from elite_tf.data.sources.ragged import Ragged

# Short side, in pixels, from which on a picture counts as a photograph.
PHOTOGRAPH_SIDE = 64

# Resized images of fewer bytes are made anew by whoever needs them.
RESIZED_BYTES = 1 << 24


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
    notes: What a person should know of the data, one line each.
  """

  name: str
  classes: int
  channels: int
  height: int
  width: int
  class_names: tuple[str, ...]
  images: int
  photographs: bool = False
  notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Store:
  """Where a source looks for data, and where and how it keeps them decoded.

  Sources whose images are arrays already need none of it.

  Attributes:
    root: Folder of the decoded cache, `--cache_dir`; None decodes into a
      temporary file that is gone when the process ends.
    side: Short side that larger pictures are shrunk to, in pixels; 0 keeps
      every size. Nothing is ever enlarged.
    tfds_dir: Where TensorFlow Datasets' data lie, `--tfds_dir`; empty means
      its own default.
    download: Whether data that are not there may be fetched, `--download`.
  """

  root: Path | None = None
  side: int = 0
  tfds_dir: str = ""
  download: bool = False


# Arrays have no single answer to ==, so these two compare by identity.
@dataclasses.dataclass(frozen=True, eq=False)
class Split:
  """One part of a data set.

  Attributes:
    images: uint8, (n, height, width, channels), pixels as stored; pictures of
      different sizes are a sequence of arrays (height, width, channels).
    labels: int32, (n,).
  """

  images: "np.ndarray | Ragged"
  labels: "np.ndarray"


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
  """A data set, cut into its three parts.

  Attributes:
    description: What it is.
    train: Gradients and calibration see this part, and no other.
    val: Decides the tournament; no gradient sees it.
    test: Touched once, at the end, for the figures reported.
    notes: What a person should know of it, the description's notes among it.
  """

  description: Description
  train: Split
  val: Split
  test: Split
  notes: tuple[str, ...] = ()
