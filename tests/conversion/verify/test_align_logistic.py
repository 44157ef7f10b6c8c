"""LOGISTIC's scales at which all kernels round alike."""

import flatbuffers
import keras
import numpy as np
import pytest
from tflite_micro.python.tflite_micro import runtime

from elite_tf.conversion.quantize import post_training
from elite_tf.conversion.verify import align_logistic
from elite_tf.conversion.verify.compare import compare

# Found in a trained network: at code 79 the sigmoid is 165.50 of 256.
SCALE, ZERO_POINT = 0.007361235097050667, -3


@pytest.fixture(scope="module")
def network():
  """A convolution that gives every code, and a sigmoid of SCALE."""
  image = keras.Input((16, 16, 1))
  x = keras.layers.Conv2D(1, 1)(image)
  model = keras.Model(image, keras.layers.Activation("sigmoid")(x))
  model.set_weights([np.full((1, 1, 1, 1), 0.9), np.zeros(1)])
  pixels = np.linspace(-1, 1, 256, dtype=np.float32).reshape(1, 16, 16, 1)
  root = _unpack(post_training.int8(model, pixels))
  graph = root.subgraphs[0]
  source = graph.tensors[_logistic(root).inputs[0]]
  source.quantization.scale = [SCALE]
  source.quantization.zeroPoint = [ZERO_POINT]
  builder = flatbuffers.Builder(1024)
  builder.Finish(root.Pack(builder), b"TFL3")
  return bytes(builder.Output())


def _unpack(model):
  schema = runtime.schema_fb
  return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))


def _logistic(root):
  codes = [
    max(code.builtinCode, code.deprecatedBuiltinCode)
    for code in root.operatorCodes
  ]
  return next(
    operator
    for operator in root.subgraphs[0].operators
    if codes[operator.opcodeIndex] == runtime.schema_fb.BuiltinOperator.LOGISTIC
  )


def _scale(model):
  root = _unpack(model)
  tensor = root.subgraphs[0].tensors[_logistic(root).inputs[0]]
  return float(tensor.quantization.scale[0])


def _compare(model):
  images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
  return compare(model, images, np.zeros(1, int))


def test_kernels_that_round_differently_are_brought_together(network):
  assert not _compare(network).equal, "no longer needed"
  aligned = align_logistic.align(network)
  assert _compare(aligned).equal
  assert _scale(aligned) == pytest.approx(SCALE, rel=2e-3)
  assert _scale(aligned) > SCALE


def test_a_network_that_agrees_is_left_as_it_is(network):
  aligned = align_logistic.align(network)
  assert _scale(align_logistic.align(aligned)) == _scale(aligned)


def test_where_no_scale_agrees_it_is_an_error(network, monkeypatch):
  monkeypatch.setattr(align_logistic, "STEPS", 1)
  with pytest.raises(
    align_logistic.VerificationFailed, match="LOGISTIC of scale"
  ):
    align_logistic.align(network)
