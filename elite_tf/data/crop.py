"""Which part of a photograph evaluation sees. Loads no NumPy."""

# Evaluation sees so many eighths of the short side of a photograph, because the
# random crops of training show objects larger than the whole photograph does. It
# is EfficientNet's central crop of 224 of 256 pixels, and the same share for every
# input size: candidates of different resolution see the same part of a picture.
CROP_EIGHTHS = 7


def central_square(
  height: int, width: int, crop: bool = False
) -> tuple[int, int, int]:
  """Returns the (top, left, side) that evaluation sees of an image, in pixels.

  Args:
    height: Height of the image, in pixels.
    width: Width of the image, in pixels.
    crop: Whether to take 7/8 of the shorter side, to the nearest pixel (halves
      up, at least 1), rather than all of it.
  """
  side = min(height, width)
  if crop:
    side = max(1, (side * CROP_EIGHTHS + 4) // 8)
  return (height - side) // 2, (width - side) // 2, side
