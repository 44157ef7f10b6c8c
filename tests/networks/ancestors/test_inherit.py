"""Slices of trained networks, against NumPy's forward pass and sampling."""

import dataclasses

import numpy as np
import pytest

from elite_tf.networks.ancestors import inherit
from elite_tf.networks.families import get_family
from elite_tf.networks.pool import make_pool
from elite_tf.types import Layer


def _layers(family="lite", w=1, d=1, side=32, channels=3, classes=1000):
  pool = make_pool(family, classes, channels, side, stem_stride=2)
  candidate = next(c for c in pool if (c.w, c.d, c.r) == (w, d, 1))
  return get_family(family).layers(candidate)


def _draw(layers, seed=0):
  """Weights of every layer, as they might be after a training."""
  rng = np.random.default_rng(seed)
  known = {layer.name: layer for layer in layers}
  weights = {}
  for layer in layers:
    channels = layer.shape[-1]
    before = known[layer.inputs[0]].shape[-1] if layer.inputs else 0
    shapes = {
      "conv": [(layer.kernel, layer.kernel, before, channels)],
      "depthwise": [(layer.kernel, layer.kernel, channels, 1)],
      "dense": [(before, channels)],
      "batch_norm": [(channels,)] * 4,
    }.get(layer.op)
    if shapes is None:
      continue
    if layer.bias:
      shapes = [*shapes, (channels,)]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    if layer.op == "batch_norm":
      arrays = [np.abs(arrays[0]) + 0.1, arrays[1], arrays[2] / 9,
                np.abs(arrays[3]) + 0.5]  # fmt: skip
    else:
      arrays[0] /= np.sqrt(np.prod(arrays[0].shape[:-1]))
    weights[layer.name] = tuple(array.astype(np.float32) for array in arrays)
  return weights


def _inherit(ancestor, weights, heir, **options):
  return inherit.inherit(ancestor, weights, heir, _draw(heir, 1), **options)


@pytest.mark.parametrize(
  ("function", "activate"),
  [
    ("relu6", lambda x: np.minimum(np.maximum(x, 0), 6)),
    ("swish", lambda x: x / (1 + np.exp(-x))),
    ("hard_swish", lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6),
  ],
)
def test_deviation_of_activations_is_that_of_samples(function, activate):
  gamma = np.float64([0.3, 1.0, 2.5, 1.0])
  beta = np.float64([0.0, -1.0, 2.0, 7.0])
  normal = np.random.default_rng(0).standard_normal((400_000, 1))
  sampled = activate(beta + gamma * normal).std(axis=0)
  np.testing.assert_allclose(
    inherit.activated_deviation(function, gamma, beta), sampled, atol=0.02
  )


def test_unknown_activation_counts_as_linear():
  np.testing.assert_array_equal(
    inherit.activated_deviation("tanh", np.float64([-2, 1]), np.zeros(2)),
    [2, 1],
  )


def test_network_of_the_same_size_inherits_everything():
  layers = _layers()
  weights = _draw(layers)
  made = _inherit(layers, weights, layers)
  assert made.keys() == weights.keys()
  for name, arrays in weights.items():
    for mine, its in zip(made[name], arrays):
      np.testing.assert_array_equal(mine, its)


def test_other_classes_have_a_classifier_of_their_own():
  ancestor = _layers()
  made = _inherit(ancestor, _draw(ancestor), _layers(classes=5))
  assert _draw(ancestor).keys() - made.keys() == {"logits"}


def test_every_array_has_the_shape_of_the_heir():
  ancestor = _layers()
  heir = _layers(w=4, d=4, channels=1, classes=7)
  expected = _draw(heir, 1)
  made = _inherit(ancestor, _draw(ancestor), heir)
  assert expected.keys() - made.keys() == {"logits"}
  for name, arrays in made.items():
    assert [a.shape for a in arrays] == [a.shape for a in expected[name]], name
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_heir_computes_the_same_where_the_rest_was_silent(forward):
  """The strict one: a wrong channel anywhere changes the features.

  The ancestor is made so that all channels but as many as the heir has are
  zero. What remains is a network of the heir's size, scattered over it.
  """
  ancestor, heir = _layers(), _layers(w=4)
  weights = {n: list(a) for n, a in _draw(ancestor).items()}
  there, rng = (
    {layer.name: layer for layer in ancestor},
    np.random.default_rng(2),
  )
  sizes = {layer.name: layer.shape[-1] for layer in heir}
  silent = {}

  def leader(name):
    """One name for all layers whose channels are added or passed on."""
    layer = there[name]
    while layer.op not in ("conv", "dense", "input"):
      layer = there[layer.inputs[0]]
    name = layer.name
    if name.endswith("_project_conv") or name == "stem_conv":
      return name[:6]  # A stage has one residual chain.
    return name

  for layer in ancestor:
    group = leader(layer.name)
    if group not in silent and layer.name in sizes:
      count, most = sizes[layer.name], layer.shape[-1]
      silent[group] = rng.permutation(most)[count:]
  for layer in ancestor:
    if layer.op == "batch_norm":
      for array in weights[layer.name][:2]:
        array[silent[leader(layer.name)]] = 0
  image = rng.uniform(-1, 1, (32, 32, 3))
  made = _inherit(ancestor, weights, heir)
  np.testing.assert_allclose(
    forward(heir, made, image, "pool"),
    forward(ancestor, weights, image, "pool"),
    rtol=1e-4,
    atol=1e-5,
  )


