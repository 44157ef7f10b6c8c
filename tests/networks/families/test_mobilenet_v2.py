"""MobileNetV2 against the published one, and Keras's."""

import dataclasses

import keras
import pytest

from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import mobilenet_v2
from elite_tf.networks.pool import make_pool
from elite_tf.networks.to_keras import build


def _candidate(**changes):
  return dataclasses.replace(make_pool("mobilenet_v2")[0], **changes)


# Width, pixels: millions of multiply-accumulates and of parameters, as the
# table of tf.keras.applications.mobilenet_v2 has them.
PUBLISHED = {
    (1.4, 224): (582, 6.06), (1.3, 224): (509, 5.34), (1.0, 224): (300, 3.47),
    (1.0, 192): (221, 3.47), (1.0, 160): (154, 3.47), (1.0, 128): (99, 3.47),
    (1.0, 96): (56, 3.47), (0.75, 224): (209, 2.61), (0.5, 224): (97, 1.95),
    (0.35, 224): (59, 1.66),
}  # fmt: skip


@pytest.mark.parametrize(("width", "pixels"), PUBLISHED)
def test_costs_are_the_published(width, pixels):
  """Multiply-accumulates to 1 %; parameters without moving statistics."""
  layers = mobilenet_v2.layers(_candidate(width=width, resolution=pixels))
  cost = network_cost(layers)
  macs, params = PUBLISHED[width, pixels]
  assert cost.macs / 1e6 == pytest.approx(macs, rel=0.01)
  moving = sum(2 * x.shape[-1] for x in layers if x.op == "batch_norm")
  assert (cost.params - moving) / 1e6 == pytest.approx(params, abs=0.05)


# What keras.applications.MobileNetV2(alpha=width) counts.
@pytest.mark.parametrize(
    ("width", "params"),
    [(0.35, 1_691_208), (0.5, 1_987_224), (0.75, 2_663_064),
     (1.0, 3_538_984), (1.3, 5_431_048), (1.4, 6_156_712)],
)  # fmt: skip
def test_parameters_are_keras_s(width, params):
  layers = mobilenet_v2.layers(_candidate(width=width))
  assert network_cost(layers).params == params


def test_weights_are_keras_s():
  """Shape by shape, in their order."""
  reference = keras.applications.MobileNetV2(
    input_shape=(96, 96, 3), alpha=0.35, weights=None, classes=7
  )
  model = build(_candidate(width=0.35, resolution=96, classes=7))
  shapes = [
    [tuple(w.shape) for w in network.weights] for network in (reference, model)
  ]
  assert shapes[0] == shapes[1]
  assert model.count_params() == reference.count_params()


def test_network_by_hand_at_one_pixel_a_stage():
  """Stem, first block and classifier at 32 pixels, width and depth 1."""
  layers = {
    x.name: x for x in mobilenet_v2.layers(_candidate(resolution=32, classes=2))
  }
  assert layers["stem_conv"].shape == (16, 16, 32)
  assert "block2a_expand_conv" not in layers
  assert layers["block2a_project_conv"].shape == (16, 16, 16)
  assert layers["block3a_expand_conv"].shape == (16, 16, 96)
  assert layers["block3a_dwconv"].shape == (8, 8, 96)
  assert layers["block8a_project_conv"].shape == (1, 1, 320)
  # The bottleneck is linear, and is added as it is.
  assert layers["block3b_add"].inputs[1] == "block3a_project_bn"
  assert layers["head_conv"].shape == (1, 1, 1280)
  repeats = [
    sum(f"block{number}{letter}_dwconv" in layers for letter in "abcd")
    for number in range(2, 9)
  ]
  assert repeats == [1, 2, 3, 4, 3, 3, 1]
  assert {x.kernel for x in layers.values() if x.op == "depthwise"} == {3}


def test_head_is_not_scaled_down():
  for candidate in make_pool("mobilenet_v2"):
    layers = {x.name: x for x in mobilenet_v2.layers(candidate)}
    assert layers["head_conv"].shape[-1] == 1280
