"""Metrics of a network and its conversions on the test split."""

from collections.abc import Sequence

import numpy as np

from elite_tf.conversion.converted import Conversion
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.conversion.verify.metrics import (
  classifier_metrics,
  confusion_matrix,
)
from elite_tf.conversion.verify.predictions import (
  Answers,
  Predictions,
  predictions_of,
)
from elite_tf.data import preprocess
from elite_tf.data.sources import Dataset, Split
from elite_tf.runs.metrics import ConversionMetrics, Metrics, Preprocessing

# Images that the Keras model is given at a time.
EVALUATION_BATCH = 500


def keras_answers(model, split: Split, crop: bool = False) -> Answers:
  """Returns the answers of a Keras model to a split.

  Args:
    model: keras.Model with a square input.
    split: Images as stored, and labels.
    crop: As in `elite_tf.data.crop.central_square`.
  """
  answers = np.empty(len(split.labels), np.int64)
  probabilities = np.empty(len(split.labels), np.float32)
  # In parts, as a whole split in float32 may not fit into memory.
  for start in range(0, len(answers), EVALUATION_BATCH):
    part = slice(start, start + EVALUATION_BATCH)
    images = preprocess.preprocess(
      split.images[part], model.input_shape[1], crop
    )
    outputs = model.predict(images, batch_size=EVALUATION_BATCH, verbose=0)
    answers[part] = outputs.argmax(axis=-1)
    probabilities[part] = outputs.max(axis=-1)
  return Answers(answers, probabilities)


def metrics_of(
  model,
  data: Dataset,
  conversions: dict[str, Conversion],
  answers: Answers | None = None,
) -> Metrics:
  """Returns the metrics of a network and its conversions on the test split.

  Args:
    model: keras.Model of one of the families.
    data: Data set.
    conversions: Conversions of the model by name, as `convert` returns them.
    answers: Answers of the model to the test split; None computes them.
  """
  crop = preprocess.crops(data.description)
  names = data.description.class_names
  answers = answers or keras_answers(model, data.test, crop)
  confusion = confusion_matrix(
    data.test.labels, answers.classes, model.output_shape[-1]
  )
  real = classifier_metrics(confusion, names)
  seen = preprocess.describe(model.input_shape[1], crop)
  return Metrics(
    name=model.name,
    test_images=len(data.test.labels),
    preprocessing=Preprocessing(**seen),
    test_accuracy_float=real.accuracy,
    float_=real,
    conversions={
      name: _conversion_metrics(conversion, names, len(data.test.labels))
      for name, conversion in conversions.items()
    },
  )


def _conversion_metrics(
  conversion: Conversion, names: Sequence[str], test_images: int
) -> ConversionMetrics:
  verification = conversion.verification
  answered = classifier_metrics(verification.confusion, names)
  # A few images verify a network, but do not tell its accuracy.
  whole = verification.images == test_images
  return ConversionMetrics(
    tflite_bytes=len(conversion.model),
    per_channel_dense=tuple(inspect(conversion.model).per_channel_dense),
    images=verification.images,
    equal=verification.equal,
    different=verification.different,
    first_difference=verification.first_difference,
    accuracy=answered.accuracy if whole else None,
    confusion=answered.confusion if whole else (),
    arena_bytes=verification.arena_bytes,
    arena_head_bytes=verification.arena_head_bytes,
    arena_tail_bytes=verification.arena_tail_bytes,
    codes=verification.codes,
    seconds=verification.seconds,
    balanced_accuracy=answered.balanced_accuracy if whole else None,
    recall=answered.recall if whole else (),
    quantization=conversion.quantization,
  )


def deployed_predictions(
  model, data: Dataset, conversions: dict[str, Conversion], answers: Answers
) -> Predictions:
  """Returns the answers of the network for a board to the test split.

  Args:
    model: keras.Model of one of the families.
    data: Data set.
    conversions: Conversions of the model by name; the answers are those of the
      quantized network, if there is one.
    answers: Answers of the model, used if there is no quantized network.
  """
  name = next((name for name in conversions if name != "float"), "keras")
  if name in conversions:
    answers = conversions[name].verification.answers
  crop = preprocess.crops(data.description)
  images = preprocess.Resized(data.test.images, model.input_shape[1], crop)
  return predictions_of(name, data.test.labels, answers, images)
