"""Files without names and repetitions: the same network, aligned."""

import keras
import numpy as np
import pytest

from elite_tf.conversion.interpreters import micro, reference
from elite_tf.conversion.quantize import post_training
from elite_tf.conversion.tflite import flatbuffer
from elite_tf.conversion.tflite.compact import compact
from elite_tf.conversion.tflite.inspect import inspect

CHANNELS = 24


@pytest.fixture(scope="module")
def network():
  """Three convolutions of as many channels, one of them by each channel."""
  keras.utils.set_random_seed(1)
  image = keras.Input((8, 8, 3), name="image")
  x = keras.layers.Conv2D(CHANNELS, 3)(image)
  x = keras.layers.DepthwiseConv2D(3, activation="relu6")(x)
  x = keras.layers.Conv2D(CHANNELS, 1)(x)
  x = keras.layers.GlobalAveragePooling2D()(x)
  model = keras.Model(image, keras.layers.Dense(10, "softmax")(x))
  kernel = model.layers[-1].kernel
  kernel.assign(20 * kernel)  # Answers that differ.
  images = np.random.default_rng(0).uniform(-1, 1, (8, 8, 8, 3))
  return post_training.int8(model, images.astype(np.float32))


def _read(model):
  schema = flatbuffer.schema()
  return schema.Model.GetRootAsModel(model, 0)


def _address(array):
  return array.__array_interface__["data"][0]


def _numbers(root):
  """Everything that a network computes by, without its names."""
  graph = root.subgraphs[0]
  nothing = flatbuffer.schema().QuantizationParametersT()
  tensors = []
  for tensor in graph.tensors:
    data = root.buffers[tensor.buffer].data
    found = tensor.quantization or nothing
    tensors.append(
      (
        list(tensor.shape),
        tensor.type,
        [] if found.scale is None else list(found.scale),
        [] if found.zeroPoint is None else list(found.zeroPoint),
        found.quantizedDimension,
        b"" if data is None else bytes(data),
      )
    )
  operators = [
    (
      flatbuffer.operator_name(root, operator),
      list(operator.inputs),
      list(operator.outputs),
      vars(operator.builtinOptions) if operator.builtinOptions else {},
    )
    for operator in graph.operators
  ]
  return tensors, operators, list(graph.inputs), list(graph.outputs)


def test_all_numbers_stay(network):
  before, after = (
    _numbers(flatbuffer.unpack(model)) for model in (network, compact(network))
  )
  assert len(before[0]) > 10 and sum(len(t[5]) > 0 for t in before[0]) > 5
  assert after == before


def test_equal_vectors_stand_in_the_file_once(network):
  smaller = compact(network)
  graph = _read(smaller).Subgraphs(0)
  places = [
    _address(found.ZeroPointAsNumpy())
    for i in range(graph.TensorsLength())
    if (found := graph.Tensors(i).Quantization())
    and found.ZeroPointLength() == CHANNELS
  ]
  # Weights and biases of three convolutions.
  assert len(places) == 6 and len(set(places)) == 1
  # Five of the six vectors of zero points were repetitions.
  assert len(smaller) < len(network) - 5 * 8 * CHANNELS


def test_constants_begin_at_multiples_of_16(network):
  smaller = compact(network)
  file = _read(smaller)
  start = _address(np.frombuffer(smaller, np.uint8))
  places = [
    _address(file.Buffers(i).DataAsNumpy()) - start
    for i in range(file.BuffersLength())
    if file.Buffers(i).DataLength()
  ]
  assert len(places) > 5
  assert not [place for place in places if place % 16]


def test_names_are_numbers_but_for_input_and_output(network):
  before, after = inspect(network), inspect(compact(network))
  assert (after.input, after.output) == (before.input, before.output)
  assert after.input.name and after.output.name
  graph = flatbuffer.unpack(compact(network)).subgraphs[0]
  named = {*graph.inputs, *graph.outputs}
  assert [
    tensor.name.decode()
    for i, tensor in enumerate(graph.tensors)
    if i not in named
  ] == [str(i) for i in range(len(graph.tensors)) if i not in named]


def test_names_of_dense_layers_stay(network):
  """Where their weights have a scale a channel, a person is told of them."""
  root = flatbuffer.unpack(network)
  code = flatbuffer.schema().BuiltinOperator.FULLY_CONNECTED
  operator = root.subgraphs[0].operators[0]  # Any: nothing is computed here.
  changed = root.operatorCodes[operator.opcodeIndex]
  changed.builtinCode = changed.deprecatedBuiltinCode = code
  network = flatbuffer.pack(root)
  names = inspect(network).per_channel_dense
  assert len(names) > 1 and all(names)
  assert inspect(compact(network)).per_channel_dense == names


def test_it_computes_what_it_did(network):
  smaller = compact(network)
  generator = np.random.default_rng(2)
  inputs = generator.integers(-128, 128, (20, 8, 8, 3), np.int8)
  wanted = reference.run_reference(network, inputs)
  assert len(np.unique(wanted)) > 20
  for run in (reference.run_reference, micro.run_micro):
    outputs = run(smaller, inputs)
    assert np.array_equal(getattr(outputs, "outputs", outputs), wanted)


def test_once_is_enough(network):
  smaller = compact(network)
  assert compact(smaller) == smaller
