"""MUL in int8: finds scales at which all kernels use the same factor.

A product of codes is multiplied by scale * scale / output scale. TensorFlow
Lite computes this factor in float32, TensorFlow Lite Micro in float64, and both
then take its first 31 bits. The seven bits that float32 lacks change about one
result in 100,000, one that is close to the middle between two codes. The two
factors agree at about one output scale in a hundred, so a change of some parts
in 100,000 is enough.
"""

import math

import numpy as np

from elite_tf.conversion.tflite import flatbuffer
from elite_tf.errors import VerificationFailed

# Float32 numbers to try from a scale on: a change of less than 1 in 1,000.
STEPS = 10_000


def align(model: bytes) -> bytes:
  """Returns the network with output scales of MUL at which kernels agree.

  The output of a MUL that is an input of CONCATENATION keeps its scale, because
  all inputs of CONCATENATION must have the same scale.

  Args:
    model: The .tflite file.

  Raises:
    VerificationFailed: The factors differ at all `STEPS` scales tried.
  """
  root = flatbuffer.unpack(model)
  graph = root.subgraphs[0]
  joined = {
    index
    for operator in graph.operators
    if flatbuffer.operator_name(root, operator) == "CONCATENATION"
    for index in operator.inputs
  }
  int8 = flatbuffer.schema().TensorType.INT8
  for operator in graph.operators:
    (output,) = operator.outputs[:1]
    tensor = graph.tensors[output]
    if (
      flatbuffer.operator_name(root, operator) == "MUL"
      and tensor.type == int8
      and output not in joined
    ):
      scales = [graph.tensors[i].quantization.scale[0] for i in operator.inputs]
      tensor.quantization.scale = [
        nearest_scale(*scales, tensor.quantization.scale[0])
      ]
  return flatbuffer.pack(root)


def nearest_scale(left: float, right: float, output: float) -> float:
  """Returns the next larger output scale at which both kernels agree.

  Args:
    left: Scale of one factor.
    right: Scale of the other factor.
    output: Scale of the product.

  Raises:
    VerificationFailed: The factors differ at all `STEPS` scales tried.
  """
  left, right = np.float32(left), np.float32(right)
  scale = np.float32(output)
  for _ in range(STEPS):
    # In the order and with the precision of each kernel.
    lite = float(left * right / scale)
    micro = float(left) * float(right) / float(scale)
    if multiplier(lite) == multiplier(micro):
      return float(scale)
    scale = np.nextafter(scale, np.float32(np.inf))
  raise VerificationFailed(
    f"MUL of scales {left}, {right} -> {output}: TensorFlow Lite Micro and the"
    f" reference kernels differ at {STEPS} scales near it"
  )


def multiplier(number: float) -> tuple[int, int]:
  """Returns a positive number in the form of kernels: (31 bits, exponent)."""
  fraction, exponent = math.frexp(number)
  bits = math.floor(fraction * (1 << 31) + 0.5)
  return (bits >> 1, exponent + 1) if bits == 1 << 31 else (bits, exponent)
