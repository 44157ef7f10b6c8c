"""Figures of a classifier against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as theirs

from elite_tf.conversion.verify import metrics
from elite_tf.system.records import to_json


@pytest.fixture
def answers():
  """40 answers, two thirds of them right; classes are of unequal size."""
  draw = np.random.default_rng(0)
  truth = draw.choice(4, 40, p=(0.55, 0.25, 0.15, 0.05))
  guesses = draw.integers(0, 4, 40)
  return truth, np.where(draw.random(40) < 0.6, truth, guesses)


def test_figures_are_scikit_learns(answers):
  found = metrics.confusion_matrix(*answers, 4)
  assert np.array_equal(found, theirs.confusion_matrix(*answers))
  assert metrics.accuracy(found) == pytest.approx(
    theirs.accuracy_score(*answers)
  )
  assert metrics.balanced_accuracy(found) == pytest.approx(
    theirs.balanced_accuracy_score(*answers)
  )
  assert metrics.recalls(found) == pytest.approx(
    theirs.recall_score(*answers, average=None)
  )


def test_by_hand():
  found = metrics.confusion_matrix([0, 0, 0, 1], [0, 1, 1, 1], 2)
  assert found.tolist() == [[1, 2], [0, 1]]
  assert to_json(metrics.classifier_metrics(found, ("no", "yes"))) == {
    "accuracy": 0.5,
    "balanced_accuracy": pytest.approx(2 / 3),
    "recall": [
      {"class": "no", "recall": pytest.approx(1 / 3)},
      {"class": "yes", "recall": 1.0},
    ],
    "confusion": [[1, 2], [0, 1]],
  }


def test_a_class_without_images_has_no_recall():
  found = metrics.confusion_matrix([0, 2], [0, 1], 3)
  assert metrics.recalls(found) == (1.0, None, 0.0)
  assert metrics.balanced_accuracy(found) == 0.5


def test_many_classes_have_no_matrix():
  """The accuracies are those of the same answers, as scikit-learn has them."""
  draw = np.random.default_rng(0)
  truth = draw.integers(0, 1000, 3000)
  answers = np.where(draw.random(3000) < 0.6, truth, 7)
  found = metrics.classifier_metrics(
    metrics.confusion_matrix(truth, answers, 1000), list(map(str, range(1000)))
  )
  assert found.accuracy == theirs.accuracy_score(truth, answers)
  assert found.balanced_accuracy == pytest.approx(
    theirs.balanced_accuracy_score(truth, answers)
  )
  assert found.confusion == () and len(found.recall) == 1000
