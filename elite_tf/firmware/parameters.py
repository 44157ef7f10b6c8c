"""What the kernels are given: numbers worked out from scales and shapes.

The factors are computed in the precision in which TensorFlow Lite Micro
computes them, which is not the same for every operator: their last bit decides
over outputs.
"""

import math
from collections.abc import Mapping

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.firmware import fixed_point, tables
from elite_tf.firmware.graph import Operator, Tensor
from elite_tf.firmware.stages import Rows

# The highest kernel of a depthwise convolution, as in depthwise.h.
MOST_DEPTHWISE_ROWS = 16

# Bits that the inputs of a sum are given more, as in elementwise.c.
SUM_BITS = 20

Fields = dict[str, int]
Arrays = dict[str, np.ndarray]


def map_shape(tensor: Tensor) -> tuple[int, int, int]:
  """Returns the (height, width, channels) of a tensor of one image."""
  shape = tensor.shape
  if len(shape) == 4 and shape[0] == 1:
    return shape[1:]
  if len(shape) <= 2:
    return (1, *((1, 1, *shape)[-2:]))
  raise ConfigError(
      f"tensor {tensor.name} must be (1, height, width, channels) or"
      f" (1, channels). Received: {list(shape)}"
  )


def one_quantization(tensor: Tensor) -> tables.Quantization:
  """Returns the scale and zero point of a map."""
  if len(tensor.scales) != 1:
    raise ConfigError(
        f"tensor {tensor.name} must have one scale. Received:"
        f" {len(tensor.scales)}"
    )
  return tables.Quantization(tensor.scales[0], tensor.zero_points[0])


def require_same_quantization(source: Tensor, target: Tensor) -> None:
  """Refuses an operator that would have to change the scale."""
  if one_quantization(source) != one_quantization(target):
    raise ConfigError(
        "input and output must have the same scale and zero point. Received:"
        f" {one_quantization(source)} and {one_quantization(target)}"
    )


def convolution(
    operator: Operator,
    source: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    target: Tensor,
) -> tuple[Fields, Arrays, Rows]:
  """Returns fields, arrays and rows of CONV_2D."""
  if len(weights.shape) != 4 or weights.shape[3] != map_shape(source)[2]:
    raise ConfigError(
        "weights must be (channels out, height, width, channels in), not"
        f" grouped. Received: {list(weights.shape)} for an input of"
        f" {list(source.shape)}"
    )
  channels, height, width, _ = weights.shape
  fields, rows = _window(operator, source, target, height, width, channels)
  arrays = _weighted(
      weights.data.reshape(channels, -1),
      _factors(source, weights, target, 0),
      bias,
      fields["input_zero"],
  )
  # The sum over all weights times what means 0 is taken off beforehand.
  arrays["bias"] = _less_zero(arrays, fields["input_zero"])
  return fields, arrays, rows


def column_bytes(fields: Fields, height: int) -> int:
  """Returns the scratch memory of a convolution.

  Args:
    fields: Of the kernel's structure.
    height: Rows of the output.
  """
  one = fields["kernel_height"] == fields["kernel_width"] == 1
  padded = (
      fields["pad_top"]
      or fields["pad_left"]
      or (height - 1) * fields["stride_y"] >= fields["in_height"]
      or (fields["out_width"] - 1) * fields["stride_x"] >= fields["in_width"]
  )
  if one and not padded:
    return 0
  return 2 * (
      fields["kernel_height"] * fields["kernel_width"] * fields["in_channels"]
  )


