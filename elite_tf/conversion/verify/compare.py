"""Checks that a network computes the same on a microcontroller as on a computer.

The same .tflite file runs in TensorFlow Lite's reference kernels and in
TensorFlow Lite Micro, which has the kernels of the boards, and every byte of
every output is compared. Both are slow, plain C++. TensorFlow Lite's default,
optimized kernels round differently and prove nothing about a board.

All operators of the package's own networks agree to the last byte. In files from
elsewhere FULLY_CONNECTED may differ: see `tflite.convert.dense_as_convolution`.
"""

import dataclasses
import math
import time

import numpy as np

from elite_tf.conversion.interpreters.micro import TIMEOUT_SECONDS, run_micro
from elite_tf.conversion.interpreters.reference import run_reference
from elite_tf.conversion.interpreters.tensors import describe_array, input_table
from elite_tf.conversion.tflite.inspect import Tensor, inspect, require_softmax
from elite_tf.conversion.verify import metrics
from elite_tf.conversion.verify.predictions import Answers
from elite_tf.data.preprocess import Resized
from elite_tf.errors import ConfigError, VerificationFailed

# Bytes of input tensors per chunk: `compare` takes any number of images.
CHUNK_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class Verification:
  """The comparison of TensorFlow Lite Micro with the reference kernels.

  Attributes:
    images: Number of images compared.
    equal: Whether every byte of every output is the same.
    different: Number of images with different outputs.
    first_difference: Index of the first such image; None if there is none.
    accuracy: Top-1 accuracy of TensorFlow Lite Micro on the images, 0 to 1.
    confusion: Its confusion matrix, int32 (classes, classes): rows are true
      classes, columns are answers.
    arena_bytes: As in `MicroRun`.
    arena_head_bytes: As in `MicroRun`.
    arena_tail_bytes: As in `MicroRun`.
    codes: Number of different values among all outputs. A comparison that
      reaches seven of int8's 256 values says little.
    seconds: Wall clock of the comparison.
    answers: Answers of TensorFlow Lite Micro to the images.
  """

  images: int
  equal: bool
  different: int
  first_difference: int | None
  accuracy: float
  confusion: np.ndarray = dataclasses.field(compare=False, repr=False)
  arena_bytes: int
  arena_head_bytes: int
  arena_tail_bytes: int
  codes: int
  seconds: float
  answers: Answers = dataclasses.field(compare=False, repr=False)


def compare(
  model: bytes,
  images: np.ndarray | Resized,
  labels: np.ndarray,
  processes: int | None = None,
  timeout_seconds: float = TIMEOUT_SECONDS,
) -> Verification:
  """Runs images through both interpreters and compares their outputs.

  Args:
    model: The .tflite file.
    images: uint8 (n, height, width, channels), of the network's size.
    labels: Integers (n,), the classes.
    processes: As in `run_micro`.
    timeout_seconds: As in `run_micro`.

  Returns:
    The comparison. Different outputs are no error here: see `require_equal`.

  Raises:
    ConfigError: An argument is not as described.
    VerificationFailed: One of the interpreters cannot run the network.
  """
  began = time.monotonic()
  inspection = inspect(model)
  tensor = inspection.input
  _check_images(tensor, images, labels)
  require_softmax(inspection)
  different, first, values = 0, None, set()
  answers, tops = [], []
  table = input_table(tensor)
  image_bytes = math.prod(images.shape[1:]) * table.itemsize
  chunk = max(1, CHUNK_BYTES // image_bytes)
  for start in range(0, len(images), chunk):
    inputs = table[images[start : start + chunk]]
    # TensorFlow Lite Micro runs first: a crash ends only a child process.
    micro = run_micro(model, inputs, timeout_seconds, processes)
    reference = run_reference(model, inputs, processes)
    differs = _differs(micro.outputs, reference)
    different += int(differs.sum())
    if first is None and differs.any():
      first = start + int(differs.argmax())
    outputs = micro.outputs.reshape(len(inputs), -1)
    answers += outputs.argmax(axis=1).tolist()
    tops.append(outputs.max(axis=1))
    values.update(np.unique(micro.outputs).tolist())
  # A label may be a class that the network does not have: always a mistake.
  classes = max(outputs.shape[1], int(np.max(labels)) + 1)
  confusion = metrics.confusion_matrix(labels, answers, classes)
  return Verification(
    images=len(images),
    equal=first is None,
    different=different,
    first_difference=first,
    accuracy=metrics.accuracy(confusion),
    confusion=confusion,
    arena_bytes=micro.arena_bytes,
    arena_head_bytes=micro.arena_head_bytes,
    arena_tail_bytes=micro.arena_tail_bytes,
    codes=len(values),
    seconds=time.monotonic() - began,
    answers=Answers(
      np.asarray(answers), _real(np.concatenate(tops), inspection.output)
    ),
  )


def require_equal(verification: Verification) -> None:
  """Checks that all outputs are equal.

  Args:
    verification: Result of `compare`.

  Raises:
    VerificationFailed: An output differs.
  """
  if not verification.equal:
    raise VerificationFailed(
      "TensorFlow Lite Micro and the reference kernels differ on"
      f" {verification.different} of {verification.images} images; the first of"
      f" them is image {verification.first_difference}"
    )


def _real(stored: np.ndarray, tensor: Tensor) -> np.ndarray:
  """Returns the real numbers of stored ones, as float32."""
  if not tensor.scale:
    return stored.astype(np.float32)
  real = (stored.astype(np.float64) - tensor.zero_point) * tensor.scale
  return real.astype(np.float32)


def _differs(micro: np.ndarray, reference: np.ndarray) -> np.ndarray:
  """Returns for each image whether any byte of its outputs differs."""
  if micro.shape != reference.shape or micro.dtype != reference.dtype:
    raise VerificationFailed(
      "TensorFlow Lite Micro's outputs must have the type and shape of the"
      " reference kernels' outputs."
      f" Received: {micro.dtype} {micro.shape},"
      f" {reference.dtype} {reference.shape}"
    )
  count = len(micro)
  # Bytes are compared: as numbers, NaN differs from itself and -0.0 equals 0.0.
  left = np.ascontiguousarray(micro).reshape(count, -1).view(np.uint8)
  right = np.ascontiguousarray(reference).reshape(count, -1).view(np.uint8)
  return (left != right).any(axis=1)


def _check_images(
  tensor: Tensor, images: np.ndarray | Resized, labels: np.ndarray
) -> None:
  if (
    not isinstance(images, np.ndarray | Resized)
    or images.dtype != np.uint8
    or len(images.shape) != 4
    or images.shape[1:] != tensor.shape[1:]
    or not len(images)
  ):
    raise ConfigError(
      f"Images must be uint8 of shape {('n', *tensor.shape[1:])}, at least"
      f" one. Received: {describe_array(images)}"
    )
  if np.shape(labels) != (len(images),):
    raise ConfigError(
      f"{len(images)} images need as many labels. Received:"
      f" labels of shape {np.shape(labels)}"
    )
