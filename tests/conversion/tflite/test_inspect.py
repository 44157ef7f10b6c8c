"""Reading .tflite files, against TensorFlow's own interpreter."""

import dataclasses
import subprocess
import sys
import warnings

import flatbuffers
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from elite_tf.conversion.quantize import post_training
from elite_tf.conversion.tflite import convert
from elite_tf.conversion.tflite import inspect as inspecting
from elite_tf.errors import ConfigError, VerificationFailed


@pytest.fixture(scope="module")
def network():
  image = keras.Input((6, 6, 1), name="image")
  x = keras.layers.Conv2D(3, 3, activation="relu6")(image)
  x = keras.layers.GlobalAveragePooling2D()(x)
  x = keras.layers.Dense(4, activation="softmax")(x)
  model = keras.Model(image, x)
  random = np.random.default_rng(0)
  for weight in model.weights:
    weight.assign(random.normal(size=weight.shape))
  return model


@pytest.fixture(scope="module")
def floating(network):
  return convert.float32(network)


@pytest.fixture(scope="module")
def quantized(network):
  random = np.random.default_rng(0)
  images = random.uniform(-1, 1, (8, 6, 6, 1)).astype(np.float32)
  return post_training.int8(network, images)


def _interpreter(model):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    interpreter = tf.lite.Interpreter(
      model_content=model,
      experimental_op_resolver_type=(
        tf.lite.experimental.OpResolverType.BUILTIN_REF
      ),
    )
  interpreter.allocate_tensors()
  return interpreter


def _edited(model, edit):
  """Returns the file with `edit` done to it, by TensorFlow's own schema."""
  root = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
  edit(root)
  builder = flatbuffers.Builder(len(model))
  builder.Finish(root.Pack(builder), b"TFL3")
  return bytes(builder.Output())


def _complaint(error, function, *arguments):
  with pytest.raises(error) as caught:
    function(*arguments)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  return line


def test_dense_weights_with_a_scale_a_channel_are_told(network, quantized):
  """TensorFlow's own converter makes them; ours makes a convolution of them."""
  random = np.random.default_rng(0)
  images = random.uniform(-1, 1, (8, 6, 6, 1)).astype(np.float32)
  trace = tf.function(
    lambda x: network(x, training=False),
    input_signature=[tf.TensorSpec((1, 6, 6, 1), tf.float32)],
  ).get_concrete_function()
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    converter = tf.lite.TFLiteConverter.from_concrete_functions([trace], trace)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([x[None]] for x in images)
    found = inspecting.inspect(converter.convert())
  assert len(found.per_channel_dense) == 1
  assert found.per_channel_dense[0] in inspecting.dense_note(found)
  ours = inspecting.inspect(quantized)
  assert ours.per_channel_dense == () and inspecting.dense_note(ours) == ""


@pytest.mark.parametrize("name", ["floating", "quantized"])
def test_it_reads_what_the_interpreter_reads(name, request):
  model = request.getfixturevalue(name)
  found = inspecting.inspect(model)
  interpreter = _interpreter(model)
  operators = {op["op_name"] for op in interpreter._get_ops_details()}
  assert found.operators == tuple(sorted(operators))
  assert found.bytes == len(model)
  for tensor, details in [
    (found.input, interpreter.get_input_details()[0]),
    (found.output, interpreter.get_output_details()[0]),
  ]:
    assert tensor == inspecting.Tensor(
      name=details["name"],
      dtype=np.dtype(details["dtype"]).name,
      shape=tuple(details["shape"].tolist()),
      scale=details["quantization"][0],
      zero_point=details["quantization"][1],
    )


def test_operators_by_hand(quantized):
  # Rectified linear units are part of the convolution; a dense layer is one.
  assert inspecting.inspect(quantized).operators == (
    "CONV_2D",
    "MEAN",
    "RESHAPE",
    "SOFTMAX",
  )


def test_float_tensors_are_named(floating, quantized):
  names = [
    details["name"]
    for details in _interpreter(floating).get_tensor_details()
    if details["dtype"] == np.float32 and details["name"]
  ]
  assert len(names) > 5
  assert set(names) <= set(inspecting.inspect(floating).float_tensors)
  assert inspecting.inspect(quantized).float_tensors == ()