def test_grey_images_see_what_three_equal_colours_see(forward):
  ancestor, heir = _layers(), _layers(channels=1)
  weights = _draw(ancestor)
  image = np.random.default_rng(0).uniform(-1, 1, (32, 32, 1))
  np.testing.assert_allclose(
    forward(heir, _inherit(ancestor, weights, heir), image, "stem_relu6"),
    forward(ancestor, weights, image.repeat(3, axis=-1), "stem_relu6"),
    atol=1e-5,
  )


def _tiny(channels, outputs=2):
  """Two convolutions with batch norm and ReLU6 between them."""
  map_ = (1, 1)
  return (
    Layer("image", "input", (), (*map_, 3)),
    Layer("a_conv", "conv", ("image",), (*map_, channels)),
    Layer("a_bn", "batch_norm", ("a_conv",), (*map_, channels)),
    Layer("a_relu6", "activation", ("a_bn",), (*map_, channels), function="relu6"),
    Layer("b_conv", "conv", ("a_relu6",), (*map_, outputs)),
  )  # fmt: skip


def _tiny_weights(gamma, beta, reads):
  count = len(gamma)
  kernel = np.float32(reads).reshape(1, 1, count, 2)
  columns = (gamma, beta, np.zeros(count), np.ones(count))
  return {
    "a_conv": (np.arange(3 * count, dtype=np.float32).reshape(1, 1, 3, count),),
    "a_bn": tuple(np.float32(column) for column in columns),
    "b_conv": (kernel,),
  }


@pytest.mark.parametrize(
  ("gamma", "beta", "reads", "kept"),
  [
    # The two that are read with larger weights.
    ([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 3, 3, 2, 2, 1, 1], [1, 2]),
    # The two that vary more.
    ([3, 1, 1, 2], [1, 1, 1, 1], [1] * 8, [0, 3]),
    # Large, but always zero or always six after ReLU6.
    ([1, 1, 1, 1], [-9, 2, 15, 2], [9, 9, 1, 1, 9, 9, 1, 1], [1, 3]),
  ],
)
def test_channels_are_kept_for_what_is_read_of_them(gamma, beta, reads, kept):
  ancestor, heir = _tiny(4), _tiny(2)
  weights = _tiny_weights(gamma, beta, reads)
  made = _inherit(ancestor, weights, heir)
  np.testing.assert_array_equal(
    made["a_conv"][0], weights["a_conv"][0][..., kept]
  )
  np.testing.assert_array_equal(
    made["b_conv"][0], weights["b_conv"][0][:, :, kept]
  )


def test_wider_heir_reads_nothing_from_what_was_drawn(forward):
  """So it begins with what its ancestor computes."""
  ancestor, heir = _tiny(3), _tiny(5)
  weights = _tiny_weights([1, 2, 1], [0, 1, 0], [1, 2, 3, 4, 5, 6])
  made = _inherit(ancestor, weights, heir)
  drawn = _draw(heir, 1)
  np.testing.assert_array_equal(
    made["a_conv"][0][..., 3:], drawn["a_conv"][0][..., 3:]
  )
  image = np.float64([[[0.5, -1, 2]]])
  np.testing.assert_allclose(
    forward(heir, made, image), forward(ancestor, weights, image)
  )


def test_other_kernels_are_drawn():
  ancestor = _layers()
  heir = [
    dataclasses.replace(layer, kernel=7) if layer.name == "stem_conv" else layer
    for layer in ancestor
  ]
  made = _inherit(ancestor, _draw(ancestor), heir)
  assert _draw(ancestor).keys() - made.keys() == {"stem_conv"}


def test_shallower_heir_has_the_first_repeats():
  ancestor, heir = _layers(), _layers(d=4)
  weights = _draw(ancestor)
  made = _inherit(ancestor, weights, heir)
  for name, arrays in made.items():
    np.testing.assert_array_equal(arrays[0], weights[name][0])


def test_squeeze_and_excitation_is_sliced_too():
  ancestor, heir = _layers("elite"), _layers("elite", w=4, d=4, classes=5)
  expected = _draw(heir, 1)
  made = _inherit(ancestor, _draw(ancestor), heir)
  assert expected.keys() - made.keys() == {"logits"}
  for name, arrays in made.items():
    assert [a.shape for a in arrays] == [a.shape for a in expected[name]], name


def test_hf_inherits_where_it_is_wider_and_where_it_is_narrower():
  ancestor, heir = _layers("elite"), _layers("hf", w=2, d=2, classes=5)
  expected = _draw(heir, 1)
  made = _inherit(ancestor, _draw(ancestor), heir)
  assert expected.keys() - made.keys() == {"logits"}
  for name, arrays in made.items():
    assert [a.shape for a in arrays] == [a.shape for a in expected[name]], name