def depthwise(
    operator: Operator,
    source: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    target: Tensor,
) -> tuple[Fields, Arrays, Rows]:
  """Returns fields, arrays and rows of DEPTHWISE_CONV_2D."""
  if len(weights.shape) != 4 or weights.shape[0] != 1:
    raise ConfigError(
        "weights must be (1, height, width, channels). Received:"
        f" {list(weights.shape)}"
    )
  _, height, width, channels = weights.shape
  if channels % map_shape(source)[2]:
    raise ConfigError(
        f"{map_shape(source)[2]} input channels cannot have {channels} output"
        " channels"
    )
  if height > MOST_DEPTHWISE_ROWS:
    raise ConfigError(
        f"a kernel must have at most {MOST_DEPTHWISE_ROWS} rows. Received:"
        f" {height}"
    )
  fields, rows = _window(operator, source, target, height, width, channels)
  arrays = _weighted(
      weights.data.reshape(-1, channels).T,
      _factors(source, weights, target, 3),
      bias,
      fields["input_zero"],
  )
  arrays["weights"] = np.ascontiguousarray(arrays["weights"].T)
  return fields, arrays, rows


def fully_connected(
    operator: Operator,
    source: Tensor,
    weights: Tensor,
    bias: Tensor | None,
    target: Tensor,
) -> tuple[Fields, Arrays]:
  """Returns fields and arrays of FULLY_CONNECTED, as a convolution."""
  if operator.options["weights_format"] != "DEFAULT":
    raise ConfigError(
        "weights must be in the plain format. Received:"
        f" {operator.options['weights_format']}"
    )
  if len(weights.shape) != 2 or math.prod(source.shape) % weights.shape[1]:
    raise ConfigError(
        f"weights must be (outputs, inputs). Received: {list(weights.shape)}"
        f" for an input of {list(source.shape)}"
    )
  outputs, inputs = weights.shape
  pixels = math.prod(source.shape) // inputs
  if math.prod(target.shape) != outputs * pixels:
    raise ConfigError(f"its output cannot be {list(target.shape)}")
  low, high = _limits(operator, target)
  fields = {
      "in_height": 1,
      "in_width": pixels,
      "in_channels": inputs,
      "in_rows": 1,
      "out_width": pixels,
      "out_channels": outputs,
      **dict.fromkeys(("kernel_height", "kernel_width"), 1),
      **dict.fromkeys(("stride_y", "stride_x"), 1),
      **dict.fromkeys(("dilation_y", "dilation_x"), 1),
      **dict.fromkeys(("pad_top", "pad_left"), 0),
      "input_zero": source.zero_points[0],
      "output_zero": target.zero_points[0],
      "low": low,
      "high": high,
  }
  factors = _factors(source, weights, target, 0)
  if len(weights.scales) == 1:
    # The product of the first two is rounded to float32.
    product = np.float32(source.scales[0]) * np.float32(weights.scales[0])
    factors = [float(product) / target.scales[0]] * outputs
  arrays = _weighted(weights.data, factors, bias, fields["input_zero"])
  arrays["bias"] = _less_zero(arrays, fields["input_zero"])
  return fields, arrays


