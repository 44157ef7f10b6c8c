"""The darkest and the brightest pixel: whether images are on the scale of 255."""

from elite_tf.errors import ConfigError

# An image that uses less than a quarter of the range is likely not meant so.
_DIM = 64


def check(low: int, high: int, what: str) -> tuple[str, ...]:
  """Checks the range of all pixels; returns notes about it.

  Args:
    low: Smallest pixel of all images.
    high: Greatest pixel of all images.
    what: The images, for the message.

  Raises:
    ConfigError: The pixels are only 0 and 1.
  """
  if low == high:
    return (f"every pixel of every image is {low}: nothing can be learned",)
  if high == 1:
    raise ConfigError(
      f"--data: {what} must have pixels from 0 to 255. Received: only 0 and 1;"
      " multiply them by 255"
    )
  if high >= _DIM:
    return ()
  return (
    f"dark images: the brightest pixel of all is {high} of 255; if that is"
    f" meant to be white, multiply all by {255 / high:.3g}",
  )
