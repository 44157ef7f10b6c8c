"""Who survives a round (paper Sections 3.3 and 3.4)."""

import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence

from elite_tf.errors import ConfigError

# From the validation accuracies of those who play a round (by name; of epoch 1
# to the current one, at least one epoch each) to their scores: the higher ones
# survive. A function of the histories alone; of two candidates the one that is
# better in every epoch has the higher score.
Criterion = Callable[[Mapping[str, Sequence[float]]], dict[str, float]]

# An epoch weighs this much of the one after it: the weights' mean age is four
# epochs.
DECAY = 0.8


def average(accuracies: Sequence[float]) -> float:
  """Mean validation accuracy from the first epoch to the current (Eq. 6)."""
  return sum(accuracies) / len(accuracies)


def current(accuracies: Sequence[float]) -> float:
  """Validation accuracy of the current epoch (successive halving)."""
  return accuracies[-1]


def best(accuracies: Sequence[float]) -> float:
  """Best validation accuracy of any epoch so far."""
  return max(accuracies)


def last_half(accuracies: Sequence[float]) -> float:
  """Mean of the later half of the epochs so far, the middle one included."""
  return average(accuracies[len(accuracies) // 2 :])


def exponential(accuracies: Sequence[float]) -> float:
  """Mean in which an epoch weighs `DECAY` times the one after it."""
  weights = [DECAY**age for age in reversed(range(len(accuracies)))]
  return sum(map(operator.mul, weights, accuracies)) / sum(weights)


def median(histories: Mapping[str, Sequence[float]]) -> dict[str, float]:
  """Best accuracy so far less the median of the others' means up to there.

  Below zero the median stopping rule (Golovin et al., "Google Vizier", 2017,
  Section 3.2.2) would stop the candidate. That rule stops none or many; as a
  score it leaves half of a round's candidates, whatever the sign.
  """
  scores = {}
  for name, accuracies in histories.items():
    means = [
      average(others[: len(accuracies)])
      for other, others in histories.items()
      if other != name
    ]
    scores[name] = max(accuracies) - (statistics.median(means) if means else 0)
  return scores


def alone(score: Callable[[Sequence[float]], float]) -> Criterion:
  """Returns the criterion by which each is scored by its own history alone."""
  return lambda histories: {n: score(h) for n, h in histories.items()}


CRITERIA: dict[str, Criterion] = {
  "average": alone(average),
  "best": alone(best),
  "current": alone(current),
  "exponential": alone(exponential),
  "last_half": alone(last_half),
  "median": median,
}


def get_criterion(name: str) -> Criterion:
  """Returns the criterion called `name`.

  Raises:
    ConfigError: There is none; names those there are.
  """
  if name not in CRITERIA:
    raise ConfigError(
      f"--criterion must be one of {', '.join(sorted(CRITERIA))}."
      f" Received: {name!r}"
    )
  return CRITERIA[name]


def rank(scores: Mapping[str, float | None], order: Sequence[str]) -> list[str]:
  """Returns the names from best to worst.

  Args:
    scores: Score by name; None for one that failed, which comes last.
    order: All names, heaviest first. Of equal scores the lighter is better:
      it does as well for less.
  """
  lightest_first = list(reversed(order))
  return sorted(
    lightest_first,
    key=lambda name: math.inf if scores[name] is None else -scores[name],
  )


def survivors(scores: Mapping[str, float | None], order: Sequence[str]):
  """Returns the names that go on, best first: the better half.

  Of an odd number the middle one survives. Those that failed never do, even if
  fewer than half are left.
  """
  ranked = rank(scores, order)
  better = ranked[: math.ceil(len(ranked) / 2)]
  return [name for name in better if scores[name] is not None]


def rounds_needed(size: int) -> int:
  """Returns the rounds until a group of `size` has one candidate left."""
  return (size - 1).bit_length()


def candidate_epochs(size: int, round_epochs: int, epochs: int) -> int:
  """Returns the epochs a group trains in all, its champion's to the end.

  Args:
    size: Candidates in the group.
    round_epochs: Epochs a round.
    epochs: Epochs of the champion in all.
  """
  total, left = 0, size
  for _ in range(rounds_needed(size)):
    total += left * round_epochs
    left = math.ceil(left / 2)
  return total + epochs - rounds_needed(size) * round_epochs
