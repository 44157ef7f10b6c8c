"""The activation of a candidate, in its name, its layers and its network."""

import dataclasses

import keras
import numpy as np
import pytest

from elite_tf.errors import ConfigError
from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import FAMILIES, get_family
from elite_tf.networks.families.efficientnet import ACTIVATIONS
from elite_tf.networks.pool import make_pool
from elite_tf.networks.to_keras import build

FAMILY_NAMES = sorted(FAMILIES)


def _functions(candidate):
  """Functions of a network's activations, by the name of the layer."""
  layers = get_family(candidate.family).layers(candidate)
  return {x.name: x.function for x in layers if x.op == "activation"}


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_default_is_the_familys(name):
  default = get_family(name).activation
  assert default in ACTIVATIONS
  swish = {"elite", "hf"}
  assert default == ("swish" if name in swish else "relu6")
  assert make_pool(name, activation=default) == make_pool(name)
  assert _functions(make_pool(name)[0])["stem_" + default] == default


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_is_everywhere_but_at_the_ends_of_branches(name, activation):
  candidate = make_pool(name, activation=activation)[-1]
  functions = _functions(candidate)
  gates = {n for n in functions if n.endswith("_gate")}
  assert bool(gates) == (name in ("elite", "hf"))
  assert {functions.pop(gate) for gate in gates} <= {"sigmoid"}
  assert functions.pop("probabilities") == "softmax"
  assert set(functions.values()) == {activation}
  assert all(n.endswith(activation) for n in functions)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_activation_is_in_the_name_where_it_is_not_the_default(name):
  family = get_family(name)
  plain = [c.name for c in make_pool(name)]
  for activation in ACTIVATIONS:
    names = [c.name for c in make_pool(name, activation=activation)]
    if activation == family.activation:
      assert names == plain
    else:
      assert names == [f"{n}-{activation}" for n in plain]


def test_names_by_hand():
  pool = make_pool("elite", base_resolution=96, activation="relu6")
  assert pool[-4].name == "elite-w4-d4-r96-relu6"
  assert make_pool("lite", base_resolution=96)[-4].name == "lite-w4-d4-r96"


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_activation_changes_no_cost(name):
  layers = get_family(name).layers
  costs = [
    [network_cost(layers(c)) for c in make_pool(name, activation=activation)]
    for activation in ACTIVATIONS
  ]
  assert costs[0] == costs[1] == costs[2]


@pytest.mark.parametrize("activation", ["gelu", "Swish", "sigmoid", 3])
def test_unknown_activation_is_refused(activation):
  with pytest.raises(ConfigError) as caught:
    make_pool("elite", activation=activation)
  assert str(caught.value) == (
    "activation must be one of swish, hard_swish, relu6."
    f" Received: {activation!r}"
  )


@pytest.mark.parametrize(
  ("activation", "values"),
  [
    # At -4, -1, 0, 1, 4, 8: x / (1 + exp(-x)); x * clip(x + 3, 0, 6) / 6;
    # clip(x, 0, 6).
    ("swish", [-0.071945, -0.268941, 0, 0.731059, 3.928055, 7.997317]),
    ("hard_swish", [0, -1 / 3, 0, 2 / 3, 4, 8]),
    ("relu6", [0, 0, 0, 1, 4, 6]),
  ],
)
def test_functions_by_hand(activation, values):
  candidate = dataclasses.replace(
    make_pool("elite", activation=activation)[-1], resolution=32, classes=2
  )
  layer = build(candidate).get_layer(f"head_{activation}")
  assert isinstance(layer, keras.layers.Activation)
  points = np.array([-4, -1, 0, 1, 4, 8], np.float32)
  assert np.asarray(layer(points)) == pytest.approx(values, abs=1e-5)
