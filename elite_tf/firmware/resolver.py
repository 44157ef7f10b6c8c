"""The operators of TensorFlow Lite Micro and the methods that register them."""

from collections.abc import Iterable

from elite_tf.errors import ConfigError

# Name in TensorFlow Lite's schema -> method of MicroMutableOpResolver, for the
# operators that an int8 image classifier may have.
_ADD_METHODS = {
  "ABS": "AddAbs",
  "ADD": "AddAdd",
  "ADD_N": "AddAddN",
  "ARG_MAX": "AddArgMax",
  "ARG_MIN": "AddArgMin",
  "AVERAGE_POOL_2D": "AddAveragePool2D",
  "BATCH_TO_SPACE_ND": "AddBatchToSpaceNd",
  "CONCATENATION": "AddConcatenation",
  "CONV_2D": "AddConv2D",
  "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
  "DEPTH_TO_SPACE": "AddDepthToSpace",
  "DEQUANTIZE": "AddDequantize",
  "ELU": "AddElu",
  "EXPAND_DIMS": "AddExpandDims",
  "FULLY_CONNECTED": "AddFullyConnected",
  "GATHER": "AddGather",
  "HARD_SWISH": "AddHardSwish",
  "L2_NORMALIZATION": "AddL2Normalization",
  "L2_POOL_2D": "AddL2Pool2D",
  "LEAKY_RELU": "AddLeakyRelu",
  "LOGISTIC": "AddLogistic",
  "MAXIMUM": "AddMaximum",
  "MAX_POOL_2D": "AddMaxPool2D",
  "MEAN": "AddMean",
  "MINIMUM": "AddMinimum",
  "MUL": "AddMul",
  "NEG": "AddNeg",
  "PACK": "AddPack",
  "PAD": "AddPad",
  "PADV2": "AddPadV2",
  "PRELU": "AddPrelu",
  "QUANTIZE": "AddQuantize",
  "REDUCE_MAX": "AddReduceMax",
  "RELU": "AddRelu",
  "RELU6": "AddRelu6",
  "RESHAPE": "AddReshape",
  "RESIZE_BILINEAR": "AddResizeBilinear",
  "RESIZE_NEAREST_NEIGHBOR": "AddResizeNearestNeighbor",
  "RSQRT": "AddRsqrt",
  "SHAPE": "AddShape",
  "SOFTMAX": "AddSoftmax",
  "SPACE_TO_BATCH_ND": "AddSpaceToBatchNd",
  "SPACE_TO_DEPTH": "AddSpaceToDepth",
  "SPLIT": "AddSplit",
  "SPLIT_V": "AddSplitV",
  "SQUEEZE": "AddSqueeze",
  "STRIDED_SLICE": "AddStridedSlice",
  "SUB": "AddSub",
  "TANH": "AddTanh",
  "TRANSPOSE": "AddTranspose",
  "TRANSPOSE_CONV": "AddTransposeConv",
  "UNPACK": "AddUnpack",
}


def add_methods(operators: Iterable[str]) -> tuple[str, ...]:
  """Returns the methods of a resolver that register operators.

  Args:
    operators: Names in TensorFlow Lite's schema, or names of custom operators.

  Raises:
    ConfigError: An operator has no such method; the error names it.
  """
  operators = tuple(operators)
  for name in operators:
    if name not in _ADD_METHODS:
      raise ConfigError(
        f"Operator {name} cannot be registered with TensorFlow Lite Micro by"
        f" elite_tf; those that can: {', '.join(_ADD_METHODS)}"
      )
  return tuple(_ADD_METHODS[name] for name in operators)


def header(operators: Iterable[str]) -> str:
  """Returns the C++ header that registers exactly these operators."""
  methods = add_methods(operators)
  calls = " &&\n         ".join(f"resolver.{m}() == kTfLiteOk" for m in methods)
  return f"""\
/* Registers the operators of the network and no others. */
#ifndef ELITE_RESOLVER_H
#define ELITE_RESOLVER_H

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

using EliteResolver = tflite::MicroMutableOpResolver<{len(methods)}>;

/* Returns whether the library has them all. */
inline bool elite_add_operators(EliteResolver &resolver) {{
  return {calls};
}}

#endif
"""
