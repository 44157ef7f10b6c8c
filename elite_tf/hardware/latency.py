"""Estimate of the time that one inference takes on a board.

An estimate, not a measurement: a network's multiply-accumulates and elements,
by kind of kernel, times the cycles of each, divided by the clock. It is for
int8 and TensorFlow Lite Micro with CMSIS-NN (ESP-NN on the ESP32-S3), weights
and arena in memory as fast as the core.

Its error, against the published measurements in
`tests/hardware/latency_published.csv` (a test compares this table with them):

    role    vector       measured with             count  estimate is off by
    fit     dsp          CMSIS-NN                      8  -10 to +16 %
    check   dsp          CMSIS-NN                      4  +10 to +22 %
    check   dsp-dual     CMSIS-NN                      1  -28 to -28 %
    check   esp32s3-pie  ESP-NN                        2  -22 to -11 %
    fit     mve          CMSIS-NN on a Cortex-M85      4  +8 to +46 %
    fit     none         HALE 1.0                      4  -2 to +2 %
    faster  none         HALE                          4  +11 to +41 %
    faster  dsp          ONNC, HALE                   12  +0 to +123 %
    faster  dsp-dual     X-CUBE-AI, HALE               8  +9 to +99 %
    slower  dsp          weights in serial flash       4  -89 to +29 %

The constants were made from the measurements `fit`, and not from `check`.
`faster` are other, faster kernels: the estimate is an upper bound for them.
`slower` is an RP2350 that reads its weights from a serial flash, which the
estimate does not consider. Weak are

- Cortex-M55: no measurement without an accelerator was found;
- Cortex-M0+: no measurement with CMSIS-NN, so the constants are another
  engine's;
- Cortex-M7: one measurement with CMSIS-NN, without its clock in the source;
- elements (sums, products, swish): no measurement on Arm. swish is LOGISTIC and
  MUL, and LOGISTIC dominates the estimate; a runtime that has a table of 256
  entries instead is much faster than estimated.
"""

import re
from collections.abc import Iterable

from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Board
from elite_tf.networks.layers import kind_of
from elite_tf.networks.layers.base import ByKernel
from elite_tf.types import Layer

# Cycles per multiply-accumulate or element, by a board's vector extension.
#
# No measurement on Arm separates 1x1 and depthwise convolutions: every network
# has both. That a depthwise product takes four times as long as one of a 1x1
# convolution is an assumption; in ESP-NN's table it is six times.
#
# Elements are not published figures either. An int8 product is a multiply, a
# requantization and a clamp, by count some 20 instructions; LOGISTIC took 27
# times as long as MUL in TensorFlow Lite Micro on an x86-64 host (115 and 4.3
# ns per element), measured for this table.
CYCLES: dict[str, ByKernel] = {
  # MLPerf Tiny, HALE 1.0 on a Cortex-M0+ (v1.1, NUCLEO_G0B1RE); without a
  # long multiply an element takes three times as many cycles.
  "": ByKernel(12.5, 8.4, 50, 11.3, 60, 1600),
  # MLPerf Tiny, CMSIS-NN: TensorFlow Lite Micro on a Cortex-M33 (v0.7,
  # EK-RA6M4) and microTVM on a Cortex-M4 (v1.0, NUCLEO_L4R5ZI).
  "dsp": ByKernel(3.3, 3.8, 13, 3.7, 20, 540),
  # "dsp" times 0.56, the median of MLPerf Tiny v1.0 and v1.1 where one engine
  # (X-CUBE-AI, HALE, Plumerai) ran on Cortex-M4 and M7: 0.48 to 0.74.
  "dsp-dual": ByKernel(1.8, 2.1, 7.3, 2.1, 11, 300),
  # MLPerf Tiny, TensorFlow Lite Micro and CMSIS-NN on a Cortex-M85 (v1.2,
  # EK-RA8D1), times 1.25: with it MobileNet 0.25 at 96 takes no fewer cycles
  # than the 6.9 M instructions counted on an emulated Cortex-M55. LOGISTIC
  # is not vectorized.
  "mve": ByKernel(0.72, 0.39, 2.9, 1.2, 6, 300),
  # Kernels of ESP-NN's README: convolution 64x1x1x64 and 64x3x3x3, depthwise
  # 1x3x3x16, fully connected 271x3, elementwise_mul 1615.
  "esp32s3-pie": ByKernel(0.81, 6.3, 5.0, 1.3, 22, 540),
}

_DURATION = re.compile(r"([0-9]+(?:[.][0-9]+)?) ?(ms|s)")
_SECONDS = {"ms": 1e-3, "s": 1.0}


def work(layers: Iterable[Layer]) -> ByKernel:
  """Returns what one inference of a network has to do, by kind of kernel."""
  shapes: dict[str, tuple[int, ...]] = {}
  each = []
  for layer in layers:
    shape_in = shapes[layer.inputs[0]] if layer.inputs else layer.shape
    each.append(kind_of(layer).work(layer, shape_in))
    shapes[layer.name] = layer.shape
  return ByKernel(*map(sum, zip(*each)))


def estimate_cycles(work: ByKernel, vector: str) -> float:
  """Returns the estimated cycles of some work.

  Args:
    work: What has to be done.
    vector: One of `elite_tf.hardware.boards.VECTORS`.
  """
  return sum(count * cycles for count, cycles in zip(work, CYCLES[vector]))


def estimate_seconds(layers: Iterable[Layer], board: Board) -> float:
  """Returns the estimated seconds of one inference of a network on a board.

  Args:
    layers: The network's, inputs before outputs.
    board: Decides the clock and the vector extension.
  """
  return estimate_cycles(work(layers), board.vector) / board.clock_hz


def parse_duration(text: str) -> float:
  """Returns a time in seconds: `100ms`, `1.5s`.

  Args:
    text: Number and unit.

  Raises:
    ConfigError: The text is not a time above 0.
  """
  match = _DURATION.fullmatch(text.strip())
  seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
  if seconds <= 0:
    raise ConfigError(
      f"--latency must be a time above 0, as 100ms or 1.5s. Received: {text!r}"
    )
  return seconds
