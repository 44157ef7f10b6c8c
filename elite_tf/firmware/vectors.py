"""Test vectors for the firmware: inputs and their expected outputs.

The outputs are computed by TensorFlow Lite Micro on this computer.
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

# First four bytes of every file: "ELIT", least significant byte first.
MAGIC = 0x54494C45

# Number of vectors of real images, and of random numbers.
VECTORS = 32


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
  """Images as stored.

  Attributes:
    images: uint8 (n, height, width, channels), or a sequence of pictures of
      different sizes.
    labels: Whole numbers (n,).
    crop: Whether they are cropped as by
      `elite_tf.data.crop.central_square`.
  """

  images: np.ndarray | Sequence[np.ndarray]
  labels: np.ndarray
  crop: bool


def vectors(
  model: bytes, pictures: Pictures | None, count: int = VECTORS
) -> bytes:
  """Returns the file of inputs and outputs.

  Args:
    model: The .tflite file.
    pictures: For inputs of real images; None: no real images.
    count: Number of inputs of real images, and of random ones.
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


def images(model: bytes, pictures: Pictures, count: int) -> bytes:
  """Returns the file of pictures, labels and outputs.

  Args:
    model: The .tflite file.
    pictures: The pictures.
    count: How many of them, from the first; all if there are fewer.
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
