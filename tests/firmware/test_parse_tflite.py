"""Reading .tflite files: what they hold, and what they must not."""

import numpy as np
import pytest

from elite_tf.errors import ConfigError
from elite_tf.firmware import lowering, memory_planner, parse_tflite


def _small(network, activation=0, weights_shape=(5, 3, 3, 2)):
  """One convolution, with known numbers."""
  net = network()
  source = net.tensor((1, 6, 7, 2), 0.5, -3, name="image")
  weights = net.tensor(
      weights_shape, [0.1, 0.2, 0.3, 0.4, 0.5], 0,
      np.arange(np.prod(weights_shape), dtype=np.int8).reshape(weights_shape),
  )  # fmt: skip
  bias = net.tensor((5,), data=np.array([1, -2, 3, -4, 70000], np.int32))
  target = net.tensor((1, 3, 4, 5), 0.25, 7, name="answer")
  net.operator(
      "CONV_2D", [source, weights, bias], [target], "Conv2DOptions",
      padding=0, strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1,
      fusedActivationFunction=activation,
  )  # fmt: skip
  return net, source, target


def _block(network):
  """A few operators, as a file."""
  net, source, middle = _small(network)
  gate = net.tensor((1, 3, 4, 5), 1 / 256, -128)
  net.operator("LOGISTIC", [middle], [gate])
  swish = net.tensor((1, 3, 4, 5), 0.2, 0)
  net.operator("MUL", [middle, gate], [swish], "MulOptions")
  axes = net.tensor((2,), data=np.array([1, 2], np.int32))
  mean = net.tensor((1, 5), 0.2, 0)
  net.operator("MEAN", [swish, axes], [mean], "ReducerOptions", keepDims=False)
  answer = net.tensor((1, 5), 1 / 256, -128)
  net.operator("SOFTMAX", [mean], [answer], "SoftmaxOptions", beta=1.0)
  return net.pack(source, answer)


def test_reads_what_was_written(network):
  net, source, target = _small(network, activation=3)
  graph = parse_tflite.parse(net.pack(source, target))
  image, weights, bias, answer = graph.tensors
  assert (graph.input, graph.output) == (0, 3)
  assert (image.name, image.dtype, image.shape) == (
    "image",
    "int8",
    (1, 6, 7, 2),
  )
  assert (image.scales, image.zero_points, image.data) == ((0.5,), (-3,), None)
  assert weights.scales == tuple(float(np.float32(x / 10)) for x in range(1, 6))
  assert weights.data.reshape(-1).tolist() == list(range(90))
  assert bias.data.tolist() == [1, -2, 3, -4, 70000]
  assert answer.zero_points == (7,)
  (operator,) = graph.operators
  assert (operator.code, operator.inputs) == ("CONV_2D", (0, 1, 2))
  assert dict(operator.options) == {
      "padding": "SAME", "stride_h": 2, "stride_w": 2,
      "fused_activation_function": "RELU6", "dilation_h_factor": 1,
      "dilation_w_factor": 1,
  }  # fmt: skip


def test_not_a_file():
  for data in (b"", b"TFL3", b"PK\x03\x04" * 100, bytes(4) + b"TFL4" * 9):
    with pytest.raises(ConfigError, match="Not a .tflite file"):
      parse_tflite.parse(data)


def test_truncated_anywhere_is_an_error(network):
  model = _block(network)
  for cut in np.linspace(8, len(model) - 1, 50).astype(int):
    try:  # The padding at the end holds nothing.
      graph = parse_tflite.parse(model[:cut])
    except ConfigError:
      continue
    assert cut > len(model) - 16, cut
    lowering.lower(graph)


