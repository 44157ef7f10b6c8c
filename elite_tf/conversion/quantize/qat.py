"""Quantization-aware training: weights learn to be rounded."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from elite_tf.conversion.quantize.result import outcome
from elite_tf.conversion.quantize.sqnr import layer_name
from elite_tf.conversion.quantize.types import Material, Quantized
from elite_tf.conversion.tflite.flatbuffer import operator_name, unpack
from elite_tf.data.preprocess import PIXEL_SCALE, PIXEL_ZERO
from elite_tf.data.sources.types import Split
from elite_tf.types import Layer

if TYPE_CHECKING:
  import keras

BATCH_SIZE = 100
LEARNING_RATE = 1e-4  # Of Adam at its first step; a cosine takes it to 0.

# What the first ranges hold of the values that calibration has seen.
PERCENTILE = 99.99

# Epochs without a better validation accuracy after which training ends.
PATIENCE = 2


def qat(model: keras.Model, material: Material) -> Quantized:
  """Returns a network in int8 whose weights were trained to be.

  Training starts from the network's weights, batch norms folded and channels
  equalized, and from calibrated ranges. The epoch of the best validation
  accuracy is kept.

  Args:
    model: The trained network, of one of the families.
    material: Calibrates, trains and decides.

  Raises:
    ConfigError: The network is of another architecture, holds weights that are
      no numbers or cannot be quantized.
    VerificationFailed: Its logits are all but zero.
  """
  from elite_tf.conversion.quantize import calibration as ranges
  from elite_tf.conversion.quantize import fake_quant, folding, integers
  from elite_tf.conversion.quantize.accuracy import accuracy
  from elite_tf.conversion.quantize.equalize import equalize
  from elite_tf.conversion.quantize.post_training import check_calibration
  from elite_tf.conversion.tflite import convert
  from elite_tf.networks.from_keras import read_rows

  began = time.monotonic()
  check_calibration(model, material.calibration)
  network = convert.float32(model)  # Refuses weights that are no numbers.
  exact = accuracy(network, material.val)
  rows = read_rows(model)
  start = equalize(model, material.calibration)
  weights = folding.folded_weights(start, rows)
  network = convert.float32(folding.with_weights(start, rows, weights))
  found = ranges.clip(
    network, ranges.measure(network, material.calibration), PERCENTILE
  )
  student = fake_quant.build(folding.folded_rows(rows))
  fake_quant.set_weights(student, weights)
  learned = fake_quant.output_ranges(student)
  for tensor, name in row_of_tensors(network, rows).items():
    if name in learned:
      low, high = found[tensor]
      learned[name][0].assign(min(low, 0.0))
      learned[name][1].assign(max(high, 0.0))
  history = _train(student, material)
  weights = fake_quant.get_weights(student, weights)
  network = convert.float32(folding.with_weights(start, rows, weights))
  # Of what has no learned range, the output, the scale is fixed.
  found = ranges.clip(network, ranges.measure(network, material.calibration))
  final = taught(network, rows, found, {
      name: (float(low.numpy()), float(high.numpy()))
      for name, (low, high) in learned.items()
  })  # fmt: skip
  converted = integers.int8(network, final)
  score = accuracy(converted, material.val)
  return outcome(
    "qat", "int8", converted, exact, score, began, {"epochs": history}
  )


def row_of_tensors(network: bytes, rows: tuple[Layer, ...]) -> dict[int, str]:
  """Returns the folded row that each operator's output belongs to.

  Args:
    network: The float .tflite file of a network of these rows.
    rows: Of its plan.
  """
  norms = {row.name: row.inputs[0] for row in rows if row.op == "batch_norm"}
  known = {row.name for row in rows}
  graph = unpack(network).subgraphs[0]
  belongs = {}
  for operator in graph.operators:
    for index in operator.outputs:
      name = layer_name(graph.tensors[index].name.decode())
      name = norms.get(name, name)
      if name in known:
        belongs[index] = name
  return belongs


def taught(
  network: bytes,
  rows: tuple[Layer, ...],
  measured: Mapping[int, tuple[float, float]],
  learned: Mapping[str, tuple[float, float]],
) -> dict[int, tuple[float, float]]:
  """Returns the range of every tensor: the learned one where there is one.

  Args:
    network: The float .tflite file.
    rows: Of its plan.
    measured: Ranges of all tensors.
    learned: Ranges of the outputs of folded rows.
  """
  belongs = row_of_tensors(network, rows)
  root = unpack(network)
  ranges = dict(measured)
  for operator in root.subgraphs[0].operators:
    (target,) = operator.outputs
    if operator_name(root, operator) == "RESHAPE":
      ranges[target] = ranges[operator.inputs[0]]  # The same numbers.
    else:
      ranges[target] = learned.get(belongs.get(target), ranges[target])
  return ranges


def _train(student: keras.Model, material: Material) -> list[dict[str, float]]:
  """Trains a network and leaves it with its best epoch's weights.

  Args:
    student: Computes as its integers will.
    material: Trains and decides.

  Returns:
    {"loss", "val_accuracy"} of every epoch.
  """
  import tensorflow as tf

  train, epochs = material.train(), material.options.qat_epochs
  steps = -(-len(train.labels) // BATCH_SIZE)
  optimizer = make_optimizer(steps * epochs)
  optimizer.build(student.trainable_variables)

  # Without AutoGraph, which would rewrite every layer's code first: there is
  # no control flow in it.
  @tf.function(autograph=False)
  def learn(images, labels):
    with tf.GradientTape() as tape:
      answers = student(_scaled(images), training=True)
      loss = cross_entropy(labels, answers)
    variables = student.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss

  @tf.function(autograph=False)
  def count_right(images, labels):
    answers = student(_scaled(images), training=False)
    right = tf.argmax(answers, axis=-1, output_type=labels.dtype) == labels
    return tf.reduce_sum(tf.cast(right, tf.int32))

  history, best = [], (-1.0, student.get_weights())
  for epoch in range(epochs):
    losses = [learn(*batch) for batch in _batches(train, material.seed, epoch)]
    right = sum(int(count_right(*batch)) for batch in _batches(material.val))
    accuracy = right / len(material.val.labels)
    history.append({"loss": float(np.mean(losses)), "val_accuracy": accuracy})
    if accuracy > best[0]:
      best, since = (accuracy, student.get_weights()), 0
    else:
      since += 1
      if since >= PATIENCE:
        break
  student.set_weights(best[1])
  return history


def make_optimizer(steps: int) -> keras.optimizers.Optimizer:
  """Returns Adam, its learning rate taken to 0 by a cosine in so many steps."""
  import keras

  schedules = keras.optimizers.schedules
  return keras.optimizers.Adam(schedules.CosineDecay(LEARNING_RATE, steps))


def cross_entropy(labels, answers):
  """Returns the mean cross-entropy of a batch, a scalar tensor.

  Args:
    labels: Integers (n,), the classes.
    answers: float32 (n, classes), probabilities.
  """
  import keras

  losses = keras.losses.sparse_categorical_crossentropy(labels, answers)
  return keras.ops.mean(losses)


def _scaled(images):
  """Computes what `elite_tf.data.preprocess.scale` does, in the graph."""
  import tensorflow as tf

  return (tf.cast(images, tf.float32) - PIXEL_ZERO) * PIXEL_SCALE


def _batches(
  split: Split, seed: int | None = None, epoch: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields batches of images and labels, shuffled if there is a seed."""
  order = np.arange(len(split.labels))
  if seed is not None:
    order = np.random.default_rng([seed, epoch]).permutation(order)
  for start in range(0, len(order), BATCH_SIZE):
    rows = order[start : start + BATCH_SIZE]
    yield split.images[rows], split.labels[rows]
