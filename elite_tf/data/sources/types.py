"""What a data set is, and what a source of data sets is."""

import dataclasses
import typing
from collections.abc import Callable
from pathlib import Path

if typing.TYPE_CHECKING:
  # For annotations only: a dry run describes data without loading NumPy.
  import numpy as np

  from elite_tf.data.sources.ragged import Ragged

# From this short side on, in pixels, an image counts as a photograph.
PHOTOGRAPH_SIDE = 64

# Resized images of fewer bytes are not kept in the cache.
RESIZED_BYTES = 1 << 24


@dataclasses.dataclass(frozen=True)
class Description:
  """What is known of a data set without reading its images.

  Attributes:
    name: Short name that can be the name of a folder.
    classes: Number of classes; labels are 0 to `classes` - 1.
    channels: 1 (grey) or 3 (RGB).
    height: Height of the images as stored, in pixels.
    width: Width of the images as stored, in pixels.
    class_names: One name per class, in the order of the labels.
    images: Number of images, all parts together.
    photographs: Whether the images are photographs: at least 64 pixels on their
      short side. Photographs are evaluated on a central crop and have other
      augmentations.
    notes: What the user should know about the data, one line each.
    class_images: Number of images of each class, all parts together; empty if
      it is not known without reading the images.
    named: Whether the source names its classes; otherwise `class_names` are the
      numbers of the labels.
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
  class_images: tuple[int, ...] = ()
  named: bool = True


@dataclasses.dataclass(frozen=True)
class Store:
  """Where a source finds data, and where and how it keeps them decoded.

  Sources whose images are arrays do not use it.

  Attributes:
    root: Folder of the decoded cache, `--cache_dir`; None decodes into a
      temporary file that is gone when the process ends.
    side: Short side to which larger images are shrunk, in pixels; 0 keeps every
      size. Images are never enlarged.
    tfds_dir: Folder of TensorFlow Datasets, `--tfds_dir`; empty means its
      default.
    download: Whether missing data may be downloaded, `--download`.
  """

  root: Path | None = None
  side: int = 0
  tfds_dir: str = ""
  download: bool = False


# Arrays have no single answer to ==: `Split` and `Dataset` compare by identity.
@dataclasses.dataclass(frozen=True, eq=False)
class Split:
  """One part of a data set.

  Attributes:
    images: uint8, (n, height, width, channels), pixels as stored; images of
      different sizes are a sequence of arrays, (height, width, channels).
    labels: int32, (n,).
    hashes: uint64, (n,), of the pixels of each image, as
      `elite_tf.data.sources.hashes` computes them; None if that was not done
      yet.
  """

  images: "np.ndarray | Ragged"
  labels: "np.ndarray"
  hashes: "np.ndarray | None" = None


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
  """A data set, cut into three parts.

  Attributes:
    description: What is known without the images.
    train: Used for gradients and for calibration; the only part that is.
    val: Used for the decisions of the search.
    test: Used once, at the end, for the figures that are reported.
    notes: What the user should know about the data; begins with the notes of
      the description.
  """

  description: Description
  train: Split
  val: Split
  test: Split
  notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class DataSource:
  """A kind of data that `--data` can name.

  Attributes:
    usage: How it is written after `--data=`: the scheme alone, or the scheme, a
      colon and what the argument stands for.
    describe: (argument, store) -> the description, without reading the images
      and without loading a machine learning library. Raises ConfigError where
      the argument or the data are wrong.
    load: (argument, seed, store) -> the data set. The seed moves images between
      training and validation, never to or from test. Raises ConfigError as
      `describe` does.
    key: (argument, store) -> a text that is another one if the data have
      changed; the images are not decoded for it. Raises ConfigError as
      `describe` does.
    decoded: Whether the images lie decoded in the cache; otherwise they are
      arrays in the memory of every process that loads them.
  """

  usage: str
  describe: Callable[[str, Store], Description]
  load: Callable[[str, int, Store], Dataset]
  key: Callable[[str, Store], str]
  decoded: bool = False

  @property
  def scheme(self) -> str:
    """What stands before the colon."""
    return self.usage.partition(":")[0]
