"""The loss of a student, by hand, and a teacher that answers what it sees."""

import keras
import numpy as np
import pytest
from scipy import special

from elite_tf.data.batches import Batches, Inputs
from elite_tf.data.sources import Split
from elite_tf.training.distillation import Teacher, distillation_loss, soften
from elite_tf.training.recipe import Recipe
from elite_tf.training.trainer import Trainer
from elite_tf.types import Candidate

CANDIDATE = Candidate("edge", 4, 6, 1, 0.25, 0.3, 8, 1, 3, "", 1, 0.0)


def _model(side=8, classes=3):
  keras.utils.set_random_seed(3)
  return keras.Sequential(
    [
      keras.layers.Input((side, side, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(classes, activation="softmax"),
    ]
  )


def test_soft_answers_are_those_of_the_divided_logits():
  logits = np.array([[2.0, -1.0, 0.5]])
  found = soften(special.softmax(logits, -1).astype(np.float32), 4.0)
  assert np.asarray(found) == pytest.approx(
    special.softmax(logits / 4, -1), rel=1e-5
  )


def test_probabilities_of_zero_have_a_logit():
  """Below 1e-12 they are not told apart: 1e-12 to the power of 1/4 is 1e-3."""
  found = np.asarray(soften(np.array([[1.0, 0.0]], np.float32), 4.0))
  assert found == pytest.approx(np.array([[1, 1e-3]]) / 1.001, rel=1e-4)


def test_loss_is_the_cross_entropy_times_the_squared_temperature():
  student = special.softmax(np.array([[1.0, 0.0, -2.0]]), -1)
  teacher = special.softmax(np.array([[3.0, 1.0, 0.0]]), -1)
  soft_student = special.softmax(np.log(student) / 2, -1)
  soft_teacher = special.softmax(np.log(teacher) / 2, -1)
  expected = -4 * np.sum(soft_teacher * np.log(soft_student))
  found = distillation_loss(
    student.astype(np.float32), teacher.astype(np.float32), 2.0
  )
  assert float(found[0]) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_answers_as_its_model_does():
  model = _model()
  images = np.random.default_rng(0).normal(size=(5, 8, 8, 1))
  images = images.astype(np.float32)
  found = Teacher(model).answer(images)
  assert np.asarray(found) == pytest.approx(np.asarray(model(images)), abs=1e-6)


def test_a_teacher_of_another_input_size_sees_the_resized_view():
  model = _model(side=4)
  images = np.random.default_rng(0).normal(size=(5, 8, 8, 1))
  images = images.astype(np.float32)
  # Halving bilinearly at the centres of 2x2 pixels is their mean.
  halved = images.reshape(5, 4, 2, 4, 2, 1).mean((2, 4))
  found = Teacher(model).answer(images)
  assert np.asarray(found) == pytest.approx(np.asarray(model(halved)), abs=1e-5)


def _train(teacher, **recipe):
  rng = np.random.default_rng(1)
  split = Split(
      rng.integers(0, 256, (40, 8, 8, 1), np.uint8), np.arange(40, dtype=np.int32) % 3
  )  # fmt: skip
  inputs = Inputs(Batches(split, 8), Batches(split, 8))
  trainer = Trainer(
      CANDIDATE, inputs, 2, recipe=Recipe(batch_size=20, **recipe), teacher=teacher
  )  # fmt: skip
  return trainer.train(2)


def test_a_share_of_nothing_is_training_on_labels():
  plain = _train(None)
  taught = _train(Teacher(_model()), teaching=0.0)
  assert [e.loss for e in taught] == pytest.approx([e.loss for e in plain])
  other = _train(Teacher(_model()), teaching=0.9)
  assert other[-1].loss != pytest.approx(plain[-1].loss, rel=1e-3)


def test_a_student_comes_nearer_to_its_teacher():
  epochs = _train(Teacher(_model()), teaching=1.0, learning_rate=4.0)
  assert epochs[-1].loss < epochs[0].loss
