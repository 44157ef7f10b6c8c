"""The operator resolver of TensorFlow Lite Micro: which operators it gets."""

from collections.abc import Iterable

from elite_tf.errors import ConfigError

# Operator as TensorFlow Lite's schema spells it -> method of
# MicroMutableOpResolver, for the operators of int8 image classifiers.
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
  """Returns the methods that add these operators to a resolver.

  Args:
    operators: Names as TensorFlow Lite's schema spells them, or of custom
      operators.

  Raises:
    ConfigError: There is no such method for one; names it.
  """
  operators = tuple(operators)
  for name in operators:
    if name not in _ADD_METHODS:
      raise ConfigError(
        "elite_tf registers these operators with TensorFlow Lite Micro:"
        f" {', '.join(_ADD_METHODS)}. Received: operator {name}"
      )
  return tuple(_ADD_METHODS[name] for name in operators)


def header(operators: Iterable[str]) -> str:
  """Returns the C++ header that registers exactly these operators.

  Args:
    operators: As for `add_methods`.
  """
  methods = add_methods(operators)
  calls = " &&\n         ".join(f"resolver.{m}() == kTfLiteOk" for m in methods)
  return f"""\
/* The operators of the network. */
#ifndef ELITE_RESOLVER_H
#define ELITE_RESOLVER_H

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

using EliteResolver = tflite::MicroMutableOpResolver<{len(methods)}>;

/* Returns whether the library has all of them. */
inline bool elite_add_operators(EliteResolver &resolver) {{
  return {calls};
}}

#endif
"""
