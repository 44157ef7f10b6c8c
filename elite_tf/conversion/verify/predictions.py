"""A champion's answers to the test split, and what it got wrong.

`predictions.npz` in a champion's folder (no pickled objects):

    network        who answered: int8, int16x8, or keras where none was quantized
    labels         whole numbers (n,), the true classes
    answers        whole numbers (n,), the classes answered
    probabilities  float32 (n,), of the answer, by the network itself
    mistakes       whole numbers (k,), positions of the worst mistakes
    images         uint8 (k, height, width, channels), these as the network saw
                   them, no side longer than 64 pixels
"""

import dataclasses
import io
import zipfile
from pathlib import Path

import numpy as np

from elite_tf.data import preprocess
from elite_tf.errors import ConfigError

FILE = "predictions.npz"

# Enough to see what they have in common; a page holds those of every champion.
MISTAKES = 12
LONGEST_SIDE = 64

_FIELDS = (
    "network", "labels", "answers", "probabilities", "mistakes", "images"
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
  """What a network answered.

  Attributes:
    classes: Whole numbers (n,), the most probable class of each image.
    probabilities: float32 (n,), its probability, 0 to 1.
  """

  classes: np.ndarray
  probabilities: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
  """The contents of `predictions.npz`; the attributes are its fields."""

  network: str
  labels: np.ndarray
  answers: np.ndarray
  probabilities: np.ndarray
  mistakes: np.ndarray
  images: np.ndarray


def worst_mistakes(
  labels: np.ndarray, answers: Answers, count: int = MISTAKES
) -> np.ndarray:
  """Returns the positions of the wrong answers given with most confidence.

  Args:
    labels: Whole numbers (n,), the true classes.
    answers: To the same images.
    count: How many, at most; of equal ones the first come first.
  """
  wrong = np.flatnonzero(np.asarray(answers.classes) != labels)
  order = np.argsort(-answers.probabilities[wrong], kind="stable")
  return wrong[order[:count]]


def predictions_of(
  network: str,
  labels: np.ndarray,
  answers: Answers,
  images: np.ndarray | preprocess.Resized,
) -> Predictions:
  """Returns what is kept of a network's answers.

  Args:
    network: Who answered.
    labels: Whole numbers (n,), the true classes.
    answers: To the images.
    images: uint8 (n, height, width, channels), as the network saw them.
  """
  mistakes = worst_mistakes(labels, answers)
  side = min(images.shape[1], LONGEST_SIDE)
  seen = [images[n : n + 1] for n in mistakes.tolist()]
  shown = (
    np.concatenate([preprocess.resize(one, side) for one in seen])
    if seen
    else np.empty((0, side, side, images.shape[-1]), np.uint8)
  )
  return Predictions(
    network,
    _small(labels),
    _small(answers.classes),
    np.asarray(answers.probabilities, np.float32),
    mistakes.astype(np.uint32),
    shown,
  )


def _small(numbers: np.ndarray) -> np.ndarray:
  numbers = np.asarray(numbers)
  most = int(numbers.max(initial=0))
  return numbers.astype(np.min_scalar_type(most))


def to_bytes(predictions: Predictions) -> bytes:
  """Returns the file's bytes."""
  file = io.BytesIO()
  fields = {name: getattr(predictions, name) for name in _FIELDS}
  np.savez_compressed(file, **fields)
  return file.getvalue()


def read(path: Path) -> Predictions | None:
  """Returns what a file holds; None if it is missing.

  Raises:
    ConfigError: It is damaged.
    OSError: It cannot be read.
  """
  try:
    with np.load(path, allow_pickle=False) as file:
      fields = {name: file[name] for name in _FIELDS}
    return Predictions(**{**fields, "network": str(fields["network"])})
  except FileNotFoundError:
    return None
  except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
    raise ConfigError(f"{path}: damaged ({error})") from error
