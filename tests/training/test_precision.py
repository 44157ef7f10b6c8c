"""Mixed precision: when, and what stays in float32."""

import keras
import numpy as np
import pytest

from elite_tf.training import first_weights
from elite_tf.training.batch_norm import leave_averaging
from elite_tf.training.functional import FunctionalModel
from elite_tf.training.precision import precision, precision_for
from elite_tf.training.recipe import Recipe
from elite_tf.training.steps import (
  StepSettings,
  Totals,
  initial_state,
  make_steps,
)
from elite_tf.training.trainer import make_training_layer


@pytest.mark.parametrize(
    "capability, policy",
    [(None, "float32"), ((7, 5), "float32"), ((8, 0), "mixed_bfloat16"),
     ((9, 0), "mixed_bfloat16"), ((12, 0), "mixed_bfloat16")],
)  # fmt: skip
def test_policy_is_of_the_gpu(capability, policy):
  assert precision_for(capability) == policy


def test_policy_is_put_back():
  with pytest.raises(ZeroDivisionError), precision("mixed_bfloat16"):
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    raise ZeroDivisionError
  assert keras.config.dtype_policy().name == "float32"


def test_mixed_steps_are_close_and_state_is_float32(tiny_data, tiny_candidate):
  images = tiny_data.train.images[:20].repeat(2, axis=1).repeat(2, axis=2)
  labels = tiny_data.train.labels[:20]
  losses = {}
  for policy in ("float32", "mixed_bfloat16"):
    with precision(policy):
      network = first_weights.build(tiny_candidate, make_training_layer, seed=1)
    computed = {layer.name: layer.compute_dtype for layer in network.layers}
    assert computed["logits"] == computed["probabilities"] == "float32"
    assert (computed["stem_conv"] == "bfloat16") == (policy != "float32")
    function = FunctionalModel(leave_averaging(network))
    train, _ = make_steps(function, Recipe(), (16, 16, 1))
    state, losses[policy] = initial_state(function), []
    for step in range(4):
      settings = StepSettings(
        np.float32(0.001), np.float32(0.9), np.uint32(step)
      )
      totals = Totals(np.float32(0), np.float32(0))
      state, totals = train(state, totals, images, labels, settings)
      losses[policy].append(float(totals.loss) / 20)
    assert {str(v.dtype.name) for v in state} == {"float32"}
  # Dropout draws other bits in the lower precision.
  first = {policy: found[0] for policy, found in losses.items()}
  assert first["mixed_bfloat16"] == pytest.approx(first["float32"], rel=0.1)
  assert first["mixed_bfloat16"] != first["float32"]
  assert all(found[-1] < found[0] for found in losses.values())
