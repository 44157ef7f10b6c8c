"""Built networks against their plans: every one of both pools is built."""

import dataclasses
import functools
import itertools
import math

import keras
import numpy as np
import pytest

from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import FAMILIES, get_family
from elite_tf.networks.keras_layers import build_layers, make_layer
from elite_tf.networks.pool import make_pool
from elite_tf.networks.scaling import coefficients
from elite_tf.networks.to_keras import build

LEVELS = (1, 2, 3, 4)


@functools.cache
def _pool(family):
  return {(c.w, c.d, c.r): c for c in make_pool(family)}


@functools.cache
def _sizes(family):
  """The family's own input sizes, and those it has for small images."""
  known = get_family(family)
  scales = coefficients(4)
  return (
    *known.resolutions(known.base_resolution, scales),
    *known.resolutions(32, scales),
  )


def _candidate(family, w=4, d=4, **changes):
  return dataclasses.replace(_pool(family)[w, d, 1], **changes)


def _layers(candidate):
  return get_family(candidate.family).layers(candidate)


def _built(candidate):
  """The network without numbers: its names and shapes are asked for alone."""
  with keras.StatelessScope(initialize_variables=False):
    return build(candidate)


def _count_macs(model):
  """Products of the built layers: kernels, and where these are applied."""
  total = 0
  for layer in model.layers:
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
      height, width = layer.output.shape[1:3]
      total += math.prod(layer.kernel.shape) * height * width
    elif isinstance(layer, keras.layers.Dense):
      total += math.prod(layer.kernel.shape)
    else:
      # Whatever else has a kernel would have to be counted too.
      assert not hasattr(layer, "kernel"), layer.name
  return total


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(("w", "d"), list(itertools.product(LEVELS, LEVELS)))
def test_planned_cost_is_the_built_networks(family, w, d):
  """Parameters and multiply-accumulates of every width and depth.

  Once with 10 classes and one channel, once with 1000 and three. That is all
  of them: classes and channels change the dense layer and the input alone
  (tests/networks/families), and a cost is the sum of its layers; parameters do not depend
  on the resolution (below). So the input sizes are taken in turn, all of the
  family's own and those of small images, odd ones like 203 and 19 among them,
  and so are the stem's two strides.
  """
  sizes = _sizes(family)
  first = 2 * (4 * (w - 1) + d - 1)
  for turn, classes, channels in ((first, 10, 1), (first + 1, 1000, 3)):
    candidate = _candidate(
        family, w, d,
        resolution=sizes[turn % len(sizes)], classes=classes, channels=channels,
        stem_stride=2 - turn % 2,
    )  # fmt: skip
    cost = network_cost(_layers(candidate))
    model = _built(candidate)
    assert cost.params == model.count_params()
    assert cost.macs == _count_macs(model)


# The stages of edge follow the input size.
@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"edge"}))
def test_parameters_do_not_depend_on_the_resolution(family):
  """Every layer is a convolution or comes after the pooling."""
  shapes = set()
  planned = set()
  for size in sorted(set(_sizes(family))):
    candidate = _candidate(family, resolution=size)
    planned.add(network_cost(_layers(candidate)).params)
    model = _built(candidate)
    shapes.add(tuple(tuple(v.shape) for v in model.variables))
    assert model.count_params() in planned
  assert len(shapes) == len(planned) == 1


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(("classes", "channels"), [(10, 3), (1000, 1), (2, 1)])
def test_other_classes_and_channels(family, classes, channels):
  candidate = _candidate(family, classes=classes, channels=channels)
  model = _built(candidate)
  assert network_cost(_layers(candidate)).params == model.count_params()
  assert model.output_shape == (None, classes)
  assert model.input_shape[-1] == channels


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("size", [203, 19, 8])
def test_every_layer_has_the_planned_name_and_shape(family, size):
  candidate = _candidate(family, 2, 2, resolution=size)
  layers = _layers(candidate)
  model = _built(candidate)
  assert model.name == candidate.name
  built = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
  assert built == {layer.name: layer.shape for layer in layers}


def test_baseline_has_the_weights_of_keras_efficientnet_b0():
  """Keras's own, less its three normalization weights, in any order."""
  reference = keras.applications.EfficientNetB0(weights=None)
  theirs = sorted(
    tuple(weight.shape)
    for layer in reference.layers
    if not isinstance(layer, keras.layers.Normalization)
    for weight in layer.weights
  )
  model = build(_candidate("elite", 1, 1))
  ours = sorted(tuple(weight.shape) for weight in model.weights if
                "seed" not in weight.name)  # fmt: skip
  theirs = [shape for shape in theirs if shape != (2,)]  # Dropout's seeds.
  assert ours == theirs
  assert model.count_params() == 5_330_564


@pytest.fixture(scope="module")
def small():
  keras.utils.set_random_seed(5)
  return build(_candidate("elite", resolution=32, classes=10, channels=1))


def test_answers_are_probabilities(small):
  images = np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 1))
  answers = np.asarray(small(images.astype(np.float32)))
  assert answers.dtype == np.float32 and answers.shape == (3, 10)
  assert (answers >= 0).all()
  assert answers.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_same_seed_same_weights(small):
  candidate = _candidate("elite", resolution=32, classes=10, channels=1)
  keras.utils.set_random_seed(5)
  again = build(candidate)
  other = build(candidate)
  kernels = [m.get_layer("head_conv").kernel.numpy() for m in
             (small, again, other)]  # fmt: skip
  assert np.array_equal(kernels[0], kernels[1])
  assert not np.array_equal(kernels[0], kernels[2])


def test_first_weights_are_efficientnets(small):
  """Variance 2 over the fan out; at the end uniform, as for ImageNet."""
  head = small.get_layer("head_conv").kernel.numpy()
  fan_out = head.shape[0] * head.shape[1] * head.shape[3]
  assert head.std() == pytest.approx((2 / fan_out) ** 0.5, rel=0.02)
  logits = small.get_layer("logits")
  _check_uniform(logits.kernel.numpy(), 1000**-0.5)
  assert not logits.bias.numpy().any()


def _check_uniform(values, limit):
  assert abs(values).max() <= limit
  assert values.std() == pytest.approx(limit / 3**0.5, rel=0.05)


def test_first_weights_of_more_classes_than_imagenet_are_efficientnets():
  dense = next(x for x in _layers(_candidate("elite")) if x.op == "dense")
  layer = make_layer(dataclasses.replace(dense, shape=(4000,)))
  layer.build((None, 50))
  _check_uniform(layer.kernel.numpy(), 4000**-0.5)


def test_dropping_is_of_whole_branches_and_only_in_training(small):
  drops = [x for x in small.layers if x.name.endswith("_drop")]
  assert drops
  ones = np.ones((64, *drops[-1].output.shape[1:]), np.float32)
  dropped = np.asarray(drops[-1](ones, training=True))
  assert {len(np.unique(image)) for image in dropped} == {1}
  kept = 1 / (1 - drops[-1].rate)
  assert sorted(set(dropped[:, 0, 0, 0])) == pytest.approx([0, kept])
  assert np.array_equal(drops[-1](ones, training=False), ones)


def test_network_can_end_earlier_and_take_another_size():
  layers = _layers(_candidate("elite", resolution=32))
  image = keras.Input((48, 64, 3))
  features = build_layers(layers, image, last="head_swish")
  assert tuple(features.shape) == (None, 2, 2, layers[-5].shape[-1])
