"""Parameters of the kernels with weights.

Factors are computed with the precision of TensorFlow Lite Micro, which differs
between operators: the last bit of a factor can change outputs.
"""

import math

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.firmware import common, fixed_point
from elite_tf.firmware.common import Fields
from elite_tf.firmware.graph import Operator, Tensor
from elite_tf.firmware.ir import Rows

# Largest height of a depthwise kernel, as in depthwise.h.
MOST_DEPTHWISE_ROWS = 16

Arrays = dict[str, np.ndarray]


def convolution(
  operator: Operator,
  source: Tensor,
  weights: Tensor,
  bias: Tensor | None,
  target: Tensor,
) -> tuple[Fields, Arrays, Rows]:
  """Returns the fields, the arrays and the rows of CONV_2D."""
  if len(weights.shape) != 4 or weights.shape[3] != common.map_shape(source)[2]:
    raise ConfigError(
      "weights must be (channels out, height, width, channels in), not"
      f" grouped. Received: {list(weights.shape)} for an input of"
      f" {list(source.shape)}"
    )
  channels, height, width, _ = weights.shape
  fields, rows = common.window(
    operator, source, target, height, width, channels
  )
  arrays = _weighted(
    weights.data.reshape(channels, -1),
    _factors(source, weights, target, 0),
    bias,
    fields["input_zero"],
  )
  # The bias already contains what the zero point of the input adds.
  arrays["bias"] = _fold_input_zero(arrays, fields["input_zero"])
  return fields, arrays, rows


def column_bytes(fields: Fields, height: int) -> int:
  """Returns the bytes of scratch memory of a convolution.

  Args:
    fields: Numbers of the kernel's structure.
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
  """Returns the fields, the arrays and the rows of DEPTHWISE_CONV_2D."""
  if len(weights.shape) != 4 or weights.shape[0] != 1:
    raise ConfigError(
      "weights must be (1, height, width, channels). Received:"
      f" {list(weights.shape)}"
    )
  _, height, width, channels = weights.shape
  if channels % common.map_shape(source)[2]:
    raise ConfigError(
      f"{common.map_shape(source)[2]} input channels cannot have {channels} output"
      " channels"
    )
  if height > MOST_DEPTHWISE_ROWS:
    raise ConfigError(
      f"a kernel must have at most {MOST_DEPTHWISE_ROWS} rows. Received:"
      f" {height}"
    )
  fields, rows = common.window(
    operator, source, target, height, width, channels
  )
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
  """Returns the fields and the arrays of FULLY_CONNECTED as a convolution."""
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
  low, high = common.limits(operator, target)
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
    # TensorFlow Lite Micro rounds the product of these two scales to float32.
    product = np.float32(source.scales[0]) * np.float32(weights.scales[0])
    factors = [float(product) / target.scales[0]] * outputs
  arrays = _weighted(weights.data, factors, bias, fields["input_zero"])
  arrays["bias"] = _fold_input_zero(arrays, fields["input_zero"])
  return fields, arrays


def _factors(
  source: Tensor, weights: Tensor, target: Tensor, axis: int
) -> list[float]:
  """Returns the real factor of each output channel."""
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
  """Returns the arrays of a kernel whose weights are (outputs, inputs)."""
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
  pairs = [common.normal_factor(factor) for factor in factors]
  # A factor of 0 makes every output 0: so do weights and a bias of 0.
  dead = [fixed_point.quantize_factor(factor)[0] == 0 for factor in factors]
  return {
    "weights": np.where(np.c_[dead], 0, weights).astype(np.int8),
    "bias": np.where(dead, 0, added).astype(np.int32),
    "multiplier": np.array([pair[0] for pair in pairs], np.int32),
    "shift": np.array([pair[1] for pair in pairs], np.int8),
  }


def _fold_input_zero(arrays: Arrays, input_zero: int) -> np.ndarray:
  total = arrays["weights"].astype(np.int64).sum(axis=1)
  return fixed_point.wrap(arrays["bias"] - total * input_zero).astype(np.int32)
