"""The kernels in C against TensorFlow Lite Micro, every byte of every output.

Networks of one operator or a few, with shapes, strides, paddings, scales and
zero points drawn at random, extremes among them. FIRMWARE_NETWORKS sets how
many; 2,000 is what a change of a kernel should pass.
"""

import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from elite_tf.firmware import lowering, parse_tflite, sources
from elite_tf.firmware.kernels import KERNELS
from elite_tf.firmware.targets import c

NETWORKS = int(os.environ.get("FIRMWARE_NETWORKS", "300"))

SAME, VALID = 0, 1
ACTIVATIONS = {"none": 0, "relu": 1, "relu_n1": 2, "relu6": 3}


class _Maker:
  """Draws networks."""

  def __init__(self, network, seed):
    self.rng = np.random.default_rng(seed)
    # TensorFlow Lite Micro can crash on a bias left out.
    self.biased = 1.0
    self.net = network()

  def integer(self, low, high):
    """A number from low to high, both included."""
    return int(self.rng.integers(low, high + 1))

  def scale(self):
    """A scale, of a usual size or not."""
    if self.rng.random() < 0.1:
      return float(np.float32(10 ** self.rng.uniform(-7, 2)))
    return float(np.float32(10 ** self.rng.uniform(-3, 0)))

  def zero_point(self):
    """A zero point, an extreme one at times."""
    if self.rng.random() < 0.2:
      return int(self.rng.choice([-128, 127]))
    return self.integer(-128, 127)

  def numbers(self, shape):
    """Numbers of int8, an extreme choice at times."""
    if self.rng.random() < 0.1:
      return self.rng.choice([-128, 127], shape).astype(np.int8)
    return self.rng.integers(-128, 128, shape).astype(np.int8)

  def map(self, channels=None, largest=9):
    """A map with scale and zero point."""
    channels = channels or self.integer(1, 21)
    shape = (1, self.integer(1, largest), self.integer(1, largest), channels)
    return self.tensor(shape)

  def tensor(self, shape, scale=None, zero_point=None):
    """A tensor of maps: position, shape, scale, zero point."""
    scale = self.scale() if scale is None else scale
    zero_point = self.zero_point() if zero_point is None else zero_point
    position = self.net.tensor(shape, scale, zero_point)
    return position, tuple(shape), scale, zero_point

  def activation(self):
    """A fused activation, often none."""
    return ACTIVATIONS[self.rng.choice(["none", "none", *ACTIVATIONS])]

  def window(self, size, kernel, dilation, padding):
    """Stride and size of the output along an axis."""
    stride = self.integer(1, 3)
    extent = (kernel - 1) * dilation + 1
    room = size if padding == SAME else size - extent + 1
    return stride, -(-room // stride)

  def constant(self, values, scale=(), axis=0):
    """A tensor of the file."""
    return self.net.tensor(values.shape, scale, 0, values, axis)

  def weights(self, shape, axis, source, products, spread):
    """Weights, bias and the scale of an output that the sums fill well."""
    channels = shape[axis]
    scales = np.float32(10 ** self.rng.uniform(-3, -1)) * self.rng.uniform(
      0.2, 3, channels
    )
    if self.rng.random() < 0.1:
      scales[self.integer(0, channels - 1)] = 10 ** self.rng.uniform(-12, 0)
    if self.rng.random() < 0.2:
      scales = scales[:1]
    weights = self.constant(
      self.numbers(shape), scales.astype(np.float32), axis
    )
    # Sums of products are about this large.
    size = 70 * 70 * math.sqrt(products)
    bias = -1
    if self.rng.random() < self.biased:
      bias = self.constant(
        self.rng.normal(0, size, channels).astype(np.int32),
        (source[2] * scales).astype(np.float32),
      )
    scale = source[2] * float(np.median(scales)) * size / 60
    return weights, bias, scale * 10 ** self.rng.uniform(-spread, spread)

  def convolve(self, source, channels=None, spread=1.0):
    """CONV_2D."""
    _, (_, height, width, depth), *_ = source
    channels = channels or self.integer(1, 19)
    padding = self.integer(0, 1)
    kernel, dilation, strides, sizes = [], [], [], []
    for size in (height, width):
      most = 5 if padding == SAME else min(5, size)
      kernel.append(self.integer(1, most))
      fits = (size - 1) // max(kernel[-1] - 1, 1) if padding == VALID else 2
      dilation.append(self.integer(1, max(1, min(2, fits))))
      stride, out = self.window(size, kernel[-1], dilation[-1], padding)
      strides.append(stride)
      sizes.append(out)
    weights, bias, scale = self.weights(
      (channels, *kernel, depth), 0, source, math.prod(kernel) * depth, spread
    )
    target = self.tensor((1, *sizes, channels), scale)
    self.net.operator(
        "CONV_2D", [source[0], weights, bias], [target[0]], "Conv2DOptions",
        padding=padding, strideH=strides[0], strideW=strides[1],
        dilationHFactor=dilation[0], dilationWFactor=dilation[1],
        fusedActivationFunction=self.activation(),
    )  # fmt: skip
    return target

  def depthwise(self, source, multiplier=None):
    """DEPTHWISE_CONV_2D."""
    _, (_, height, width, depth), *_ = source
    multiplier = multiplier or int(self.rng.choice([1, 1, 1, 2, 3]))
    channels = depth * multiplier
    padding = self.integer(0, 1)
    kernel = [
      self.integer(1, 5 if padding == SAME else min(5, size))
      for size in (height, width)
    ]
    windows = [
      self.window(size, extent, 1, padding)
      for size, extent in zip((height, width), kernel)
    ]
    weights, bias, scale = self.weights(
      (1, *kernel, channels), 3, source, math.prod(kernel), 1.0
    )
    target = self.tensor((1, *(w[1] for w in windows), channels), scale)
    self.net.operator(
        "DEPTHWISE_CONV_2D", [source[0], weights, bias], [target[0]],
        "DepthwiseConv2DOptions", padding=padding, strideH=windows[0][0],
        strideW=windows[1][0], dilationHFactor=1, dilationWFactor=1,
        depthMultiplier=multiplier, fusedActivationFunction=self.activation(),
    )  # fmt: skip
    return target

  def dense(self, source):
    """FULLY_CONNECTED."""
    inputs, outputs = math.prod(source[1]), self.integer(1, 20)
    weights, bias, scale = self.weights(
      (outputs, inputs), 0, source, inputs, 1.0
    )
    target = self.tensor((1, outputs), scale)
    self.net.operator(
        "FULLY_CONNECTED", [source[0], weights, bias], [target[0]],
        "FullyConnectedOptions", fusedActivationFunction=self.activation(),
        weightsFormat=0, keepNumDims=False,
    )  # fmt: skip
    return target

  def mean(self, source):
    """MEAN over height and width."""
    axes = self.constant(
      np.array([1, 2] if self.rng.random() < 0.7 else [2, 1], np.int32)
    )
    keep = self.rng.random() < 0.6
    channels = source[1][3]
    same = self.rng.random() < 0.3
    target = self.tensor(
      (1, 1, 1, channels) if keep else (1, channels),
      source[2] * (1 if same else 2 ** self.rng.uniform(-3, 3)),
      source[3] if same else None,
    )
    self.net.operator(
      "MEAN", [source[0], axes], [target[0]], "ReducerOptions", keepDims=keep
    )
    return target

  def pool(self, source):
    """AVERAGE_POOL_2D."""
    padding = self.integer(0, 1)
    sizes = source[1][1:3]
    kernel = [
      self.integer(1, 5 if padding == SAME else min(5, size)) for size in sizes
    ]
    windows = [
      self.window(size, extent, 1, padding)
      for size, extent in zip(sizes, kernel)
    ]
    target = self.tensor(
      (1, *(w[1] for w in windows), source[1][3]), source[2], source[3]
    )
    self.net.operator(
        "AVERAGE_POOL_2D", [source[0]], [target[0]], "Pool2DOptions",
        padding=padding, strideH=windows[0][0], strideW=windows[1][0],
        filterHeight=kernel[0], filterWidth=kernel[1],
        fusedActivationFunction=self.activation(),
    )  # fmt: skip
    return target

  def pair(self, code, a, b):
    """ADD or MUL."""
    if code == "ADD":
      scale = max(a[2], b[2]) * 2 ** self.rng.uniform(-2, 3)
    else:
      scale = a[2] * b[2] * 80 * 2 ** self.rng.uniform(-3, 3)
    target = self.tensor(max(a[1], b[1], key=math.prod), scale)
    inputs = [a[0], b[0]] if self.rng.random() < 0.5 else [b[0], a[0]]
    self.net.operator(
        code, inputs, [target[0]], f"{code.capitalize()}Options",
        fusedActivationFunction=self.activation(),
    )  # fmt: skip
    return target

  def unary(self, code, source, scale=None, zero_point=None):
    """An operator that is a function of one number."""
    target = self.tensor(source[1], scale, zero_point)
    self.net.operator(code, [source[0]], [target[0]])
    return target

  def logistic(self, source):
    """LOGISTIC."""
    return self.unary("LOGISTIC", source, 1 / 256, -128)

  def pad(self, source):
    """PAD."""
    paddings = np.zeros((4, 2), np.int32)
    paddings[1:3] = self.rng.integers(0, 4, (2, 2))
    shape = [x + int(p.sum()) for x, p in zip(source[1], paddings)]
    target = self.tensor(shape, source[2], source[3])
    self.net.operator(
      "PAD", [source[0], self.constant(paddings)], [target[0]], "PadOptions"
    )
    return target

  def reshape(self, source, shape):
    """RESHAPE."""
    target = self.tensor(shape, source[2], source[3])
    self.net.operator(
      "RESHAPE",
      [source[0], self.constant(np.array(shape, np.int32))],
      [target[0]],
    )
    return target


def _codes(maker):
  """A map of all 256 numbers."""
  return maker.tensor((1, 16, 16, 1))


def _convolution(m):
  m.biased = 0.9
  source = m.map()
  return source, m.convolve(source)


def _pointwise(m):
  source = m.tensor((1, m.integer(1, 6), m.integer(1, 6), m.integer(1, 40)))
  return source, m.convolve(m.convolve(source, spread=0.3))


def _depthwise(m):
  source = m.map()
  return source, m.depthwise(source)


def _dense(m):
  m.biased = 0.9
  source = m.tensor((1, m.integer(1, 60)))
  return source, m.dense(source)


def _mean(m):
  source = m.map()
  return source, m.mean(source)


def _pool(m):
  source = m.map()
  return source, m.pool(source)


def _sum(m):
  source = m.map()
  a, b = m.pool(source), m.convolve(source, source[1][3])
  if a[1] != b[1]:
    b = m.unary("QUANTIZE", a, a[2] * 10 ** m.rng.uniform(-2, 2))
  # Of one map both would be a table; of two they are a sum.
  return source, m.pair("ADD", a, b)


def _sum_of_two(m):
  source = m.tensor((1, 5, 4, m.integer(1, 9)))
  made = [m.depthwise_same(source) for _ in range(2)]
  return source, m.pair("ADD", *made)


def _product_of_two(m):
  source = m.tensor((1, 5, 4, m.integer(1, 9)))
  made = [m.depthwise_same(source) for _ in range(2)]
  return source, m.pair("MUL", *made)


def _depthwise_same(self, source):
  channels = source[1][3]
  weights, bias, scale = self.weights((1, 1, 1, channels), 3, source, 1, 0.5)
  target = self.tensor(source[1], scale)
  self.net.operator(
      "DEPTHWISE_CONV_2D", [source[0], weights, bias], [target[0]],
      "DepthwiseConv2DOptions", padding=SAME, strideH=1, strideW=1,
      dilationHFactor=1, dilationWFactor=1, depthMultiplier=1,
      fusedActivationFunction=0,
  )  # fmt: skip
  return target


_Maker.depthwise_same = _depthwise_same


def _gate(m):
  source = m.map()
  gate = m.mean(source)
  gate = m.reshape(gate, (1, 1, 1, source[1][3]))
  if m.rng.random() < 0.5:
    gate = m.logistic(gate)
  return source, m.pair("MUL", source, gate)


def _swish(m):
  source = m.map()
  inner = m.convolve(source)
  return source, m.pair("MUL", inner, m.logistic(inner))


def _logistic(m):
  source = _codes(m)
  return source, m.logistic(source)


def _hard_swish(m):
  source = _codes(m)
  scale = source[2] * 2 ** m.rng.uniform(-2, 3)
  return source, m.unary("HARD_SWISH", source, scale)


def _relu(m):
  source = _codes(m)
  scale = source[2] * 2 ** m.rng.uniform(-3, 3)
  return source, m.unary("RELU", source, scale)


def _relu6(m):
  source = _codes(m)
  return source, m.unary("RELU6", source, source[2], source[3])


def _quantize(m):
  source = _codes(m)
  scale = source[2] * 10 ** m.rng.uniform(-2, 2)
  return source, m.unary("QUANTIZE", source, scale)


def _softmax(m):
  source = m.tensor((1, m.integer(1, 40)))
  target = m.tensor(source[1], 1 / 256, -128)
  m.net.operator(
      "SOFTMAX", [source[0]], [target[0]], "SoftmaxOptions",
      beta=float(m.rng.choice([1.0, 1.0, 0.5, 2.0])),
  )  # fmt: skip
  return source, target


def _pad(m):
  source = m.map()
  return source, m.pad(source)


def _pad_then(m):
  source = m.map()
  padded = m.pad(source)
  if m.rng.random() < 0.5:
    return source, m.convolve(padded)
  return source, m.depthwise(padded)


def _concatenate(m):
  source = m.map()
  parts = [m.unary("QUANTIZE", source, 0.1, 3) for _ in range(2)]
  parts.append(m.unary("HARD_SWISH", source, 0.1, 3))
  count = m.integer(2, 3)
  shape = (*source[1][:3], source[1][3] * count)
  target = m.tensor(shape, 0.1, 3)
  m.net.operator(
      "CONCATENATION", [part[0] for part in parts[:count]], [target[0]],
      "ConcatenationOptions", axis=3 if m.rng.random() < 0.5 else -1,
      fusedActivationFunction=0,
  )  # fmt: skip
  return source, target


def _block(m):
  """Expansion, depthwise, gate, projection, skip: as the families have it."""
  source = m.tensor((1, m.integer(2, 8), m.integer(2, 8), 4 * m.integer(1, 3)))
  x = m.depthwise_same(source)
  wide = m.convolve(x, spread=0.2)
  wide = m.pair("MUL", wide, m.logistic(wide))
  deep = m.depthwise(wide, multiplier=1)
  if m.rng.random() < 0.5:
    gate = m.reshape(m.mean(deep), (1, 1, 1, deep[1][3]))
    deep = m.pair("MUL", deep, m.logistic(gate))
  narrow = m.convolve(deep, source[1][3], spread=0.2)
  if narrow[1] == x[1]:
    narrow = m.pair("ADD", narrow, x)
  flat = m.reshape(narrow, (1, math.prod(narrow[1])))
  return source, m.dense(flat)


KINDS = {
  "convolution": _convolution,
  "pointwise": _pointwise,
  "depthwise": _depthwise,
  "dense": _dense,
  "mean": _mean,
  "pool": _pool,
  "sum": _sum,
  "sum_of_two": _sum_of_two,
  "product_of_two": _product_of_two,
  "gate": _gate,
  "swish": _swish,
  "logistic": _logistic,
  "hard_swish": _hard_swish,
  "relu": _relu,
  "relu6": _relu6,
  "quantize": _quantize,
  "softmax": _softmax,
  "pad": _pad,
  "pad_then": _pad_then,
  "concatenate": _concatenate,
  "block": _block,
}


def _inputs(maker, shape):
  """Inputs of a network: all codes, extremes, chance."""
  count = math.prod(shape)
  codes = np.resize(np.arange(-128, 128), count)
  rows = [
    codes,
    maker.rng.permutation(codes),
    maker.rng.integers(-128, 128, count),
    np.full(count, maker.rng.choice([-128, 127])),
  ]
  return np.stack(rows).astype(np.int8).reshape(-1, *shape[1:])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_equal_to_tensorflow_lite_micro(kind, network, run_bulk, kernels):
  # At least one of each; the seeds of a longer run contain a shorter one's.
  count = -(-NETWORKS // len(KINDS))
  seeds = [sorted(KINDS).index(kind) * 100_000 + i for i in range(count)]
  pairs = []
  for seed in seeds:
    maker = _Maker(network, seed)
    source, target = KINDS[kind](maker)
    model = maker.net.pack(source[0], target[0])
    pairs.append((model, _inputs(maker, source[1])))
  compared = 0
  for seed, pair, expected in zip(seeds, pairs, run_bulk(pairs)):
    if isinstance(expected, str):  # It refuses some extremes of scales.
      continue
    received = kernels.run(*pair)
    expected = expected.reshape(len(expected), -1)
    assert np.array_equal(received, expected), (
        seed, np.abs(received.astype(int) - expected).max(),
    )  # fmt: skip
    compared += 1
  assert compared > 0.9 * count


def test_every_kernel_and_operator_is_among_them(network):
  used, codes = set(), set()
  for kind in KINDS.values():
    for seed in range(3):
      maker = _Maker(network, seed)
      source, target = kind(maker)
      graph = parse_tflite.read(maker.net.pack(source[0], target[0]))
      codes.update(operator.code for operator in graph.operators)
      used.update(stage.kernel for stage in lowering.lower(graph).stages)
  assert used == set(KERNELS)
  assert codes == set(parse_tflite.supported())


@pytest.fixture(scope="module")
def calls(network, run_bulk, record):
  """Calls of a tenth of the networks, one input each, and their number."""
  count = -(-NETWORKS // 10 // len(KINDS)) + 1
  pairs = []
  for number, kind in enumerate(sorted(KINDS)):
    for seed in range(number * 100_000, number * 100_000 + count):
      maker = _Maker(network, seed)
      source, target = KINDS[kind](maker)
      model = maker.net.pack(source[0], target[0])
      pairs.append((model, _inputs(maker, source[1])[1:2]))
  answers = run_bulk(pairs)
  kept = [x for x in zip(pairs, answers) if not isinstance(x[1], str)]
  return b"".join(record(m, x, y) for (m, x), y in kept), len(kept)


@pytest.mark.parametrize("name", sorted(c.BOARDS))
def test_equal_on_emulated_cores(name, calls, tmp_path):
  for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
    if shutil.which(tool) is None:
      pytest.skip(f"{tool} is not installed")
  machine = c.BOARDS[name][1]
  tflite = sources.tflite_folder()
  (tmp_path / "calls.bin").write_bytes(calls[0])
  subprocess.run(
      [
          machine.compiler, *machine.flags.split(), "-std=c11", "-O2", "-Wall",
          "-Wextra", "-Werror", f"-DELITE_CLOCK_HZ={machine.clock_hz}",
          f"-I{tflite / 'kernels'}", f"-I{tflite / 'check'}", "-o", "player.elf",
          Path(__file__).parent / "player.c", tflite / "boards" / "cortex_m.c",
          *sorted((tflite / "kernels").glob("*.c")), "--specs=nano.specs",
          "--specs=nosys.specs", "-nostartfiles", f"-L{tflite / 'boards'}",
          f"-T{machine.script}",
      ],
      cwd=tmp_path, check=True, timeout=60,
  )  # fmt: skip
  done = subprocess.run(
      c.emulation(machine, "player.elf"),
      cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
  )  # fmt: skip
  said = done.stdout + done.stderr
  assert re.search(r"wrong (\d+)", said), said[-500:]
  assert f"networks {calls[1]}\n" in said
  assert done.returncode == 0, said[-500:]