def test_full_integer_is_required(floating, quantized):
  assert inspecting.require_full_integer(quantized) is None
  line = _complaint(
    VerificationFailed, inspecting.require_full_integer, floating
  )
  assert all(
    name in line for name in inspecting.inspect(floating).float_tensors
  )


@pytest.mark.parametrize("kind", ["FLOAT32", "FLOAT16", "BFLOAT16"])
def test_one_float_tensor_is_enough(quantized, kind):
  def edit(root):
    tensor = root.subgraphs[0].tensors[2]
    tensor.type = getattr(schema.TensorType, kind)
    tensor.name = b"the one"

  line = _complaint(
    VerificationFailed,
    inspecting.require_full_integer,
    _edited(quantized, edit),
  )
  assert line.endswith("Received: 1 floating-point tensors, the one")


def test_a_custom_operator_has_its_own_name(quantized):
  def edit(root):
    code = root.operatorCodes[0]
    code.deprecatedBuiltinCode = code.builtinCode = 32
    code.customCode = b"Mine"

  found = inspecting.inspect(_edited(quantized, edit))
  assert "Mine" in found.operators


def test_the_scale_of_the_softmax(floating, quantized):
  details = _interpreter(quantized).get_tensor_details()
  scales = {t["quantization"][0] for t in details}
  found = inspecting.inspect(quantized)
  assert found.softmax_scale in scales
  assert inspecting.inspect(floating).softmax_scale is None
  assert inspecting.require_softmax(found) is None


@pytest.mark.parametrize(
  "scale, refused", [(1.491e-8, False), (1.490e-8, True), (0.0, True)]
)
def test_softmax_needs_a_scale_above_two_to_the_minus_26(
  quantized, scale, refused
):
  found = dataclasses.replace(
    inspecting.inspect(quantized), softmax_scale=scale
  )
  if refused:
    assert f"{scale:.3g}" in _complaint(
      VerificationFailed, inspecting.require_softmax, found
    )
  else:
    inspecting.require_softmax(found)


def test_the_same_file_is_read_once(quantized, monkeypatch):
  reads, read = [], inspecting._read
  monkeypatch.setattr(
    inspecting, "_read", lambda *given: reads.append(1) or read(*given)
  )
  inspecting.inspect.cache_clear()
  first = inspecting.inspect(quantized)
  inspecting.require_full_integer(quantized)
  assert inspecting.inspect(bytes(bytearray(quantized))) is first
  assert len(reads) == 1


def test_every_truncation_is_refused(quantized):
  whole = len(quantized)
  for size in [*range(0, whole, 7), whole - 1]:
    line = _complaint(ConfigError, inspecting.inspect, quantized[:size])
    assert f"{size} bytes" in line


@pytest.mark.parametrize(
  "data",
  [
    b"",
    b"TFL3",
    b"hello, I am no model",
    b"\x1c\0\0\0TFL3",
    b"\x1c\0\0\0TFL3" + b"\0" * 100,
    b"\xff\xff\xff\xffTFL3" + b"\xff" * 100,
    b"PK\x03\x04" + b"\0" * 100,
  ],
)
def test_other_files_are_refused(data):
  _complaint(ConfigError, inspecting.inspect, data)


def test_damage_is_refused_or_read_never_a_crash(quantized):
  random = np.random.default_rng(0)
  refused = 0
  for _ in range(300):
    damaged = bytearray(quantized)
    for place in random.integers(0, len(damaged), 8):
      damaged[place] = random.integers(256)
    try:
      inspecting.inspect(bytes(damaged))
    except ConfigError:
      refused += 1
  assert refused > 100


def test_one_input_and_one_output_are_required(quantized):
  def edit(root):
    root.subgraphs[0].outputs = [3, 4]

  line = _complaint(ConfigError, inspecting.inspect, _edited(quantized, edit))
  assert line.endswith("Received: 1 and 2")


def test_no_tensorflow_is_loaded(quantized, tmp_path):
  path = tmp_path / "model.tflite"
  path.write_bytes(quantized)
  code = (
    "import pathlib, sys; from elite_tf.conversion.tflite.inspect import inspect;"
    "found = inspect(pathlib.Path(sys.argv[1]).read_bytes());"
    "print(found.input.dtype, 'tensorflow' in sys.modules)"
  )
  done = subprocess.run(
    [sys.executable, "-c", code, str(path)],
    capture_output=True,
    check=True,
    text=True,
  )
  assert done.stdout == "int8 False\n"
