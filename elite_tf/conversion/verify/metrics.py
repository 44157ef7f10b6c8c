"""Metrics of a classifier: confusion matrix, accuracy and recall."""

from collections.abc import Sequence

import numpy as np

from elite_tf.runs.metrics import ClassifierMetrics, ClassRecall, Confusion


def confusion_matrix(
  truth: Sequence[int], answers: Sequence[int], classes: int
) -> Confusion:
  """Counts the answers to the images of each class.

  Args:
    truth: True classes of the images, 0 to `classes` - 1.
    answers: Classes answered, 0 to `classes` - 1.
    classes: Number of classes.

  Returns:
    Counts: rows are true classes, columns are answers.
  """
  pairs = np.asarray(truth, np.int64) * classes + np.asarray(answers, np.int64)
  counts = np.bincount(pairs, minlength=classes**2)
  return tuple(map(tuple, counts.reshape(classes, classes).tolist()))


def accuracy(confusion: Confusion) -> float:
  """Returns the share of right answers, 0 to 1."""
  right = sum(row[number] for number, row in enumerate(confusion))
  return right / sum(map(sum, confusion))


def recalls(confusion: Confusion) -> tuple[float | None, ...]:
  """Returns for each class the share of its images with the right answer.

  The recall of a class without images is None.
  """
  return tuple(
    row[number] / sum(row) if any(row) else None
    for number, row in enumerate(confusion)
  )


def balanced_accuracy(confusion: Confusion) -> float:
  """Returns the mean recall of the classes that have images, 0 to 1."""
  known = [recall for recall in recalls(confusion) if recall is not None]
  return sum(known) / len(known)


def classifier_metrics(
  confusion: Confusion, names: Sequence[str]
) -> ClassifierMetrics:
  """Returns all metrics of a classifier.

  Args:
    confusion: Confusion matrix: rows are true classes, columns are answers.
    names: Names of the classes, in the order of the rows.
  """
  return ClassifierMetrics(
    accuracy(confusion),
    balanced_accuracy(confusion),
    tuple(
      ClassRecall(name, recall)
      for name, recall in zip(names, recalls(confusion), strict=True)
    ),
    confusion,
  )
