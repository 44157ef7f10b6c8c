"""How well a classifier answers, class by class."""

from collections.abc import Sequence

import numpy as np

from elite_tf.runs.metrics import ClassifierMetrics, ClassRecall, Confusion


def confusion_matrix(
  truth: Sequence[int], answers: Sequence[int], classes: int
) -> Confusion:
  """Counts what was answered to images of each class.

  Args:
    truth: Classes of the images, 0 to `classes` - 1.
    answers: Classes answered, likewise.
    classes: Number of classes.

  Returns:
    Rows by truth, columns by answer.
  """
  pairs = np.asarray(truth, np.int64) * classes + np.asarray(answers, np.int64)
  counts = np.bincount(pairs, minlength=classes**2)
  return tuple(map(tuple, counts.reshape(classes, classes).tolist()))


def accuracy(confusion: Confusion) -> float:
  """Returns the share of right answers, 0 to 1."""
  right = sum(row[number] for number, row in enumerate(confusion))
  return right / sum(map(sum, confusion))


def recalls(confusion: Confusion) -> tuple[float | None, ...]:
  """Returns of every class the share of its images that were answered right.

  None for a class of which there is no image.
  """
  return tuple(
    row[number] / sum(row) if any(row) else None
    for number, row in enumerate(confusion)
  )


def balanced_accuracy(confusion: Confusion) -> float:
  """Returns the mean recall of the classes that there are images of."""
  known = [recall for recall in recalls(confusion) if recall is not None]
  return sum(known) / len(known)


def classifier_metrics(
  confusion: Confusion, names: Sequence[str]
) -> ClassifierMetrics:
  """Returns the figures as metrics.json has them.

  Args:
    confusion: Counts, rows by true class, columns by answer.
    names: Of the classes, in the order of the rows.
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
