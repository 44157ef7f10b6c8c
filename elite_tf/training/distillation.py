"""Learning from a teacher's answers (Hinton, Vinyals and Dean, 2015).

The teacher answers the very images that the student sees in a step, augmented
and cropped as they are. Nothing is stored, so no answer can belong to another
crop.
"""

import keras
from keras import ops

from elite_tf.training.functional import FunctionalModel, join


class Teacher:
  """A trained network whose answers a student learns from."""

  def __init__(self, model: keras.Model):
    """Takes a network as it is.

    Args:
      model: From square images, as a student of the same data set takes them, to
        probabilities.
    """
    self._function = FunctionalModel(model)
    self._side = model.input_shape[1]
    self._weights = join(self._function.weights)
    self._statistics = join(self._function.statistics)

  def answer(self, images):
    """Returns the teacher's probabilities, without a gradient.

    Args:
      images: float32, (batch, side, side, channels), a student's input. They are
        resized (bilinear) if the teacher's input has another side.

    Returns:
      float32, (batch, classes).
    """
    if images.shape[1] != self._side:
      images = ops.image.resize(images, (self._side, self._side))
    probabilities, _ = self._function.apply(
      self._weights, self._statistics, images
    )
    return ops.stop_gradient(probabilities)


def soften(probabilities, temperature: float):
  """Returns softmax(logits / temperature) of softmax(logits).

  Args:
    probabilities: float32, (batch, classes).
    temperature: Above 1 makes them more equal.
  """
  logits = ops.log(ops.maximum(probabilities, 1e-12))
  return ops.softmax(logits / temperature, -1)


def distillation_loss(probabilities, answers, temperature: float):
  """Returns the loss of a student against its teacher (Section 2).

  The square of the temperature keeps the size of the gradient, whatever the
  temperature.

  Args:
    probabilities: float32, (batch, classes), the student's.
    answers: float32, (batch, classes), the teacher's.
    temperature: Softens both.

  Returns:
    float32, (batch,).
  """
  return temperature**2 * keras.losses.categorical_crossentropy(
    soften(answers, temperature), soften(probabilities, temperature)
  )
