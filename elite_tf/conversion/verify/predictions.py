"""Answers of a champion to the test split, and its worst mistakes.

`predictions.npz` in the folder of a champion has (no pickled objects):

    network        network that answered: int8, int16x8 or, without a quantized
                   network, keras
    labels         integers (n,), the true classes
    answers        integers (n,), the classes answered
    probabilities  float32 (n,), probability of the answer, 0 to 1
    mistakes       integers (k,), positions of the worst mistakes
    images         uint8 (k, height, width, channels), images of these mistakes
                   as the network sees them, sides of at most 64 pixels
"""

import dataclasses
import io
import zipfile
from pathlib import Path

import numpy as np

from elite_tf.data import preprocess
from elite_tf.errors import ConfigError

FILE = "predictions.npz"

# Number of mistakes that are kept with their images. The report shows all of
# them for each champion.
MISTAKES = 12
LONGEST_SIDE = 64

_FIELDS = (
    "network", "labels", "answers", "probabilities", "mistakes", "images"
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
  """Answers of a network.

  Attributes:
    classes: Integers (n,), the most probable class of each image.
    probabilities: float32 (n,), probability of that class, 0 to 1.
  """

  classes: np.ndarray
  probabilities: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
  """Contents of `predictions.npz`; see the module for the fields."""

  network: str
  labels: np.ndarray
  answers: np.ndarray
  probabilities: np.ndarray
  mistakes: np.ndarray
  images: np.ndarray


def worst_mistakes(
  labels: np.ndarray, answers: Answers, count: int = MISTAKES
) -> np.ndarray:
  """Returns the positions of the wrong answers with the highest probability.

  Args:
    labels: Integers (n,), the true classes.
    answers: Answers to the same images.
    count: Largest number of positions; the order of equal ones is kept.
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
  """Returns the contents of `predictions.npz`.

  Args:
    network: Name of the network that answered.
    labels: Integers (n,), the true classes.
    answers: Answers to the images.
    images: uint8 (n, height, width, channels), as the network sees them.
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
  """Returns the bytes of `predictions.npz`."""
  file = io.BytesIO()
  fields = {name: getattr(predictions, name) for name in _FIELDS}
  np.savez_compressed(file, **fields)
  return file.getvalue()


def read(path: Path) -> Predictions | None:
  """Returns the contents of a file; None if there is no file.

  Raises:
    ConfigError: The file is damaged.
    OSError: The file cannot be read.
  """
  try:
    with np.load(path, allow_pickle=False) as file:
      fields = {name: file[name] for name in _FIELDS}
    return Predictions(**{**fields, "network": str(fields["network"])})
  except FileNotFoundError:
    return None
  except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
    raise ConfigError(f"{path}: damaged ({error})") from error
