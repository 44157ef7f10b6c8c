"""Parameters that several kernels share."""

from collections.abc import Mapping

from elite_tf.errors import ConfigError
from elite_tf.firmware import fixed_point, tables
from elite_tf.firmware.graph import Operator, Tensor
from elite_tf.firmware.ir import Rows

Fields = dict[str, int]


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
  """Checks that an operator does not change scale or zero point.

  Raises:
    ConfigError: The scale or the zero point of input and output differ.
  """
  if one_quantization(source) != one_quantization(target):
    raise ConfigError(
      "input and output must have the same scale and zero point. Received:"
      f" {one_quantization(source)} and {one_quantization(target)}"
    )


def window(
  operator: Operator,
  source: Tensor,
  target: Tensor,
  kernel_height: int,
  kernel_width: int,
  channels: int,
) -> tuple[Fields, Rows]:
  """Returns the fields and the rows of an operator with a sliding window.

  Args:
    operator: The operator, with the options of the window.
    source: Its input.
    target: Its output.
    kernel_height: Height of the window before dilation.
    kernel_width: Width of the window before dilation.
    channels: Channels of the output.

  Raises:
    ConfigError: An option is out of range, or the shape of the output does not
      follow from the options.
  """
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
      f"its output must be {[*out, channels]}. Received: {list(target.shape)}"
    )
  low, high = limits(operator, target)
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


def limits(operator: Operator, target: Tensor) -> tuple[int, int]:
  """Returns the smallest and the largest output of the fused activation."""
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


def normal_factor(real: float) -> tuple[int, int]:
  """Returns a factor whose multiplier is 2^30 or more, as kernels need it.

  A factor too small for that becomes 2^-32, which also turns every number below
  2^30 into 0.
  """
  multiplier, shift = fixed_point.quantize_factor(real)
  return (multiplier, shift) if multiplier else (2**30, -31)
