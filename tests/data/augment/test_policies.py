"""Policies: the published numbers, and how often each is drawn."""

import math

import numpy as np
import pytest
from PIL import Image

from elite_tf.data.augment import policies
from elite_tf.data.augment.operations import OPERATIONS
from elite_tf.data.augment.policies import Step, apply_policy, load_policy


@pytest.mark.parametrize(
  "name, count, first",
  [
    # Read off the published list; -0.3 + 0.513125 * 0.6 = 0.007875 and
    # 0.1 + 0.978841 * 1.8 = 1.8619138.
    (
      "imagenet",
      498,
      (
        ("ShearY", 0.141438, 0.007875),
        ("Sharpness", 0.929032, 1.8619138),
      ),
    ),
    ("cifar10", 493, None),
    ("svhn", 497, None),
  ],
)
def test_policies_are_the_published_ones(name, count, first):
  policy = load_policy(name)
  assert len(policy) == count
  assert {len(steps) for steps in policy} == {2}
  for step, expected in zip(policy[0], first or ()):
    assert step[:2] == expected[:2]
    assert step.magnitude == pytest.approx(expected[2], rel=1e-9)


@pytest.mark.parametrize("name", ["imagenet", "cifar10", "svhn"])
def test_magnitudes_lie_in_the_published_ranges(name):
  ranges = {
      "ShearX": (-0.3, 0.3), "ShearY": (-0.3, 0.3),
      "TranslateX": (-0.45, 0.45), "TranslateY": (-0.45, 0.45),
      "Rotate": (-30, 30), "Solarize": (0, 256), "Posterize": (4, 8),
      "Contrast": (0.1, 1.9), "Color": (0.1, 1.9), "Brightness": (0.1, 1.9),
      "Sharpness": (0.1, 1.9), "Cutout": (0, 0.2),
  }  # fmt: skip
  found = {}
  for steps in load_policy(name):
    for step in steps:
      found.setdefault(step.operation, []).append(step.magnitude)
      assert 0 <= step.probability <= 1
  for operation, (low, high) in ranges.items():
    values = found[operation]
    assert low <= min(values) and max(values) <= high
    # Published levels lie anywhere in the range: most of it is used.
    assert max(values) - min(values) > 0.7 * (high - low), operation


def test_no_such_policy():
  with pytest.raises(KeyError):
    load_policy("mnist")


DRAWS = 20_000


def _spied(monkeypatch, policy, draws=DRAWS):
  """Applies a policy often; returns each time's (operation, magnitude)s."""
  drawn = []
  for name in OPERATIONS:
    monkeypatch.setitem(
      policies.OPERATIONS,
      name,
      lambda picture, magnitude, rng, name=name: (
        drawn[-1].append((name, magnitude)) or picture
      ),
    )
  rng = np.random.default_rng(0)
  picture = Image.new("L", (2, 2))
  for _ in range(draws):
    drawn.append([])
    apply_policy(picture, policy, rng)
  return drawn


def _within(count, draws, probability):
  """Four standard deviations of the binomial distribution."""
  spread = 4 * math.sqrt(draws * probability * (1 - probability))
  return abs(count - draws * probability) <= spread


def test_sub_policies_are_drawn_uniformly(monkeypatch):
  policy = tuple((Step("Color", 1.0, float(i)),) for i in range(20))
  drawn = _spied(monkeypatch, policy)
  counts = np.bincount([int(steps[0][1]) for steps in drawn], minlength=20)
  # Chi-square with 19 degrees of freedom: above 50 once in 7,000.
  assert ((counts - DRAWS / 20) ** 2 / (DRAWS / 20)).sum() < 50


def test_operations_are_applied_with_their_probabilities(monkeypatch):
  policy = ((Step("Color", 0.3, 1.0), Step("Invert", 0.8, 0.0)),)
  drawn = [[name for name, _ in steps] for steps in _spied(monkeypatch, policy)]
  # In their order and independent of each other.
  for names, probability in (
    ([], 0.7 * 0.2),
    (["Color"], 0.3 * 0.2),
    (["Invert"], 0.7 * 0.8),
    (["Color", "Invert"], 0.3 * 0.8),
  ):
    assert _within(drawn.count(names), DRAWS, probability), names


@pytest.mark.parametrize(
  "name", ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"]
)
def test_every_other_sign_is_flipped(monkeypatch, name):
  policy = ((Step(name, 1.0, -0.2),),)
  drawn = [steps[0][1] for steps in _spied(monkeypatch, policy)]
  assert set(drawn) == {-0.2, 0.2}
  assert _within(drawn.count(0.2), DRAWS, 0.5)


@pytest.mark.parametrize("name", ["Solarize", "Color", "Cutout", "Posterize"])
def test_no_other_sign_is(monkeypatch, name):
  policy = ((Step(name, 1.0, 0.2),),)
  assert {s[0][1] for s in _spied(monkeypatch, policy, 100)} == {0.2}


def test_a_published_policy_as_a_whole(monkeypatch):
  """How often each operation comes, against the sum of its probabilities."""
  policy = load_policy("imagenet")
  drawn = _spied(monkeypatch, policy)
  for name in OPERATIONS:
    mean = sum(
        step.probability for steps in policy for step in steps
        if step.operation == name
    ) / len(policy)  # fmt: skip
    count = sum(found == name for steps in drawn for found, _ in steps)
    # A sub-policy may have an operation twice: a little wider than binomial.
    spread = 5 * math.sqrt(DRAWS * mean)
    assert abs(count - DRAWS * mean) <= spread, name
