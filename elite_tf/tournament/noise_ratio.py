"""How much of a round's ranking is due to noise."""

import math
from collections.abc import Sequence


def nu(histories: Sequence[Sequence[float]]) -> float | None:
  """Returns nu, the epoch-to-epoch noise divided by the candidates' spread.

  nu decides which criterion suits: if small, a mean over all epochs eliminates
  candidates that start slowly; if large, the current epoch's accuracy is mostly
  noise.

  Args:
    histories: Validation accuracies of each candidate of a round from epoch 1.
      Epochs beyond the shortest history are not used.

  Returns:
    Standard deviation of the noise divided by that of the candidates' mean
    accuracies, both over the later half of the epochs, at least three. None for
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

  The mean of all candidates in an epoch does not change their ranking: it is
  subtracted. The trend that is left is nearly linear over three epochs: second
  differences remove it. For independent noise, the variance of a second
  difference is 1 + 4 + 1 = 6 times that of the noise.

  Args:
    histories: Values of at least two candidates, of the same number of epochs,
      at least three.
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
