"""Products: the number that two kernels multiply by, in float32 and float64."""

import fractions

import numpy as np
import pytest

from elite_tf.conversion.tflite import flatbuffer
from elite_tf.conversion.verify import align_mul
from elite_tf.errors import VerificationFailed

# Of a network trained on Fashion-MNIST, whose outputs differed on 2 of 10,000
# images: the scales of x, sigmoid(x) and their product.
SEEN = (0.10898871, 0.00390625, 0.060287073)


def _kernels(left, right, output):
  """The 31 bits by exact arithmetic: as float32 rounds, and as float64 does."""
  left, right, output = map(np.float32, (left, right, output))
  single = fractions.Fraction(float(left * right / output))
  double = fractions.Fraction(float(left) * float(right) / float(output))
  found = []
  for number in (single, double):
    exponent = 0
    while number < fractions.Fraction(1, 2):
      number, exponent = 2 * number, exponent - 1
    found.append((round(number * 2**31), exponent))
  return found


def test_the_two_kernels_differed():
  lite, micro = _kernels(*SEEN)
  assert lite == (1941141376, -7) and micro == (1941141437, -7)
  left, right, output = map(np.float32, SEEN)
  assert align_mul.multiplier(float(left * right / output)) == lite


def test_next_scale_at_which_they_agree():
  scale = align_mul.nearest_scale(*SEEN)
  lite, micro = _kernels(*SEEN[:2], scale)
  assert lite == micro
  assert SEEN[2] < scale < SEEN[2] * (1 + 1e-4)
  assert align_mul.nearest_scale(*SEEN[:2], scale) == scale


def test_powers_of_two_stay_as_they_are():
  assert align_mul.nearest_scale(0.25, 1 / 256, 1 / 128) == 1 / 128


def test_no_scale_nearby(monkeypatch):
  monkeypatch.setattr(align_mul, "STEPS", 5)
  with pytest.raises(VerificationFailed, match="MUL of scales"):
    align_mul.nearest_scale(*SEEN)


@pytest.mark.parametrize(
  ("number", "expected"),
  [
    (1.0, (1 << 30, 1)),
    (0.75, (3 << 29, 0)),
    # All ones, rounded up, are the next power of two.
    (1 - 2.0**-40, (1 << 30, 1)),
  ],
)
def test_multiplier_by_hand(number, expected):
  assert align_mul.multiplier(number) == expected


def _network(joined):
  """One MUL of the scales seen; its product goes into a concatenation."""
  schema = flatbuffer.schema()

  def tensor(scale):
    made = schema.TensorT()
    made.shape, made.type, made.name = [1, 4], schema.TensorType.INT8, b"t"
    made.quantization = schema.QuantizationParametersT()
    made.quantization.scale, made.quantization.zeroPoint = [scale], [0]
    return made

  def operator(code, inputs, output):
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = code, inputs, [output]
    return made

  root, graph = schema.ModelT(), schema.SubGraphT()
  for name in ("MUL", "CONCATENATION"):
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = code.builtinCode
    root.operatorCodes = [*(root.operatorCodes or []), code]
  graph.tensors = [tensor(s) for s in (*SEEN, SEEN[2])]
  graph.operators = [operator(0, [0, 1], 2)]
  if joined:
    graph.operators.append(operator(1, [2, 2], 3))
  graph.inputs, graph.outputs = [0, 1], [graph.operators[-1].outputs[0]]
  root.subgraphs, root.buffers, root.version = [graph], [schema.BufferT()], 3
  return flatbuffer.pack(root)


@pytest.mark.parametrize("joined", [False, True])
def test_only_the_product_s_scale_is_moved(joined):
  before = flatbuffer.unpack(_network(joined)).subgraphs[0].tensors
  aligned = align_mul.align(_network(joined))
  after = flatbuffer.unpack(aligned).subgraphs[0].tensors
  scales = [
    [tensor.quantization.scale[0] for tensor in tensors]
    for tensors in (before, after)
  ]
  moved = [a != b for a, b in zip(*scales)]
  assert moved == [False, False, not joined, False]
