"""Crops and shifts: which part of an image is seen."""

import math

import numpy as np
from PIL import Image

from elite_tf.data.crop import central_square

# Of a random resized crop, as published with Inception.
ASPECT_RATIOS = (3 / 4, 4 / 3)
TRIES = 10


def random_box(
  height: int,
  width: int,
  areas: tuple[float, float],
  resolution: int,
  rng: np.random.Generator,
) -> tuple[int, int, int, int]:
  """Draws the part of an image for a random resized crop.

  The area and the logarithm of width / height are uniform. A draw that does not
  fit into the image is repeated; after ten draws the part is that of evaluation.

  Args:
    height: Height of the image, in pixels.
    width: Width of the image, in pixels.
    areas: Least and greatest share of the image's area.
    resolution: Side to which the part will be resized, in pixels.
    rng: Random generator.

  Returns:
    (left, top, right, bottom), whole pixels.
  """
  for _ in range(TRIES):
    area = height * width * rng.uniform(*areas)
    ratio = math.exp(rng.uniform(*map(math.log, ASPECT_RATIOS)))
    wide = round(math.sqrt(area * ratio))
    high = round(math.sqrt(area / ratio))
    if 0 < wide <= width and 0 < high <= height:
      left = int(rng.integers(width - wide + 1))
      top = int(rng.integers(height - high + 1))
      return left, top, left + wide, top + high
  top, left, side = central_square(height, width, True)
  return left, top, left + side, top + side


def draw_shift(side: int, rng: np.random.Generator) -> tuple[int, int]:
  """Draws (down, right): whole pixels, each from -(side // 8) to side // 8."""
  reach = side // 8
  down, right = rng.integers(-reach, reach + 1, 2)
  return int(down), int(right)


def shift_black(picture: Image.Image, down: int, right: int) -> Image.Image:
  """Moves an image, both in pixels; new pixels at the edge are black."""
  width, height = picture.size
  return picture.crop((-right, -down, width - right, height - down))


def shift_edge(image: np.ndarray, down: int, right: int) -> np.ndarray:
  """Moves an image; new pixels repeat the edge.

  Args:
    image: (height, width, channels).
    down: Pixels; negative moves up.
    right: Pixels; negative moves left.
  """
  height, width = image.shape[:2]
  rows = np.clip(np.arange(height) - down, 0, height - 1)
  columns = np.clip(np.arange(width) - right, 0, width - 1)
  return image[rows[:, None], columns]
