"""MUL in int8: scales at which all kernels multiply by the same number.

A product of codes is multiplied by scale * scale / output scale. TensorFlow
Lite computes that number in float32, TensorFlow Lite Micro in float64, and both
then take its first 31 bits: the seven that float32 does not have can make a
result that lies next to the middle of two codes another one, once in some
100,000. At one output scale in about a hundred the two agree, so that a step of
some parts in 100,000 is enough.
"""

import math

import numpy as np

from elite_tf.conversion.tflite import flatbuffer
from elite_tf.errors import VerificationFailed

# Neighbours of a scale in float32 that are tried: less than a part in 1,000.
STEPS = 10_000


def align(model: bytes) -> bytes:
  """Returns the network with MUL's output scales at which kernels agree.

  Args:
    model: A .tflite file. Products that are concatenated are left alone: all
      that is concatenated has one scale.

  Raises:
    VerificationFailed: No scale nearby was found.
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
  """Returns the next output scale at which both kernels agree.

  Args:
    left: Scale of one factor.
    right: Scale of the other.
    output: Scale of the product.

  Raises:
    VerificationFailed: There is none within `STEPS` of float32's numbers.
  """
  left, right = np.float32(left), np.float32(right)
  scale = np.float32(output)
  for _ in range(STEPS):
    # In the order, and to the precision, of either kernel.
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
  """Returns a positive number as kernels have it: (31 bits, exponent)."""
  fraction, exponent = math.frexp(number)
  bits = math.floor(fraction * (1 << 31) + 0.5)
  return (bits >> 1, exponent + 1) if bits == 1 << 31 else (bits, exponent)
