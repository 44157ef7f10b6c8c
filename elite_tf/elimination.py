"""Who survives a round (paper Sections 3.3 and 3.4)."""

import math
from collections.abc import Callable, Mapping, Sequence

from elite_tf.errors import ConfigError

Criterion = Callable[[Sequence[float]], float]


def average(accuracies: Sequence[float]) -> float:
  """Mean validation accuracy from the first epoch to the current (Eq. 6)."""
  return sum(accuracies) / len(accuracies)


def current(accuracies: Sequence[float]) -> float:
  """Validation accuracy of the current epoch (successive halving)."""
  return accuracies[-1]


# A criterion turns the validation accuracies of epoch 1 to the current one
# into a score; the higher one survives.
CRITERIA: dict[str, Criterion] = {"average": average, "current": current}


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
