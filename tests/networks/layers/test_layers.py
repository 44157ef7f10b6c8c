"""What a kind of layer says of itself, against the layers of Keras."""

import keras
import numpy as np
import pytest

from elite_tf.networks.from_keras import read_layers
from elite_tf.networks.keras_layers import build_model
from elite_tf.networks.layers import LAYER_KINDS, kind_of
from elite_tf.types import Layer

SIDE, CHANNELS = 6, 4

FUNCTIONS = sorted(k.function for k in LAYER_KINDS.values() if k.function)


def _case(name):
  """A network that ends in one layer of a kind, after its own input."""
  kind = LAYER_KINDS[name]
  shape = (SIDE, SIDE, CHANNELS)
  layers = [Layer("x", "input", (), shape)]
  inputs, fields = ("x",), {"function": kind.function}
  if name in ("conv", "depthwise"):
    fields = {"kernel": 3, "bias": True}
  elif name == "dense":
    layers.append(Layer("v", "mean", ("x",), (CHANNELS,)))
    inputs, shape, fields = ("v",), (7,), {"bias": True}
  elif name == "mean":
    shape = (CHANNELS,)
  elif name in ("dropout", "stochastic_depth"):
    fields = {"rate": 0.25}
  elif name in ("add", "multiply", "concatenate"):
    inputs = ("x", "x")
    if name == "concatenate":
      shape = (SIDE, SIDE, 2 * CHANNELS)
  return (*layers, Layer("y", kind.op, inputs, shape, **fields))


# Kinds that no function names: the input, and what stands for any activation.
LAYERS = sorted(set(LAYER_KINDS) - {"input", "activation"})


def _images(seed=0):
  shape = (2, SIDE, SIDE, CHANNELS)
  return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


@pytest.fixture(params=LAYERS)
def built(request):
  """(kind, its layer in Keras, a network that ends in it, its layers)."""
  layers = _case(request.param)
  keras.utils.set_random_seed(3)
  model = build_model(layers, "one")
  for weight in model.get_layer("y").weights:
    if "seed" not in weight.path:
      values = np.random.default_rng(1).uniform(0.5, 1.5, weight.shape)
      weight.assign(values)
  kind = LAYER_KINDS[request.param]
  return kind, model.get_layer("y"), model, layers


@pytest.mark.parametrize("name", LAYER_KINDS)
def test_a_kind_is_found_by_its_layers(name):
  kind = LAYER_KINDS[name]
  assert kind.name == name
  assert kind_of(Layer("y", kind.op, (), (1,), function=kind.function)) is kind


def test_a_function_that_no_kind_has_is_any_activation():
  layer = Layer("y", "activation", ("x",), (1,), function="gelu")
  assert kind_of(layer) is LAYER_KINDS["activation"]
  with pytest.raises(KeyError):
    kind_of(Layer("y", "gelu", ("x",), (1,)))


def test_the_layer_is_the_class_it_names_and_is_read_back(built):
  kind, layer, model, layers = built
  assert type(layer).__name__ == kind.keras_class
  assert layer.name == "y"
  assert read_layers(model) == layers


def test_kernel_and_output_weights_are_where_the_kind_says(built):
  kind, layer, _, layers = built
  assert hasattr(layer, "kernel") == (kind.kernel == "kernel")
  if kind.kernel:
    assert layer.kernel.shape[kind.kernel_channels] == layers[-1].shape[-1]
  assert bool(kind.output_weights) == any(w.trainable for w in layer.weights)


def test_output_weights_scale_the_channels_that_a_layer_makes(built):
  kind, layer, model, layers = built
  if not kind.output_weights:
    return
  before = np.asarray(model(_images()))
  factors = np.linspace(0.5, 2, layers[-1].shape[-1])
  for name in kind.output_weights:
    weight = getattr(layer, name)
    values = np.asarray(weight)
    if name == kind.kernel:
      values = np.moveaxis(values, kind.kernel_channels, -1) * factors
      weight.assign(np.moveaxis(values, -1, kind.kernel_channels))
    else:
      weight.assign(values * factors)
  after = np.asarray(model(_images()))
  assert after == pytest.approx(before * factors, rel=1e-4, abs=1e-4)


def test_a_factor_passes_what_is_linear_and_has_no_weights(built):
  """f(s x) = s f(x) for s > 0; concatenation could be said to pass it too."""
  kind, layer, model, _ = built
  if layer.weights and not kind.training_only:
    assert not kind.linear
    return
  factors = np.linspace(0.5, 2, CHANNELS).astype(np.float32)
  scaled = np.asarray(model(_images() * factors))
  if kind.name == "concatenate":
    assert not kind.linear
    return
  passes = scaled == pytest.approx(
    np.asarray(model(_images())) * factors, rel=1e-5, abs=1e-5
  )
  assert passes == kind.linear


def test_training_only_kinds_change_nothing_in_inference(built):
  kind, _, model, _ = built
  images = _images()
  same = np.array_equal(np.asarray(model(images, training=False)), images)
  assert same == kind.training_only
  if kind.training_only:
    trained = np.asarray(model(images, training=True))
    assert not np.array_equal(trained, images)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_that_have_a_fixed_scale_are_between_0_and_1(function):
  """TensorFlow Lite fixes the scale of LOGISTIC and SOFTMAX at 1/256."""
  points = np.linspace(-9, 9, 50, dtype=np.float32)[np.newaxis]
  answers = np.asarray(keras.layers.Activation(function)(points))
  bounded = answers.min() >= 0 and answers.max() <= 1
  assert LAYER_KINDS[function].fixed_scale == bounded


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_that_a_convolution_computes_clip_it(function):
  """Identity within the limits that a fused activation has."""
  points = np.linspace(0, 6, 50, dtype=np.float32)[np.newaxis]
  answers = np.asarray(keras.layers.Activation(function)(points))
  fused = np.array_equal(answers, points)
  assert LAYER_KINDS[function].fused == fused


def test_batch_norm_is_folded_into_convolutions():
  """As the converter does it; a dense layer has none in any family."""
  folding = {n for n, k in LAYER_KINDS.items() if k.folds_batch_norm}
  assert folding == {"conv", "depthwise"}


def test_logits_and_probabilities_are_computed_in_float32():
  precise = {n for n, k in LAYER_KINDS.items() if k.full_precision}
  assert precise == {"dense", "softmax"}