def test_a_damaged_byte_is_an_error_or_a_program(network, kernels):
  model = _block(network)
  random = np.random.default_rng(0)
  places = random.integers(8, len(model), 1000)
  inputs = random.integers(-128, 128, (1, 6, 7, 2), dtype=np.int8)
  programs = 0
  for number, place in enumerate(places):
    damaged = bytearray(model)
    damaged[place] ^= int(random.integers(1, 256))
    try:
      program = lowering.lower(parse_tflite.parse(bytes(damaged)))
    except ConfigError:
      continue
    programs += 1
    if number % 10 == 0 and program.values[program.input].bytes == 84:
      layout = memory_planner.find_layout(program, trials=0)
      kernels.compute(program, layout, inputs)
  assert 100 < programs < 1000


def test_numbers_in_floating_point_are_named(network):
  net, source, target = _small(network)
  net.graph.tensors[source].type = net.schema.TensorType.FLOAT32
  with pytest.raises(ConfigError, match="Tensor image: .*quantize.*FLOAT32"):
    parse_tflite.parse(net.pack(source, target))


def test_an_operator_without_kernel_is_named(network):
  net, source, _ = _small(network)
  target = net.tensor((1, 6, 7, 2), 0.5, -3)
  net.operator("TANH", [source], [target])
  with pytest.raises(ConfigError, match="Operator TANH has no kernel"):
    parse_tflite.parse(net.pack(source, target))


def test_an_operator_of_ones_own_is_named(network):
  net, source, target = _small(network)
  code = net.model.operatorCodes[0]
  code.builtinCode = code.deprecatedBuiltinCode = 32
  code.customCode = b"Mine"
  with pytest.raises(ConfigError, match="Operator Mine has no kernel"):
    parse_tflite.parse(net.pack(source, target))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda net: setattr(net.graph, "inputs", [99]), "No such input|made"),
        (lambda net: setattr(net.graph.operators[0], "inputs", [0, 77, 2]), "77"),
        (lambda net: setattr(net.graph.operators[0], "outputs", [0]), "there"),
        (lambda net: setattr(net.graph.tensors[0], "shape", [1, 0, 7, 2]), "axis"),
        (lambda net: setattr(net.graph.tensors[1], "buffer", 88), "buffer"),
        (
            lambda net: setattr(
                net.graph.tensors[3].quantization, "scale", [float("nan")]
            ),
            "scale must be above 0",
        ),
        (
            lambda net: setattr(
                net.graph.tensors[3].quantization, "zeroPoint", [300]
            ),
            "zero point must be one of int8",
        ),
        (
            lambda net: setattr(net.graph.tensors[3], "shape", [1, 4, 4, 5]),
            "output must be",
        ),
        (
            lambda net: setattr(
                net.graph.operators[0].builtinOptions, "strideH", 0
            ),
            "strides",
        ),
        (
            lambda net: setattr(
                net.graph.operators[0].builtinOptions,
                "fusedActivationFunction",
                4,
            ),
            "activation must be one of .*TANH",
        ),
        (
            lambda net: setattr(
                net.graph.tensors[1].quantization, "zeroPoint", [1] * 5
            ),
            "zero point 0",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(network, change, message):
  net, source, target = _small(network)
  pack = net.pack
  net.graph.inputs, net.graph.outputs = [source], [target]
  change(net)
  inputs = net.graph.inputs
  with pytest.raises(ConfigError, match=message):
    lowering.lower(parse_tflite.parse(pack(inputs[0], target)))


def test_weights_of_groups_are_refused(network):
  net, source, target = _small(network, weights_shape=(5, 3, 3, 1))
  with pytest.raises(ConfigError, match="Operator 0, CONV_2D: .*grouped"):
    lowering.lower(parse_tflite.parse(net.pack(source, target)))


def test_sums_that_overflow_are_refused(network):
  net, source, target = _small(network)
  net.model.buffers[2].data = np.frombuffer(
    np.full(5, 2**31 - 1, np.int32).tobytes(), np.uint8
  )
  with pytest.raises(ConfigError, match="sums must fit into 32 bits"):
    lowering.lower(parse_tflite.parse(net.pack(source, target)))
