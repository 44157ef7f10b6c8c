"""How a network and its conversions answer the test split."""

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

EVALUATION_BATCH = 500


def keras_answers(model, split: Split, crop: bool = False) -> Answers:
  """Returns the Keras model's answers to a split.

  Args:
    model: keras.Model of one of the families.
    split: As stored.
    crop: As `elite_tf.data.preprocess.central_square` has it.
  """
  answers = np.empty(len(split.labels), np.int64)
  probabilities = np.empty(len(split.labels), np.float32)
  # In parts: as float32 of the network's size a split may not fit into memory.
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
  """Returns what metrics.json holds of a network and its conversions.

  Args:
    model: keras.Model of one of the families.
    data: Measures (test split).
    conversions: Of the model, as `convert` returns them.
    answers: The model's answers to the test split; None means that the model
      is asked here.
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
      name: _conversion_metrics(conversion, names)
      for name, conversion in conversions.items()
    },
  )


def _conversion_metrics(
  conversion: Conversion, names: Sequence[str]
) -> ConversionMetrics:
  verification = conversion.verification
  answered = classifier_metrics(verification.confusion, names)
  return ConversionMetrics(
    tflite_bytes=len(conversion.model),
    per_channel_dense=tuple(inspect(conversion.model).per_channel_dense),
    images=verification.images,
    equal=verification.equal,
    different=verification.different,
    first_difference=verification.first_difference,
    accuracy=answered.accuracy,
    confusion=answered.confusion,
    arena_bytes=verification.arena_bytes,
    arena_head_bytes=verification.arena_head_bytes,
    arena_tail_bytes=verification.arena_tail_bytes,
    codes=verification.codes,
    seconds=verification.seconds,
    balanced_accuracy=answered.balanced_accuracy,
    recall=answered.recall,
    quantization=conversion.quantization,
  )


def deployed_predictions(
  model, data: Dataset, conversions: dict[str, Conversion], answers: Answers
) -> Predictions:
  """Returns the test split's answers of what is deployed.

  Args:
    model: keras.Model of one of the families.
    data: Its test split was asked.
    conversions: The quantized one answers, where there is one.
    answers: The model's, which count where there is none.
  """
  name = next((name for name in conversions if name != "float"), "keras")
  if name in conversions:
    answers = conversions[name].verification.answers
  crop = preprocess.crops(data.description)
  images = preprocess.Resized(data.test.images, model.input_shape[1], crop)
  return predictions_of(name, data.test.labels, answers, images)
