"""Signal-to-quantization-noise ratio of every layer: where accuracy is lost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from elite_tf.conversion.interpreters.observe import observe
from elite_tf.conversion.tflite.flatbuffer import operator_name, unpack
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.data.preprocess import quantize_input

# Number of images over which signal and noise are summed.
IMAGES = 32

# dB of a layer without noise; more than float32 can resolve.
NOISELESS = 200.0


def layer_noise(
  converted: bytes, model: bytes, images: np.ndarray, count: int = IMAGES
) -> tuple[dict[str, Any], ...]:
  """Returns the signal-to-quantization-noise ratio of every activation.

  Args:
    converted: An integer network.
    model: The float network that it was made from.
    images: float32 (n, height, width, channels).
    count: Most images to use.

  Returns:
    {"layer", "operator", "sqnr_db"} of every layer, the worst first. The ratio
    is 10 log10 of the sum of squared float activations over the sum of squared
    differences.
  """
  images = images[:count]
  tensor = inspect(converted).input
  inputs = quantize_input(images, tensor.scale, tensor.zero_point, tensor.dtype)
  here, there = unpack(converted), unpack(model)
  targets = _targets(here)
  # The quantizer keeps the names of what it quantizes.
  pairs = {
    name: (index, targets[name][0])
    for name, (index, _) in _targets(there).items()
    if name in targets
  }
  signal = dict.fromkeys(pairs, 0.0)
  noise = dict.fromkeys(pairs, 0.0)
  tensors = here.subgraphs[0].tensors
  for exact, codes in zip(
    observe(model, images, [index for index, _ in pairs.values()]),
    observe(converted, inputs, [index for _, index in pairs.values()]),
  ):
    for name, (float_index, index) in pairs.items():
      found = tensors[index].quantization
      wanted = exact[float_index].astype(np.float64)
      stored = codes[index].astype(np.float64) - found.zeroPoint[0]
      signal[name] += float((wanted**2).sum())
      noise[name] += float(((stored * found.scale[0] - wanted) ** 2).sum())
  ratios = [
    {
      "layer": layer_name(name),
      "operator": targets[name][1],
      "sqnr_db": _decibels(signal[name], noise[name]),
    }
    for name in pairs
  ]
  return tuple(sorted(ratios, key=lambda layer: layer["sqnr_db"]))


def layer_name(tensor: str) -> str:
  """Returns the Keras layer that a tensor of the converter is named after.

  Args:
    tensor: As "net_1/stem_relu6_1/Relu6;net_1/stem_bn_1/batchnorm/add_1;...":
      the first part is the last of the fused operations.
  """
  parts = tensor.partition(";")[0].split("/")
  name = parts[1] if len(parts) > 1 else parts[0]
  stem, _, number = name.rpartition("_")
  return stem if stem and number.isdigit() else name


def _targets(root) -> dict[str, tuple[int, str]]:
  """Returns (tensor, operator) of every activation by the tensor's name."""
  graph = root.subgraphs[0]
  return {
    graph.tensors[index].name.decode(): (index, operator_name(root, operator))
    for operator in graph.operators
    for index in operator.outputs
  }


def _decibels(signal: float, noise: float) -> float:
  if not noise:
    return NOISELESS
  if not signal:
    return -NOISELESS
  return min(10 * math.log10(signal / noise), NOISELESS)
