"""The kernels in C: their structures and their arguments.

This repeats the headers of `tflite/kernels`, so that structures can be written
to C sources. A test compares the two.
"""

from typing import NamedTuple

_WINDOW = (
    "kernel_height", "kernel_width", "stride_y", "stride_x",
)  # fmt: skip
_PADDED = ("pad_top", "pad_left")
_CONVOLUTION = (
    "in_height", "in_width", "in_channels", "in_rows", "out_width",
    "out_channels", *_WINDOW, "dilation_y", "dilation_x", *_PADDED,
    "input_zero", "output_zero", "low", "high",
)  # fmt: skip


class Kernel(NamedTuple):
  """A kernel.

  Attributes:
    structure: Name of its C type.
    function: Name of its C function.
    header: Name of the header that declares them, without the ending.
    call: Arguments after the structure. `input`: start of the rows that are
      kept of the input; `a`, `b`, `inputs`: the rows of the inputs; `y`: number
      of the output's row; `count`: numbers per row; `output`: place of the
      output's row; `scratch`: memory for the time of the call.
    arrays: Pointers of the structure, in its order, with their C types.
    fields: Numbers of the structure, in its order, after the arrays.
  """

  structure: str
  function: str
  header: str
  call: tuple[str, ...]
  arrays: tuple[tuple[str, str], ...]
  fields: tuple[str, ...]


_WEIGHTS = (
  ("weights", "int8_t"),
  ("bias", "int32_t"),
  ("multiplier", "int32_t"),
  ("shift", "int8_t"),
  ("table", "int8_t"),
)
_TABLE = (("table", "int8_t"),)

KERNELS = {
    "convolution": Kernel(
        "elite_convolution", "elite_convolution_row", "convolution",
        ("input", "y", "output", "scratch"), _WEIGHTS, _CONVOLUTION,
    ),
    "depthwise": Kernel(
        "elite_depthwise", "elite_depthwise_row", "depthwise",
        ("input", "y", "output"), _WEIGHTS, _CONVOLUTION,
    ),
    "sum": Kernel(
        "elite_sum", "elite_sum_row", "elementwise",
        ("a", "b", "count", "output"), _TABLE,
        (
            "period_a", "period_b", "offset_a", "offset_b", "multiplier_a",
            "shift_a", "multiplier_b", "shift_b", "multiplier", "shift",
            "output_zero", "low", "high",
        ),
    ),
    "product": Kernel(
        "elite_product", "elite_product_row", "elementwise",
        ("a", "b", "count", "output"), _TABLE,
        (
            "period_a", "period_b", "offset_a", "offset_b", "multiplier",
            "shift", "output_zero", "low", "high",
        ),
    ),
    "average_pool": Kernel(
        "elite_average_pool", "elite_average_pool_row", "pooling",
        ("input", "y", "output"), _TABLE,
        (
            "in_height", "in_width", "channels", "in_rows", "out_width",
            *_WINDOW, *_PADDED, "low", "high",
        ),
    ),
    "mean": Kernel(
        "elite_mean", "elite_mean_map", "pooling",
        ("input", "output"), _TABLE,
        (
            "pixels", "channels", "input_zero", "output_zero", "multiplier",
            "shift",
        ),
    ),
    "softmax": Kernel(
        "elite_softmax", "elite_softmax_row", "softmax",
        ("a", "output"), (("exponential", "int32_t"),), ("count",),
    ),
    "table": Kernel(
        "elite_lookup", "elite_lookup_row", "table",
        ("a", "count", "output"), _TABLE, (),
    ),
    "pad": Kernel(
        "elite_pad", "elite_pad_row", "copying",
        ("input", "y", "output"), (),
        (
            "in_height", "in_width", "channels", "in_rows", "out_width",
            "pad_top", "pad_left", "zero",
        ),
    ),
    "concatenation": Kernel(
        "elite_concatenation", "elite_concatenation_row", "copying",
        ("inputs", "output"), (("channels", "int32_t"),),
        ("inputs", "pixels"),
    ),
}  # fmt: skip
