"""What is kept of a champion's answers."""

import numpy as np
import pytest

from elite_tf.conversion.verify import predictions
from elite_tf.conversion.verify.predictions import Answers
from elite_tf.errors import ConfigError

LABELS = np.array([0, 1, 2, 2, 1, 0], np.int32)
ANSWERS = Answers(
  np.array([0, 2, 1, 2, 0, 1]),
  np.array([0.9, 0.4, 0.8, 0.7, 0.4, 0.99], np.float32),
)


def _images(side, channels=3):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (6, side, side, channels), np.uint8)


def test_the_worst_are_the_surest_of_the_wrong():
  assert predictions.worst_mistakes(LABELS, ANSWERS).tolist() == [5, 2, 1, 4]
  assert predictions.worst_mistakes(LABELS, ANSWERS, 2).tolist() == [5, 2]
  right = Answers(LABELS, ANSWERS.probabilities)
  assert predictions.worst_mistakes(LABELS, right).tolist() == []


@pytest.mark.parametrize("side, shown", [(13, 13), (64, 64), (100, 64)])
def test_what_is_written_is_read(tmp_path, side, shown):
  images = _images(side)
  kept = predictions.predictions_of("int8", LABELS, ANSWERS, images)
  path = tmp_path / predictions.FILE
  path.write_bytes(predictions.to_bytes(kept))
  read = predictions.read(path)
  assert read.network == "int8"
  assert read.labels.tolist() == LABELS.tolist()
  assert read.answers.tolist() == ANSWERS.classes.tolist()
  assert read.probabilities.tolist() == ANSWERS.probabilities.tolist()
  assert read.images.shape == (4, shown, shown, 3)
  if side == shown:
    assert np.array_equal(read.images, images[[5, 2, 1, 4]])


def test_no_mistakes_are_no_pictures(tmp_path):
  right = Answers(LABELS, ANSWERS.probabilities)
  kept = predictions.predictions_of("int8", LABELS, right, _images(8, 1))
  path = tmp_path / predictions.FILE
  path.write_bytes(predictions.to_bytes(kept))
  assert predictions.read(path).images.shape == (0, 8, 8, 1)


def test_ten_thousand_answers_are_small():
  rng = np.random.default_rng(0)
  labels = rng.integers(0, 10, 10_000)
  # As int8 has them: 256 steps.
  sure = (rng.integers(0, 256, 10_000) / 256).astype(np.float32)
  images = rng.integers(0, 256, (10_000, 28, 28, 1), np.uint8)
  answers = Answers(rng.integers(0, 10, 10_000), sure)
  kept = predictions.predictions_of("int8", labels, answers, images)
  assert len(predictions.to_bytes(kept)) < 50_000


def test_missing_and_damaged_files(tmp_path):
  path = tmp_path / predictions.FILE
  assert predictions.read(path) is None
  path.write_bytes(b"not a zip")
  with pytest.raises(ConfigError, match="predictions.npz: damaged"):
    predictions.read(path)
