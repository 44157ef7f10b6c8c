"""Who survives a round (paper Sections 3.3 and 3.4)."""

import math
import operator
import statistics
from collections.abc import Callable, Mapping, Sequence

from elite_tf.errors import ConfigError

# Validation accuracies of a round's candidates (by name; from epoch 1 to the
# current one, at least one epoch each) -> their scores; higher scores survive.
# A function of the histories alone. Of two candidates, the one that is better
# in every epoch has the higher score.
Criterion = Callable[[Mapping[str, Sequence[float]]], dict[str, float]]

# Weight of an epoch relative to the next one: the mean age is four epochs.
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
  """Mean in which each epoch weighs `DECAY` times the next one."""
  weights = [DECAY**age for age in reversed(range(len(accuracies)))]
  return sum(map(operator.mul, weights, accuracies)) / sum(weights)


def median(histories: Mapping[str, Sequence[float]]) -> dict[str, float]:
  """Best accuracy so far minus the median of the other candidates' means.

  Below zero, the median stopping rule (Golovin et al., "Google Vizier", 2017,
  Section 3.2.2) would stop the candidate. That rule stops none or many; used as
  a score, half of a round's candidates survive whatever the sign.
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
  """Returns the criterion that scores each candidate by its own history."""
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
    ConfigError: There is no such criterion; the error names all.
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
    scores: Score by name; None for a candidate that failed, which comes last.
    order: All names, heaviest first. Of equal scores, the lighter is better.
  """
  lightest_first = list(reversed(order))
  return sorted(
    lightest_first,
    key=lambda name: math.inf if scores[name] is None else -scores[name],
  )


def survivors(scores: Mapping[str, float | None], order: Sequence[str]):
  """Returns the names that survive, best first: the better half.

  Of an odd number, the middle one survives. Failed candidates never survive,
  even if fewer than half are left.

  Args:
    scores: As for `rank`.
    order: As for `rank`.
  """
  ranked = rank(scores, order)
  better = ranked[: math.ceil(len(ranked) / 2)]
  return [name for name in better if scores[name] is not None]


def rounds_needed(size: int) -> int:
  """Returns the rounds until a group of `size` candidates has one left."""
  return (size - 1).bit_length()


def candidate_epochs(size: int, round_epochs: int, epochs: int) -> int:
  """Returns the epochs that a group trains in all, its champion's included.

  Args:
    size: Candidates in the group.
    round_epochs: Epochs per round.
    epochs: Epochs of the champion in all.
  """
  total, left = 0, size
  for _ in range(rounds_needed(size)):
    total += left * round_epochs
    left = math.ceil(left / 2)
  return total + epochs - rounds_needed(size) * round_epochs
