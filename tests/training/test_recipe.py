"""The schedule against points worked out by hand and TensorFlow's formulas."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from elite_tf.training.recipe import (
  RECIPES,
  Recipe,
  balanced_weights,
  choose_batch_size,
  ema_decay,
  learning_rate,
  left_out,
)


def test_recipe_is_the_papers():
  """Section 5.1 and EfficientNet's published configuration."""
  assert dataclasses.asdict(Recipe()) == {
    "batch_size": 100,
    "learning_rate": 0.256,
    "decay": 0.97,
    "decay_epochs": 2.4,
    "warmup_epochs": 5.0,
    "rho": 0.9,
    "momentum": 0.9,
    "epsilon": 0.001,
    "label_smoothing": 0.1,
    "weight_decay": 1e-5,
    "ema": 0.9999,
    "dropout": 0.2,
    # Of distillation: not the paper's, and without effect without a teacher.
    "teaching": 0.9,
    "temperature": 4.0,
    "class_weights": "none",
  }


@pytest.mark.parametrize(
  ("images", "expected"),
  [(20, 10), (160, 10), (311, 19), (1599, 99), (1600, 100), (70_000, 100)],
)
def test_batches_of_few_images_are_small(images, expected):
  assert choose_batch_size(images) == expected


@pytest.mark.parametrize(
  ("images", "batch_size", "said"),
  [
    (200, 100, ""),
    (1099, 100, ""),
    (199, 100, "every epoch leaves out 99 of 199 training images"),
    (60, 100, "60 training images are fewer than --batch_size=100"),
  ],
)
def test_images_left_out_are_told(images, batch_size, said):
  assert left_out(images, batch_size).startswith(said)
  assert bool(said) == bool(left_out(images, batch_size))


@pytest.mark.parametrize(
  ("epoch", "expected"),
  [
    # Linear up to 0.256 * 100 / 4096 = 0.00625 over five epochs.
    (0.1, 0.000125),
    (1, 0.00125),
    (2.5, 0.003125),
    (4, 0.005),
    # Then 0.97 for every 2.4 epochs since the start.
    (5, 0.00625 * 0.97**2),
    (7, 0.00625 * 0.97**2),
    (7.2, 0.00625 * 0.97**3),
    (9.5, 0.00625 * 0.97**3),
    (24, 0.00625 * 0.97**10),
    (120, 0.00625 * 0.97**50),
    (350, 0.00625 * 0.97**145),
  ],
)
def test_learning_rate_by_hand(epoch, expected):
  """Ten steps an epoch: step 9 is the last one of epoch 1."""
  found = learning_rate(Recipe(), round(epoch * 10) - 1, 10, 350)
  assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("epochs", "steps"), [(35, 10), (24, 15), (7, 3)])
def test_schedule_is_scaled_to_the_epochs(epochs, steps):
  """In exact fractions: the paper's epoch is 350 / epochs of ours."""
  for step in range(epochs * steps):
    epoch = Fraction(step + 1, steps) * Fraction(350, epochs)
    if epoch < 5:
      expected = Fraction("0.00625") * epoch / 5
    else:
      drops = math.floor(epoch / Fraction("2.4"))
      expected = Fraction("0.00625") * Fraction("0.97") ** drops
    found = learning_rate(Recipe(), step, steps, epochs)
    assert found == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("drops", [85, 145])
def test_decay_falls_due_at_its_very_step(drops):
  """35 epochs of ten steps: each step is one of the 350 epochs.

  2.4 * 85 is 204 and 2.4 * 145 is 348; in binary fractions these steps lie just
  below.
  """
  step = {85: 204, 145: 348}[drops]
  found = [learning_rate(Recipe(), step - i, 10, 35) for i in (1, 2)]
  assert found == pytest.approx(
    [0.00625 * 0.97**drops, 0.00625 * 0.97 ** (drops - 1)], rel=1e-12
  )


@pytest.mark.parametrize(("batch", "peak"), [(100, 0.00625), (4096, 0.256)])
def test_peak_grows_with_the_batch(batch, peak):
  recipe = dataclasses.replace(Recipe(batch_size=batch), decay=1.0)
  assert learning_rate(recipe, 99, 10, 350) == pytest.approx(peak, rel=1e-12)


@pytest.mark.parametrize("step", [0, 1, 9, 90, 89_990, 10**6])
def test_ema_decay_is_tensorflows(step):
  """Read off its shadow variable: from 1 it goes to the decay when shown 0."""
  average = tf.train.ExponentialMovingAverage(0.9999, num_updates=step)
  variable = tf.Variable(1.0, dtype=tf.float64)
  average.apply([variable])
  variable.assign(0.0)
  average.apply([variable])
  shadow = float(average.average(variable))
  assert ema_decay(Recipe(), step) == pytest.approx(shadow, abs=1e-6)


def test_ema_decay_by_hand():
  found = [ema_decay(Recipe(), step) for step in (0, 8, 90, 10**9)]
  assert found == pytest.approx([0.1, 0.5, 0.91, 0.9999], rel=1e-12)


def test_balanced_weights_are_scikit_learns():
  labels = [0] * 7 + [1] * 2 + [2]
  expected = compute_class_weight(
    "balanced", classes=np.arange(3), y=np.array(labels)
  )
  assert balanced_weights([7, 2, 1]) == pytest.approx(expected, rel=1e-12)


def test_a_class_without_images_counts_nothing():
  assert balanced_weights([3, 0]) == [0.5, 0.0]


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_warms_up_to_its_peak_and_comes_down(name):
  recipe = RECIPES[name]
  rates = [learning_rate(recipe, step, 10, 35) for step in range(350)]
  peak = recipe.learning_rate * recipe.batch_size / 4096
  # Warm-up takes 5 of 350 steps, after which two decays of 2.4 have passed.
  assert max(rates) == pytest.approx(peak * 0.97**2)
  assert rates[:5] == sorted(rates[:5])
  assert rates[5:] == sorted(rates[5:], reverse=True)
  assert 0 < rates[-1] < 0.02 * peak
