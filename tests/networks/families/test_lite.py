"""EfficientNet-Lite: what it is, by hand and by the published figure."""

import math

import keras

from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import elite, lite
from elite_tf.networks.pool import make_pool
from elite_tf.networks.to_keras import build

# Google's EfficientNet-Lite0, batch norm's moving statistics left out.
PUBLISHED = 4_652_008

# Two for each of the 21,008 channels that are normalized.
MOVING = 42_016


def _lite(w, d, r=1):
  pool = make_pool("lite")
  return next(c for c in pool if (c.w, c.d, c.r) == (w, d, r))


def test_lite0_has_the_published_parameters():
  candidate = _lite(1, 1)
  assert candidate.resolution == 224 and candidate.classes == 1000
  model = build(candidate)
  assert sum(math.prod(v.shape) for v in model.trainable_variables) == PUBLISHED
  assert model.count_params() == PUBLISHED + MOVING
  assert network_cost(lite.layers(candidate)).params == PUBLISHED + MOVING


def test_lite0_is_b0_without_squeeze_and_excitation():
  """Layer by layer, but for the activation."""

  def kinds(layers):
    return [
      (layer.op, layer.shape, layer.kernel, layer.stride, layer.rate)
      for layer in layers
      if "_se_" not in layer.name
    ]

  b0 = elite.layers(make_pool("elite")[0])
  assert kinds(lite.layers(_lite(1, 1))) == kinds(b0)


def test_widths_of_stem_and_head_are_not_scaled():
  for candidate in make_pool("lite"):
    layers = {layer.name: layer for layer in lite.layers(candidate)}
    assert layers["stem_conv"].shape[2] == 32
    assert layers["head_conv"].shape[2] == 1280
  # By hand: 24, 112 and 320 by 0.514 are 12.3, 57.6 and 164.5.
  assert layers["block3a_project_conv"].shape[2] == 16
  assert layers["block6a_project_conv"].shape[2] == 56
  assert layers["block8a_project_conv"].shape[2] == 168


def test_first_and_last_stage_keep_their_one_block():
  for candidate in make_pool("lite", levels=6):
    names = {layer.name for layer in lite.layers(candidate)}
    assert {"block2a_dwconv", "block8a_dwconv"} <= names
    assert not {"block2b_dwconv", "block8b_dwconv"} & names


def test_built_network_has_no_gate_and_clips_at_six():
  model = build(_lite(4, 4, 4))
  kinds = {type(layer) for layer in model.layers}
  assert keras.layers.Multiply not in kinds
  functions = {
    layer.activation.__name__
    for layer in model.layers
    if isinstance(layer, keras.layers.Activation)
  }
  assert functions == {"relu6", "softmax"}
