"""How much of a round's ranking is chance."""

import math
from collections.abc import Sequence


def nu(histories: Sequence[Sequence[float]]) -> float | None:
  """Returns nu, the noise from epoch to epoch over the candidates' spread.

  It decides which criterion is right: where it is small, a mean over all epochs
  throws out those that start slowly; where it is large, the current epoch's
  accuracy is chance.

  Args:
    histories: Validation accuracies of each candidate of a round from epoch 1,
      equally many.

  Returns:
    Standard deviation of the noise over that of the candidates' mean
    accuracies, both in the later half of the epochs, at least three. None with
    fewer than two candidates or three epochs, or if all means are equal.
  """
  epochs = min(map(len, histories), default=0)
  if len(histories) < 2 or epochs < 3:
    return None
  window = max(3, epochs - epochs // 2)
  latest = [history[epochs - window : epochs] for history in histories]
  spread = _sd([sum(history) / window for history in latest])
  return noise(latest) / spread if spread > 0 else None


def noise(histories: Sequence[Sequence[float]]) -> float:
  """Returns the standard deviation of the epoch-to-epoch noise.

  What the candidates share in an epoch cannot change their ranking: it is
  subtracted. What is left of a trend is nearly straight over three epochs, and
  a second difference takes it away; for independent noise its variance is
  1 + 4 + 1 = 6 times the noise's.

  Args:
    histories: Values of each candidate, equally many: at least two candidates
      and three epochs.
  """
  count, epochs = len(histories), len(histories[0])
  shared = [sum(values) / count for values in zip(*histories)]
  own = [[x - s for x, s in zip(history, shared)] for history in histories]
  squares = sum(
    (before - 2 * here + after) ** 2
    for history in own
    for before, here, after in zip(history, history[1:], history[2:])
  )
  return math.sqrt(squares / (6 * (count - 1) * (epochs - 2)))


def _sd(values: Sequence[float]) -> float:
  mean = sum(values) / len(values)
  return math.sqrt(sum((x - mean) ** 2 for x in values) / (len(values) - 1))
