"""Test vectors of the firmware: inputs and their expected outputs.

The expected outputs come from TensorFlow Lite Micro on this computer.
"""

import dataclasses
import struct
from collections.abc import Sequence

import numpy as np

from elite_tf.conversion.interpreters.micro import run_micro
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.data.preprocess import resize
from elite_tf.errors import ConfigError
from elite_tf.firmware.generate import input_codes

# The first four bytes of each file: "ELIT", least significant byte first.
MAGIC = 0x54494C45

# Number of real inputs, and number of random inputs.
VECTORS = 32


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
  """Images as the data set stores them.

  Attributes:
    images: uint8 (n, height, width, channels), or a sequence of pictures of
      different sizes.
    labels: Integers (n,), the classes.
    crop: Whether the network sees only the centres of the images, see
      `elite_tf.data.preprocess.central_square`.
  """

  images: np.ndarray | Sequence[np.ndarray]
  labels: np.ndarray
  crop: bool


def vectors_file(
  model: bytes, pictures: Pictures | None, count: int = VECTORS
) -> bytes:
  """Returns the bytes of `vectors.bin`: inputs, each followed by its output.

  Args:
    model: The .tflite file.
    pictures: Source of the real inputs; None for random inputs only.
    count: Number of real inputs, and number of random inputs.
  """
  shape = inspect(model).input.shape[1:]
  random = np.random.default_rng(0)
  inputs = random.integers(-128, 128, (count, *shape), dtype=np.int8)
  if pictures is not None:
    inputs = np.concatenate([_inputs(model, pictures, count), inputs])
  outputs = run_micro(model, inputs).outputs
  parts = [struct.pack("<II", MAGIC, len(inputs))]
  for one, output in zip(inputs, outputs):
    parts += [one.tobytes(), output.tobytes()]
  return b"".join(parts)


def images_file(model: bytes, pictures: Pictures, count: int) -> bytes:
  """Returns the bytes of `images.bin`: labels, images and outputs.

  Args:
    model: The .tflite file.
    pictures: Source of the images.
    count: Number of images, from the first on; all if there are fewer.
  """
  outputs = run_micro(model, _inputs(model, pictures, count)).outputs
  parts = [struct.pack("<II", MAGIC, len(outputs))]
  for image, label, output in zip(pictures.images, pictures.labels, outputs):
    head = struct.pack("<III", int(label), *image.shape[:2])
    parts += [head, np.asarray(image).tobytes(), output.tobytes()]
  return b"".join(parts)


def _inputs(model: bytes, pictures: Pictures, count: int) -> np.ndarray:
  tensor = inspect(model).input
  height, width, channels = tensor.shape[1:]
  chosen = pictures.images[:count]
  if height != width or chosen[0].shape[2] != channels:
    raise ConfigError(
      "The network must take square images of the data's channels. Received:"
      f" input {list(tensor.shape)}, images of {list(chosen[0].shape)}"
    )
  codes = input_codes(tensor.scale, tensor.zero_point)
  return codes[resize(chosen, height, pictures.crop)]
