"""Does a network compute on a microcontroller what it does on a computer?

The same .tflite file runs through TensorFlow Lite's reference kernels and
through TensorFlow Lite Micro, whose kernels are those on the boards, and every
byte of every output is compared. Both are slow, plain C++; TensorFlow Lite's
usual, optimized kernels round otherwise and prove nothing about a board.

Every operator of the package's own networks agrees to the last byte. In other
people's files FULLY_CONNECTED may not: see `tflite.dense_as_convolution`.
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

# Bytes of input tensors made at a time: `compare` takes any number of images.
CHUNK_BYTES = 1 << 28


@dataclasses.dataclass(frozen=True)
class Verification:
  """How TensorFlow Lite Micro compares to the reference kernels.

  Attributes:
    images: Number of images compared.
    equal: Whether every byte of every output is the same.
    different: Number of images that differ.
    first_difference: Index of the first image that differs, None if none does.
    accuracy: Top-1 accuracy on the images, 0 to 1, by TensorFlow Lite Micro.
    confusion: Its answers: rows by truth, columns by answer.
    arena_bytes: As in `MicroRun`.
    arena_head_bytes: As in `MicroRun`.
    arena_tail_bytes: As in `MicroRun`.
    codes: Number of different values among all outputs; of int8's 256, a
      comparison that reaches seven has compared little.
    seconds: Wall clock of the comparison.
    answers: Of TensorFlow Lite Micro to each image.
  """

  images: int
  equal: bool
  different: int
  first_difference: int | None
  accuracy: float
  confusion: metrics.Confusion
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
    labels: Whole numbers (n,), the classes.
    processes: As `run_micro` has it.
    timeout_seconds: As `run_micro` has it.

  Returns:
    The comparison. Outputs that differ are no error here: see `require_equal`.

  Raises:
    ConfigError: If an argument is not as described.
    VerificationFailed: If either interpreter cannot run the network.
  """
  began = time.monotonic()
  inspection = inspect(model)
  tensor = inspection.input
  _check_images(tensor, images, labels)
  require_softmax(inspection)
  different, first, values = 0, None, set()
  answers, tops = [], []
  table = input_table(tensor)
  bytes_ = math.prod(images.shape[1:]) * table.itemsize
  rows = max(1, CHUNK_BYTES // bytes_)
  for start in range(0, len(images), rows):
    inputs = table[images[start : start + rows]]
    # Micro goes first: what would end a process ends a child of it.
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
  # A label may lie beyond what the network knows: it is never right there.
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
  """Refuses a network that computes something else on a microcontroller.

  Args:
    verification: Result of `compare`.

  Raises:
    VerificationFailed: If any output differs.
  """
  if not verification.equal:
    raise VerificationFailed(
      "TensorFlow Lite Micro and the reference kernels differ on"
      f" {verification.different} of {verification.images} images, the first"
      f" of them image {verification.first_difference}"
    )


def _real(stored: np.ndarray, tensor: Tensor) -> np.ndarray:
  """Returns the real numbers that a tensor's stored ones mean, as float32."""
  if not tensor.scale:
    return stored.astype(np.float32)
  real = (stored.astype(np.float64) - tensor.zero_point) * tensor.scale
  return real.astype(np.float32)


def _differs(micro: np.ndarray, reference: np.ndarray) -> np.ndarray:
  """Returns of each row whether any byte of it differs."""
  if micro.shape != reference.shape or micro.dtype != reference.dtype:
    raise VerificationFailed(
      "TensorFlow Lite Micro's outputs are not of the reference's form."
      f" Received: {micro.dtype} {micro.shape},"
      f" {reference.dtype} {reference.shape}"
    )
  rows = len(micro)
  # As bytes: to numbers, NaN differs from itself and -0.0 is 0.0.
  left = np.ascontiguousarray(micro).reshape(rows, -1).view(np.uint8)
  right = np.ascontiguousarray(reference).reshape(rows, -1).view(np.uint8)
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
