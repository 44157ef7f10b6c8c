"""Fast AutoAugment's published policies (Lim et al., NeurIPS 2019)."""

import functools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from elite_tf.data.augment.operations import OPERATIONS, SIGNED

DATA = Path(__file__).parent / "fast_autoaugment.json"


class Step(NamedTuple):
  """One operation of a sub-policy.

  Attributes:
    operation: Name in `OPERATIONS`.
    probability: Probability that the operation is applied, 0 to 1.
    magnitude: Magnitude, in the unit of the operation.
  """

  operation: str
  probability: float
  magnitude: float


Policy = tuple[tuple[Step, ...], ...]


@functools.cache
def load_policy(name: str) -> Policy:
  """Returns a policy: a tuple of sub-policies, each of two steps.

  Args:
    name: `imagenet`, `cifar10` or `svhn`.

  Raises:
    KeyError: There is no such policy.
  """
  data = json.loads(DATA.read_text("utf-8"))
  ranges = data["ranges"]

  def step(operation: str, probability: float, level: float) -> Step:
    low, high = ranges[operation]
    return Step(operation, probability, low + level * (high - low))

  return tuple(
    tuple(step(*entry) for entry in sub) for sub in data["policies"][name]
  )


def apply_policy(
  picture: Image.Image, policy: Policy, rng: np.random.Generator
) -> Image.Image:
  """Applies one sub-policy, drawn uniformly.

  Args:
    picture: Image of mode RGB or L.
    policy: As `load_policy` returns it.
    rng: Random generator.

  Returns:
    An image of the same size and mode; `picture` itself if nothing was applied.
  """
  for operation, probability, magnitude in policy[rng.integers(len(policy))]:
    if rng.random() >= probability:
      continue
    if operation in SIGNED and rng.random() < 0.5:
      magnitude = -magnitude
    picture = OPERATIONS[operation](picture, magnitude, rng)
  return picture
