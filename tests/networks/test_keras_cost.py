"""The counter of Keras models: published figures, our plans, sums by hand."""

import keras
import pytest
from keras import layers

from elite_tf.errors import ConfigError
from elite_tf.networks import to_keras
from elite_tf.networks.cost import network_cost, network_size
from elite_tf.networks.families import FAMILIES
from elite_tf.networks.keras_cost import FREE, RULES, count
from elite_tf.networks.pool import make_pool
from elite_tf.types import Cost

# Parameters as Keras counts them, and millions of multiply-accumulates as they
# were published, of convolutions and dense layers at 224 pixels:
# MobileNetV2: Sandler et al. 2018, Table 4; V3-Small: Howard et al. 2019, Table
# 3; V3-Large: the table of tf.keras.applications.mobilenet_v3; ResNet50: Hu et
# al., "Squeeze-and-Excitation Networks", Table 2 (its strides are in the 1x1
# convolutions, as Keras's are; with them in the 3x3 it would be 4.1 G).
PUBLISHED = {
  "MobileNetV2": (3_538_984, 300),
  "MobileNetV3Small": (2_554_968, 56),
  "MobileNetV3Large": (5_507_432, 217),
  "ResNet50": (25_636_712, 3860),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name):
  """Parameters exactly, multiply-accumulates to 1 %."""
  build = getattr(keras.applications, name)
  cost, _ = count(build(input_shape=(224, 224, 3), weights=None))
  params, millions = PUBLISHED[name]
  assert cost.params == params
  assert cost.macs / 1e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_planned_networks(family):
  """The plan's figures, and its size in training, of networks as built."""
  candidate = make_pool(family, 10, 1, 32, levels=6)[-2]
  planned = FAMILIES[family].layers(candidate)
  cost, size = count(to_keras.build(candidate))
  assert cost == network_cost(planned)
  assert size == network_size(planned)


# Layer, shape of its input, and products by hand: kernel by places of the
# output (of a transposed one: of the input).
BY_HAND = {
    "Conv1D": (layers.Conv1D(6, 3, padding="same"), (10, 4), 3 * 4 * 6 * 10),
    "Conv2D": (
        layers.Conv2D(6, 3, strides=2, padding="same"), (9, 7, 4),
        3 * 3 * 4 * 6 * 5 * 4,
    ),
    "groups": (
        layers.Conv2D(6, 3, groups=2, padding="same"), (8, 8, 4),
        3 * 3 * 2 * 6 * 64,
    ),
    "Conv3D": (layers.Conv3D(2, 2), (3, 3, 3, 5), 8 * 5 * 2 * 8),
    "Conv1DTranspose": (
        layers.Conv1DTranspose(6, 3, strides=2), (10, 4), 3 * 4 * 6 * 10
    ),
    "Conv2DTranspose": (
        layers.Conv2DTranspose(6, 3, strides=2), (5, 4, 4), 9 * 4 * 6 * 20
    ),
    "Conv3DTranspose": (
        layers.Conv3DTranspose(2, 2), (3, 3, 3, 5), 8 * 5 * 2 * 27
    ),
    "DepthwiseConv1D": (layers.DepthwiseConv1D(3), (10, 4), 3 * 4 * 8),
    "DepthwiseConv2D": (
        layers.DepthwiseConv2D(3, depth_multiplier=2), (8, 8, 4),
        3 * 3 * 4 * 2 * 36,
    ),
    "SeparableConv1D": (
        layers.SeparableConv1D(6, 3), (10, 4), (3 * 4 + 4 * 6) * 8
    ),
    "SeparableConv2D": (
        layers.SeparableConv2D(6, 3, strides=2, padding="same"), (8, 8, 4),
        (9 * 4 + 4 * 6) * 16,
    ),
    "Dense": (layers.Dense(6), (7, 4), 7 * 4 * 6),
    "EinsumDense": (
        layers.EinsumDense("abc,cde->abde", (None, 2, 3)), (7, 4),
        7 * 4 * 2 * 3,
    ),
    "PReLU": (layers.PReLU(), (8, 8, 4), 0),
    "LayerNormalization": (layers.LayerNormalization((1, 2)), (8, 8, 4), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_layers_by_hand(name):
  layer, shape, macs = BY_HAND[name]
  image = keras.Input(shape)
  network = keras.Model(image, layer(image))
  cost, size = count(network)
  assert cost == Cost(network.count_params(), macs)
  assert size.layers == 2


def test_every_rule_is_tested():
  tested = {*BY_HAND, "MultiHeadAttention"}
  assert {kind.__name__ for kind in RULES} <= tested
  assert all(issubclass(kind, layers.Layer) for kind in FREE)


def test_attention_by_hand():
  """12 queries of 8 numbers, 5 keys, 2 heads of 3 and values of 4."""
  image = keras.Input((17, 8))
  query, value = image[:, :12], layers.Dense(7)(image[:, 12:])
  attend = layers.MultiHeadAttention(2, 3, value_dim=4)
  cost, _ = count(keras.Model(image, attend(query, value)))
  projections = 12 * 8 * 6 + 5 * 7 * 6 + 5 * 7 * 8 + 12 * 8 * 8
  assert cost.macs == 5 * 8 * 7 + projections + 12 * 5 * 2 * (3 + 4)


class Branch(layers.Layer):
  """Calls a dense layer of its own twice."""

  def __init__(self):
    super().__init__()
    self.dense = layers.Dense(4)

  def call(self, inputs):
    """Returns (batch, 4)."""
    return self.dense(self.dense(inputs))


def test_what_is_called_twice_is_counted_twice():
  """A layer, a nested model and a layer inside another; weights count once."""
  inner_image = keras.Input((4,))
  nested = keras.Model(inner_image, layers.Dense(4)(inner_image))
  shared = layers.Dense(4)
  image = keras.Input((4,))
  x = shared(shared(image))
  x = nested(nested(nested(x)))
  cost, size = count(keras.Model(image, Branch()(x)))
  assert cost == Cost(params=3 * 20, macs=(2 + 3 + 2) * 16)
  # The seven dense layers and the input; nested models hold inputs besides.
  assert size.layers >= 8


class Matrix(layers.Layer):
  """Multiplies by a matrix of its own."""

  def build(self, shape):
    """Makes it."""
    self.matrix = self.add_weight(shape=(shape[-1], 3), name="matrix")

  def call(self, inputs):
    """Returns (batch, 3)."""
    return inputs @ self.matrix


@pytest.mark.parametrize(
  ("layer", "shape"), [(Matrix(name="mine"), (4,)), (layers.LSTM(3), (5, 4))]
)
def test_an_unknown_matrix_is_named(layer, shape):
  image = keras.Input(shape)
  network = keras.Model(image, layer(image))
  with pytest.raises(ConfigError) as caught:
    count(network)
  line = str(caught.value)
  assert "\n" not in line and "MultiHeadAttention" in line
  assert line.endswith(f"Received: {'Matrix' if shape == (4,) else 'LSTMCell'}")


def test_counting_leaves_the_model_as_it_was():
  image = keras.Input((4,))
  network = keras.Model(image, layers.Dense(3)(image))
  count(network)
  assert all("call" not in vars(layer) for layer in network.layers)
