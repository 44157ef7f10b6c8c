"""Quantization-aware training: weights are trained to be rounded."""

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

# Percent of the calibration's values that lie within a range at the start.
PERCENTILE = 99.99

# Training ends after so many epochs without a better validation accuracy.
PATIENCE = 2


def qat(model: keras.Model, material: Material) -> Quantized:
  """Returns a network in int8 after quantization-aware training.

  Training starts from the network's weights, with batch norms folded and
  channels equalized, and from calibrated ranges. The epoch of the best
  validation accuracy is kept.

  Args:
    model: The trained network, of one of the families.
    material: Images that calibrate, train and decide.

  Raises:
    ConfigError: The network is of another architecture, has weights that are
      not finite or cannot be quantized.
    VerificationFailed: Its logits are almost zero.
  """
  from elite_tf.conversion.quantize import calibration, fake_quant, integers
  from elite_tf.conversion.quantize.accuracy import accuracy
  from elite_tf.conversion.quantize.equalize import equalize
  from elite_tf.conversion.quantize.folding import (
    fold_layers,
    folded_weights,
    with_weights,
  )
  from elite_tf.conversion.quantize.post_training import check_calibration
  from elite_tf.conversion.tflite import convert
  from elite_tf.networks.from_keras import read_layers

  began = time.monotonic()
  check_calibration(model, material.calibration)
  network = material.float32(model)  # Refuses weights that are not finite.
  exact = accuracy(network, material.val)
  layers = read_layers(model)
  start = equalize(model, material.calibration)
  weights = folded_weights(start, layers)
  network = convert.float32(with_weights(start, layers, weights))
  measured = calibration.clip(
    network, calibration.measure(network, material.calibration), PERCENTILE
  )
  student = fake_quant.build_student(fold_layers(layers))
  fake_quant.set_weights(student, weights)
  learned = fake_quant.output_ranges(student)
  for tensor, name in layers_of_tensors(network, layers).items():
    if name in learned:
      low, high = measured[tensor]
      learned[name][0].assign(min(low, 0.0))
      learned[name][1].assign(max(high, 0.0))
  history = _train(student, material)
  weights = fake_quant.get_weights(student, weights)
  network = convert.float32(with_weights(start, layers, weights))
  # For the tensors without a learned range: the input, and fixed scales.
  measured = calibration.clip(
    network, calibration.measure(network, material.calibration)
  )
  ranges = with_learned(network, layers, measured, {
      name: (float(low.numpy()), float(high.numpy()))
      for name, (low, high) in learned.items()
  })  # fmt: skip
  converted = integers.int8(network, ranges)
  score = accuracy(converted, material.val)
  return outcome(
    "qat", "int8", converted, exact, score, began, {"epochs": history}
  )


def layers_of_tensors(
  network: bytes, layers: tuple[Layer, ...]
) -> dict[int, str]:
  """Returns the name of the folded layer that each operator's output is of.

  Args:
    network: The float .tflite file of a network of these layers.
    layers: Of the network.
  """
  norms = {
    layer.name: layer.inputs[0] for layer in layers if layer.op == "batch_norm"
  }
  known = {layer.name for layer in layers}
  graph = unpack(network).subgraphs[0]
  belongs = {}
  for operator in graph.operators:
    for index in operator.outputs:
      name = layer_name(graph.tensors[index].name.decode())
      name = norms.get(name, name)
      if name in known:
        belongs[index] = name
  return belongs


def with_learned(
  network: bytes,
  layers: tuple[Layer, ...],
  measured: Mapping[int, tuple[float, float]],
  learned: Mapping[str, tuple[float, float]],
) -> dict[int, tuple[float, float]]:
  """Returns the range of every tensor, the learned one where there is one.

  Args:
    network: The float .tflite file.
    layers: Of the network.
    measured: (lowest, highest value) of every tensor, by index.
    learned: (lowest, highest value) of outputs, by folded layer.
  """
  belongs = layers_of_tensors(network, layers)
  root = unpack(network)
  ranges = dict(measured)
  for operator in root.subgraphs[0].operators:
    (target,) = operator.outputs
    if operator_name(root, operator) == "RESHAPE":
      ranges[target] = ranges[operator.inputs[0]]  # The same numbers.
    else:
      ranges[target] = learned.get(belongs.get(target), ranges[target])
  return ranges


def make_optimizer(steps: int) -> keras.optimizers.Optimizer:
  """Returns Adam; a cosine takes its learning rate to 0 in so many steps."""
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


def _train(student: keras.Model, material: Material) -> list[dict[str, float]]:
  """Trains a network and leaves it with its best epoch's weights.

  Args:
    student: Of `elite_tf.conversion.quantize.fake_quant.build_student`.
    material: Images that train and decide.

  Returns:
    {"loss", "val_accuracy"} of every epoch.
  """
  import tensorflow as tf

  train, epochs = material.train(), material.options.qat_epochs
  steps = -(-len(train.labels) // BATCH_SIZE)
  optimizer = make_optimizer(steps * epochs)
  optimizer.build(student.trainable_variables)

  # Without AutoGraph, which would first rewrite the code of every layer: there
  # is no control flow in it.
  @tf.function(autograph=False)
  def learn(images, labels):
    with tf.GradientTape() as tape:
      answers = student(_scale(images), training=True)
      loss = cross_entropy(labels, answers)
    variables = student.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss

  @tf.function(autograph=False)
  def count_right(images, labels):
    answers = student(_scale(images), training=False)
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


def _scale(images):
  """Computes what `elite_tf.data.preprocess.scale` does, in the graph."""
  import tensorflow as tf

  return (tf.cast(images, tf.float32) - PIXEL_ZERO) * PIXEL_SCALE


def _batches(
  split: Split, seed: int | None = None, epoch: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields batches of images and labels; with a seed, shuffled."""
  order = np.arange(len(split.labels))
  if seed is not None:
    order = np.random.default_rng([seed, epoch]).permutation(order)
  for start in range(0, len(order), BATCH_SIZE):
    chosen = order[start : start + BATCH_SIZE]
    yield split.images[chosen], split.labels[chosen]
