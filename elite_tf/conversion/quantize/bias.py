"""Bias correction: restores the mean of every channel.

Rounding of weights and clipping of activations shift the mean of a layer's
outputs. The shift is measured on the calibration images, layer after layer, and
subtracted from the layer's bias (Nagel et al., "Data-Free Quantization Through
Weight Equalization and Bias Correction", 2019, Section 4.2, but measured
instead of derived).
"""

from __future__ import annotations

import numpy as np

from elite_tf.conversion.interpreters.observe import observe
from elite_tf.conversion.tflite.flatbuffer import operator_name, pack, unpack
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.data.preprocess import quantize_input

# Operators with an int32 bias per output channel.
BIASED = ("CONV_2D", "DEPTHWISE_CONV_2D")

# Number of images for the means; every layer runs over them once.
IMAGES = 32


def correct_bias(
  converted: bytes, model: bytes, images: np.ndarray, count: int = IMAGES
) -> bytes:
  """Returns an integer network with the channel means of a float network.

  Args:
    converted: The float network in int8, with the same operators.
    model: The float .tflite file.
    images: float32 (n, height, width, channels), calibration images.
    count: Most images to use.
  """
  images = images[:count]
  tensor = inspect(converted).input
  inputs = quantize_input(images, tensor.scale, tensor.zero_point, tensor.dtype)
  layers = _biased(unpack(model))
  wanted = _means(model, images, [target for target, _ in layers])
  for layer, (target, _) in enumerate(layers):
    root = unpack(converted)
    graph = root.subgraphs[0]
    # The order is the same as in the float network, indices are not.
    here, bias = _biased(root)[layer]
    found = graph.tensors[here].quantization
    mean = _means(converted, inputs, [here])[here]
    shift = wanted[target] - (mean - found.zeroPoint[0]) * found.scale[0]
    buffer = root.buffers[graph.tensors[bias].buffer]
    scale = np.asarray(graph.tensors[bias].quantization.scale, np.float64)
    old = np.frombuffer(bytes(buffer.data), np.int32).astype(np.int64)
    limits = np.iinfo(np.int32)
    new = np.clip(old + np.rint(shift / scale), limits.min, limits.max)
    # Equal biases may share a buffer: this one gets its own.
    places = [tensor.buffer for tensor in graph.tensors]
    if places.count(places[bias]) > 1:
      buffer = type(buffer)()
      root.buffers.append(buffer)
      graph.tensors[bias].buffer = len(root.buffers) - 1
    buffer.data = np.frombuffer(new.astype(np.int32).tobytes(), np.uint8)
    converted = pack(root)
  return converted


def _biased(root) -> list[tuple[int, int]]:
  """Returns the (output, bias) tensors of the layers with a bias."""
  return [
    (operator.outputs[0], operator.inputs[2])
    for operator in root.subgraphs[0].operators
    if operator_name(root, operator) in BIASED and len(operator.inputs) > 2
  ]


def _means(
  model: bytes, inputs: np.ndarray, wanted: list[int]
) -> dict[int, np.ndarray]:
  """Returns the mean of every channel of some activations, as stored."""
  sums = dict.fromkeys(wanted, 0.0)
  for values in observe(model, inputs, wanted):
    for index in wanted:
      array = values[index].astype(np.float64)
      sums[index] += array.reshape(-1, array.shape[-1]).mean(axis=0)
  return {index: total / len(inputs) for index, total in sums.items()}
