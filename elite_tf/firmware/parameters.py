"""Parameters of the kernels without weights, from scales and shapes.

Factors are computed with the precision of TensorFlow Lite Micro, which differs
between operators: the last bit of a factor can change outputs.
"""

import math

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.firmware import common, fixed_point, tables
from elite_tf.firmware.common import Fields
from elite_tf.firmware.graph import Operator, Tensor
from elite_tf.firmware.ir import Rows

# Bits by which the inputs of a sum are shifted left, as in elementwise.c.
SUM_BITS = 20

Arrays = dict[str, np.ndarray]


def mean(source: Tensor, axes: np.ndarray, target: Tensor) -> Fields:
  """Returns the fields of MEAN over all pixels."""
  found = sorted({int(axis) % 4 for axis in axes.reshape(-1)})
  if len(source.shape) != 4 or found != [1, 2]:
    raise ConfigError(
      f"the mean must be over height and width. Received: axes {axes.tolist()} of"
      f" {list(source.shape)}"
    )
  height, width, channels = common.map_shape(source)
  if math.prod(target.shape) != channels:
    raise ConfigError(f"its output cannot be {list(target.shape)}")
  multiplier, shift = fixed_point.quantize_factor(
    source.scales[0] / target.scales[0]
  )
  # The division by the pixels is part of the factor. The shift takes as much of
  # a power of two as it can, which leaves the multiplier its 31 bits.
  pixels = height * width
  bits = max(0, min(pixels.bit_length() - 1, 32, 31 + shift))
  return {
    "pixels": pixels,
    "channels": channels,
    "input_zero": source.zero_points[0],
    "output_zero": target.zero_points[0],
    "multiplier": (multiplier << bits) // pixels,
    "shift": shift - bits,
  }


def average_pool(
  operator: Operator, source: Tensor, target: Tensor
) -> tuple[Fields, Rows]:
  """Returns the fields and the rows of AVERAGE_POOL_2D."""
  channels = common.map_shape(source)[2]
  common.require_same_quantization(source, target)
  fields, rows = common.window(
    operator,
    source,
    target,
    operator.options["filter_height"],
    operator.options["filter_width"],
    channels,
  )
  fields["channels"] = channels
  return fields, rows


def sum_of(operator: Operator, a: Tensor, b: Tensor, target: Tensor) -> Fields:
  """Returns the fields of ADD."""
  left, right = a.scales[0], b.scales[0]
  twice = 2 * max(left, right)
  fields = _pair(operator, a, b, target)
  for name, real in (
    ("_a", left / twice),
    ("_b", right / twice),
    ("", twice / ((1 << SUM_BITS) * target.scales[0])),
  ):
    multiplier, shift = common.normal_factor(real)
    if shift > 0:
      raise ConfigError("the scale of its output is too small for its inputs")
    fields[f"multiplier{name}"], fields[f"shift{name}"] = multiplier, shift
  return fields


def product_of(
  operator: Operator, a: Tensor, b: Tensor, target: Tensor
) -> Fields:
  """Returns the fields of MUL."""
  fields = _pair(operator, a, b, target)
  fields["multiplier"], fields["shift"] = common.normal_factor(
    a.scales[0] * b.scales[0] / target.scales[0]
  )
  return fields


def softmax(
  operator: Operator, source: Tensor, target: Tensor
) -> tuple[Fields, Arrays]:
  """Returns the fields and the arrays of SOFTMAX."""
  count = common.map_shape(source)[2]
  if math.prod(source.shape) != count or source.shape != target.shape:
    raise ConfigError(
      f"its input must be one vector. Received: {list(source.shape)}"
    )
  if common.one_quantization(target) != tables.Quantization(1 / 256, -128):
    raise ConfigError("its output must have scale 1/256 and zero point -128")
  beta = float(operator.options["beta"])
  if not (math.isfinite(beta) and beta > 0):
    raise ConfigError(f"beta must be above 0. Received: {beta}")
  exponentials = tables.exponentials(common.one_quantization(source), beta)
  return {"count": count}, {"exponential": exponentials}


def pad(
  source: Tensor, paddings: np.ndarray, target: Tensor
) -> tuple[Fields, Rows]:
  """Returns the fields and the rows of PAD."""
  height, width, channels = common.map_shape(source)
  if paddings.shape != (4, 2) or len(source.shape) != 4:
    raise ConfigError(
      "its paddings must be (4, 2), for an input of four axes. Received:"
      f" {list(paddings.shape)}"
    )
  around = paddings.tolist()
  (top, bottom), (left, right) = around[1:3]
  if around[0] != [0, 0] or around[3] != [0, 0] or paddings.min() < 0:
    raise ConfigError(
      f"only height and width can be padded. Received: {around}"
    )
  wanted = (1, height + top + bottom, width + left + right, channels)
  if target.shape != wanted:
    raise ConfigError(f"its output cannot be {list(target.shape)}")
  common.require_same_quantization(source, target)
  fields = {
    "in_height": height,
    "in_width": width,
    "channels": channels,
    "in_rows": height,
    "out_width": wanted[2],
    "pad_top": top,
    "pad_left": left,
    "zero": target.zero_points[0],
  }
  return fields, Rows(1, top, 1)


def concatenation(
  operator: Operator, sources: list[Tensor], target: Tensor
) -> tuple[Fields, Arrays]:
  """Returns the fields and the arrays of CONCATENATION along the channels."""
  axis = operator.options["axis"] % len(target.shape)
  if (
    axis != len(target.shape) - 1
    or operator.options["fused_activation_function"] != "NONE"
  ):
    raise ConfigError(
      "it must be along the last axis, without an activation. Received:"
      f" axis {axis} of {list(target.shape)}"
    )
  height, width, channels = common.map_shape(target)
  each = [common.map_shape(source)[2] for source in sources]
  for source in sources:
    common.require_same_quantization(source, target)
    if common.map_shape(source)[:2] != (height, width):
      raise ConfigError(f"an input cannot be {list(source.shape)}")
  if sum(each) != channels:
    raise ConfigError(f"its output cannot be {list(target.shape)}")
  fields = {"inputs": len(each), "pixels": width}
  return fields, {"channels": np.array(each, np.int32)}


def _pair(operator: Operator, a: Tensor, b: Tensor, target: Tensor) -> Fields:
  """Returns the fields that sum and product share."""
  shapes = [common.map_shape(tensor) for tensor in (a, b, target)]
  channels = shapes[2][2]
  periods = []
  for shape in shapes[:2]:
    if shape == shapes[2]:
      periods.append(math.prod(shape))
    elif shape in ((1, 1, channels), (1, 1, 1)):
      periods.append(shape[2])
    else:
      raise ConfigError(
        f"{list(shape)} cannot be taken at every pixel of {list(shapes[2])}"
      )
  low, high = common.limits(operator, target)
  return {
    "period_a": periods[0],
    "period_b": periods[1],
    "offset_a": -a.zero_points[0],
    "offset_b": -b.zero_points[0],
    "output_zero": target.zero_points[0],
    "low": low,
    "high": high,
  }