def mean(source: Tensor, axes: np.ndarray, target: Tensor) -> Fields:
  """Returns the fields of MEAN over all pixels."""
  found = sorted({int(axis) % 4 for axis in axes.reshape(-1)})
  if len(source.shape) != 4 or found != [1, 2]:
    raise ConfigError(
        f"it must be over height and width. Received: axes {axes.tolist()} of"
        f" {list(source.shape)}"
    )
  height, width, channels = map_shape(source)
  if math.prod(target.shape) != channels:
    raise ConfigError(f"its output cannot be {list(target.shape)}")
  multiplier, shift = fixed_point.quantize_factor(
      source.scales[0] / target.scales[0]
  )
  # The division is part of the factor: first by the power of two, as far as
  # the shift has room for it, which leaves the multiplier its 31 bits.
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
  """Returns fields and rows of AVERAGE_POOL_2D."""
  channels = map_shape(source)[2]
  require_same_quantization(source, target)
  fields, rows = _window(
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
    multiplier, shift = _normal_factor(real)
    if shift > 0:
      raise ConfigError("the scale of its output is too small for its inputs")
    fields[f"multiplier{name}"], fields[f"shift{name}"] = multiplier, shift
  return fields


def product_of(
    operator: Operator, a: Tensor, b: Tensor, target: Tensor
) -> Fields:
  """Returns the fields of MUL."""
  fields = _pair(operator, a, b, target)
  fields["multiplier"], fields["shift"] = _normal_factor(
      a.scales[0] * b.scales[0] / target.scales[0]
  )
  return fields


def softmax(
    operator: Operator, source: Tensor, target: Tensor
) -> tuple[Fields, Arrays]:
  """Returns fields and arrays of SOFTMAX."""
  count = map_shape(source)[2]
  if math.prod(source.shape) != count or source.shape != target.shape:
    raise ConfigError(
        f"it must be over one row of numbers. Received: {list(source.shape)}"
    )
  if one_quantization(target) != tables.Quantization(1 / 256, -128):
    raise ConfigError("its output must have scale 1/256 and zero point -128")
  beta = float(operator.options["beta"])
  if not (math.isfinite(beta) and beta > 0):
    raise ConfigError(f"beta must be above 0. Received: {beta}")
  exponentials = tables.exponentials(one_quantization(source), beta)
  return {"count": count}, {"exponential": exponentials}


def pad(
    source: Tensor, paddings: np.ndarray, target: Tensor
) -> tuple[Fields, Rows]:
  """Returns fields and rows of PAD."""
  height, width, channels = map_shape(source)
  if paddings.shape != (4, 2) or len(source.shape) != 4:
    raise ConfigError(
        f"it must be of four axes. Received: paddings {list(paddings.shape)}"
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
  require_same_quantization(source, target)
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
  """Returns fields and arrays of CONCATENATION along the channels."""
  axis = operator.options["axis"] % len(target.shape)
  if (
      axis != len(target.shape) - 1
      or operator.options["fused_activation_function"] != "NONE"
  ):
    raise ConfigError(
        "it must be along the last axis, without an activation. Received:"
        f" axis {axis} of {list(target.shape)}"
    )
  height, width, channels = map_shape(target)
  each = [map_shape(source)[2] for source in sources]
  for source in sources:
    require_same_quantization(source, target)
    if map_shape(source)[:2] != (height, width):
      raise ConfigError(f"an input cannot be {list(source.shape)}")
  if sum(each) != channels:
    raise ConfigError(f"its output cannot be {list(target.shape)}")
  fields = {"inputs": len(each), "pixels": width}
  return fields, {"channels": np.array(each, np.int32)}


def _window(
    operator: Operator,
    source: Tensor,
    target: Tensor,
    kernel_height: int,
    kernel_width: int,
    channels: int,
) -> tuple[Fields, Rows]:
  """Returns fields and rows of what looks through a window."""
  options = operator.options
  height, width, in_channels = map_shape(source)
  out, pads, extents = [], [], []
  for size, kernel, axis in (
      (height, kernel_height, "h"),
      (width, kernel_width, "w"),
  ):
    stride = options[f"stride_{axis}"]
    dilation = options.get(f"dilation_{axis}_factor", 1)
    if min(stride, dilation, kernel) < 1:
      raise ConfigError("strides, dilations and kernels must be 1 or more")
    extent = (kernel - 1) * dilation + 1
    same = options["padding"] == "SAME"
    count = -(-(size if same else size - extent + 1) // stride)
    around = max((count - 1) * stride + extent - size, 0) if same else 0
    out.append(count)
    pads.append(around // 2)
    extents.append(extent)
  if map_shape(target) != (*out, channels):
    raise ConfigError(
        f"its output must be {[*out, channels]}. Received:"
        f" {list(target.shape)}"
    )
  low, high = _limits(operator, target)
  fields = {
      "in_height": height,
      "in_width": width,
      "in_channels": in_channels,
      "in_rows": height,
      "out_width": out[1],
      "out_channels": channels,
      "kernel_height": kernel_height,
      "kernel_width": kernel_width,
      "stride_y": options["stride_h"],
      "stride_x": options["stride_w"],
      "dilation_y": options.get("dilation_h_factor", 1),
      "dilation_x": options.get("dilation_w_factor", 1),
      "pad_top": pads[0],
      "pad_left": pads[1],
      "input_zero": source.zero_points[0],
      "output_zero": target.zero_points[0],
      "low": low,
      "high": high,
  }
  return fields, Rows(options["stride_h"], pads[0], extents[0])


def _limits(operator: Operator, target: Tensor) -> tuple[int, int]:
  """Returns the least and greatest output that the activation lets pass."""
  name = operator.options["fused_activation_function"]
  ranges: Mapping[str, tuple[float | None, float | None]] = {
      "NONE": (None, None),
      "RELU": (0.0, None),
      "RELU6": (0.0, 6.0),
      "RELU_N1_TO_1": (-1.0, 1.0),
  }
  if name not in ranges:
    raise ConfigError(
        f"its activation must be one of {', '.join(ranges)}. Received: {name}"
    )
  low, high = ranges[name]
  quantization = one_quantization(target)
  return (
      -128 if low is None else tables.quantize(low, quantization),
      127 if high is None else tables.quantize(high, quantization),
  )


def _factors(
    source: Tensor, weights: Tensor, target: Tensor, axis: int
) -> list[float]:
  """Returns the real factor of every output channel."""
  channels = weights.shape[axis]
  if len(weights.scales) not in (1, channels) or (
      len(weights.scales) > 1 and weights.axis != axis
  ):
    raise ConfigError(
        "weights must have one scale, or one for every output channel."
        f" Received: {len(weights.scales)} of axis {weights.axis}"
    )
  if weights.dtype != "int8" or any(weights.zero_points):
    raise ConfigError("weights must be int8 with zero point 0")
  scales = weights.scales * (channels // len(weights.scales))
  return [source.scales[0] * scale / target.scales[0] for scale in scales]


def _weighted(
    weights: np.ndarray,
    factors: list[float],
    bias: Tensor | None,
    input_zero: int,
) -> Arrays:
  """Returns the arrays of weights (outputs, inputs of each)."""
  channels = len(weights)
  added = np.zeros(channels, np.int32)
  if bias is not None:
    if bias.data is None or bias.dtype != "int32" or bias.data.size != channels:
      raise ConfigError(
          f"its bias must be {channels} constant numbers of int32. Received:"
          f" {bias.dtype}, {list(bias.shape)}"
      )
    added = bias.data.reshape(-1)
  weights = weights.astype(np.int64)
  edges = [weights * (code - input_zero) for code in (-128, 127)]
  most = np.maximum(*edges).sum(axis=1) + added
  least = np.minimum(*edges).sum(axis=1) + added
  if most.max() >= 2**31 or least.min() < -(2**31):
    raise ConfigError("its sums can exceed 32 bits")
  pairs = [_normal_factor(factor) for factor in factors]
  # What a factor makes nothing of is nothing from the start.
  dead = [fixed_point.quantize_factor(factor)[0] == 0 for factor in factors]
  return {
      "weights": np.where(np.c_[dead], 0, weights).astype(np.int8),
      "bias": np.where(dead, 0, added).astype(np.int32),
      "multiplier": np.array([pair[0] for pair in pairs], np.int32),
      "shift": np.array([pair[1] for pair in pairs], np.int8),
  }


def _normal_factor(real: float) -> tuple[int, int]:
  """Returns a factor with a multiplier of 2^30 or more, as kernels want it.

  One too small for that becomes 2^-32: it makes 0 of what is below 2^30 too.
  """
  multiplier, shift = fixed_point.quantize_factor(real)
  return (multiplier, shift) if multiplier else (2**30, -31)


def _less_zero(arrays: Arrays, input_zero: int) -> np.ndarray:
  total = arrays["weights"].astype(np.int64).sum(axis=1)
  return fixed_point.wrap(arrays["bias"] - total * input_zero).astype(np.int32)


def _pair(operator: Operator, a: Tensor, b: Tensor, target: Tensor) -> Fields:
  """Returns the fields that sum and product have in common."""
  shapes = [map_shape(tensor) for tensor in (a, b, target)]
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
  low, high = _limits(operator, target)
  return {
      "period_a": periods[0],
      "period_b": periods[1],
      "offset_a": -a.zero_points[0],
      "offset_b": -b.zero_points[0],
      "output_zero": target.zero_points[0],
      "low": low,
      "high": high,
  }
