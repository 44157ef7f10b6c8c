"""Which networks no other one beats."""

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[int]:
  """Returns the positions of the points on the Pareto front, cheapest first.

  A point is on it if no other one has at least its accuracy for at most its
  cost, one of the two being better. Of equal points the first stands for all.

  Args:
    points: (cost, accuracy) of each network.
  """
  order = sorted(
    range(len(points)), key=lambda n: (points[n][0], -points[n][1], n)
  )
  found, best = [], float("-inf")
  for position in order:
    if points[position][1] > best:
      found.append(position)
      best = points[position][1]
  return found
