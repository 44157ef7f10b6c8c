"""The augmentations by name: from a stored image to one for the network."""

import dataclasses
from collections.abc import Callable

import numpy as np
from PIL import Image

from elite_tf.data.augment import FLIPPING, crops
from elite_tf.data.augment.operations import OPERATIONS
from elite_tf.data.augment.policies import apply_policy, load_policy
from elite_tf.data.preprocess import to_picture

# Brightness, contrast and saturation are each multiplied by 0.6 to 1.4.
JITTER = 0.4
JITTERED = ("Brightness", "Contrast", "Color")

# Least and greatest share of the area that a random resized crop takes.
IMAGENET_AREAS = (0.1, 1.0)
LIGHT_AREAS = (0.5, 1.0)

# Before the operations of a policy, an image is shrunk by a whole factor as long
# as its shorter side stays this many times the network's resolution. The cost of
# operations grows with the number of pixels, and a crop of median area still has
# more pixels than the network sees.
KEPT_SIDES = 1.5

Apply = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Augmentation:
  """How training images are changed.

  Attributes:
    stored: Whether `apply` takes images as stored, of any size, and cuts out a
      part itself; otherwise it takes squares of the network's resolution.
    apply: (image, resolution, random generator) -> image: from uint8, (height,
      width, channels), to uint8, (resolution, resolution, channels); None
      changes nothing.
  """

  stored: bool
  apply: Apply | None


def _then_flipped(apply: Apply | None) -> Apply:
  """Returns an augmentation, followed by a flip in half of the cases."""

  def both(image, resolution, rng):
    if apply is not None:
      image = apply(image, resolution, rng)
    return image[:, ::-1] if rng.random() < 0.5 else image

  return both


def _to_array(picture: Image.Image) -> np.ndarray:
  array = np.asarray(picture)
  return array if array.ndim == 3 else array[..., None]


def _crop(picture, areas, resolution, rng):
  box = crops.random_box(picture.height, picture.width, areas, resolution, rng)
  # In one call, so that the filter sees the pixels just outside of the box.
  return picture.resize((resolution, resolution), Image.Resampling.BICUBIC, box)


def _shrunk(picture: Image.Image, resolution: int) -> Image.Image:
  factor = int(min(picture.size) // (KEPT_SIDES * resolution))
  return picture.reduce(factor) if factor > 1 else picture


def jitter(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
  """Changes brightness, contrast and saturation, in random order."""
  for position in rng.permutation(len(JITTERED)):
    factor = rng.uniform(1 - JITTER, 1 + JITTER)
    picture = OPERATIONS[JITTERED[position]](picture, factor, rng)
  return picture


def _imagenet(image, resolution, rng):
  picture = _shrunk(to_picture(image), resolution)
  picture = apply_policy(picture, load_policy("imagenet"), rng)
  picture = _crop(picture, IMAGENET_AREAS, resolution, rng)
  return _to_array(jitter(picture, rng))


def _cifar10(image, resolution, rng):
  picture = apply_policy(to_picture(image), load_policy("cifar10"), rng)
  shift = crops.draw_shift(resolution, rng)
  return _to_array(crops.shift_black(picture, *shift))


def _svhn(image, resolution, rng):
  picture = apply_policy(to_picture(image), load_policy("svhn"), rng)
  shift = crops.draw_shift(resolution, rng)
  return _to_array(crops.shift_black(picture, *shift))


def _light(image, resolution, rng):
  return crops.shift_edge(image, *crops.draw_shift(resolution, rng))


def _light_photograph(image, resolution, rng):
  return _to_array(_crop(to_picture(image), LIGHT_AREAS, resolution, rng))


_WITHOUT_FLIPS = {
  "none": Augmentation(False, None),
  "light": Augmentation(False, _light),
  "cifar10": Augmentation(False, _cifar10),
  "svhn": Augmentation(False, _svhn),
  "imagenet": Augmentation(True, _imagenet),
}


def _with_flips(found: Augmentation) -> Augmentation:
  return dataclasses.replace(found, apply=_then_flipped(found.apply))


AUGMENTATIONS: dict[str, Augmentation] = {
  name: _with_flips(found) if name in FLIPPING else found
  for name, found in _WITHOUT_FLIPS.items()
}


def get_augmentation(
  name: str, photographs: bool, flip: bool | None = None
) -> Augmentation:
  """Returns an augmentation by its name.

  Args:
    name: One of `elite_tf.data.augment.NAMES`.
    photographs: Whether the images are photographs, as in
      `elite_tf.data.sources.Description`.
    flip: Whether images are mirrored, too; None leaves it to the augmentation.
  """
  found = _WITHOUT_FLIPS[name]
  if name == "light" and photographs:
    found = Augmentation(True, _light_photograph)
  if flip is None:
    flip = name in FLIPPING
  return _with_flips(found) if flip else found
