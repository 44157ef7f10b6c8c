"""Metrics of a classifier: confusion matrix, accuracy and recall."""

from collections.abc import Sequence

import numpy as np

from elite_tf.runs.metrics import (
  MOST_CONFUSED,
  ClassifierMetrics,
  ClassRecall,
  Confusion,
)


def confusion_matrix(
  truth: Sequence[int], answers: Sequence[int], classes: int
) -> np.ndarray:
  """Counts the answers to the images of each class.

  Args:
    truth: True classes of the images, 0 to `classes` - 1.
    answers: Classes answered, 0 to `classes` - 1.
    classes: Number of classes.

  Returns:
    int32 (classes, classes), counts: rows are true classes, columns are
    answers.
  """
  counts = np.zeros((classes, classes), np.int32)
  np.add.at(counts, (np.asarray(truth), np.asarray(answers)), 1)
  return counts


def accuracy(confusion: np.ndarray) -> float:
  """Returns the share of right answers, 0 to 1."""
  return int(np.trace(confusion)) / int(confusion.sum())


def recalls(confusion: np.ndarray) -> tuple[float | None, ...]:
  """Returns for each class the share of its images with the right answer.

  The recall of a class without images is None.
  """
  right, images = confusion.diagonal().tolist(), confusion.sum(axis=1).tolist()
  return tuple(r / n if n else None for r, n in zip(right, images))


def balanced_accuracy(confusion: np.ndarray) -> float:
  """Returns the mean recall of the classes that have images, 0 to 1."""
  known = [recall for recall in recalls(confusion) if recall is not None]
  return sum(known) / len(known)


def classifier_metrics(
  confusion: np.ndarray, names: Sequence[str]
) -> ClassifierMetrics:
  """Returns all metrics of a classifier.

  Args:
    confusion: Confusion matrix: rows are true classes, columns are answers.
      With more than `MOST_CONFUSED` classes the metrics do not have it.
    names: Names of the classes, in the order of the rows.
  """
  kept: Confusion = ()
  if len(confusion) <= MOST_CONFUSED:
    kept = tuple(map(tuple, confusion.tolist()))
  return ClassifierMetrics(
    accuracy(confusion),
    balanced_accuracy(confusion),
    tuple(
      ClassRecall(name, recall)
      for name, recall in zip(names, recalls(confusion), strict=True)
    ),
    kept,
  )
