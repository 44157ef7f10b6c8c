"""The Pareto front of accuracy and cost."""

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[int]:
  """Returns the positions of the points on the Pareto front, cheapest first.

  A point is on the front if no other point has at least the same accuracy at
  no higher cost. Of equal points, the first one is taken.

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
