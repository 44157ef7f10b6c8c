"""A kind of layer that the package does not have, added as a user would.

One `LayerKind`; and, since no other kind becomes MAXIMUM, one `OperatorKind`.
"""

import importlib.util
import math
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from elite_tf.hardware import latency, memory
from elite_tf.hardware.memory.operators import OPERATORS, OperatorKind
from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import FAMILIES
from elite_tf.networks.families.base import Family
from elite_tf.networks.families.efficientnet import Network
from elite_tf.networks.from_keras import read_layers
from elite_tf.networks.layers import LAYER_KINDS
from elite_tf.networks.layers.base import LayerKind, operator, passes
from elite_tf.networks.pool import make_pool
from elite_tf.networks.to_keras import build

TOOL = Path(__file__).parents[3] / "tools" / "check_memory.py"
_SPEC = importlib.util.spec_from_file_location("check_memory_new_kind", TOOL)
check_memory = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = check_memory  # Dataclasses look for their module.
_SPEC.loader.exec_module(check_memory)

MAXIMUM = LayerKind(
  "maximum",
  keras_class="Maximum",
  to_keras=lambda layer: keras.layers.Maximum(name=layer.name),
  lower=operator("MAXIMUM"),
  work=passes(elementwise=1),
)


def _layers(candidate):
  """Two branches, and of each element the larger one."""
  network = Network(candidate, candidate.activation or "relu6")
  stem = network.convolution("stem", "image", 8, 3, 2)
  left = network.convolution("left", stem, 16, 3, 1)
  right = network.depthwise("right", stem, 3, 1)
  right = network.convolution("project", right, 16, 1, 1)
  largest = network.add("largest", "maximum", left, right)
  head = network.convolution("head", largest, 24, 1, 2)
  network.classifier(head, candidate.classes)
  return network.layers


@pytest.fixture
def candidate(monkeypatch):
  monkeypatch.setitem(LAYER_KINDS, MAXIMUM.name, MAXIMUM)
  # Its kernel keeps nothing; of its options the file has an empty table.
  monkeypatch.setitem(
    OPERATORS, "MAXIMUM", OperatorKind(lambda machine: 0, options=4)
  )
  family = Family("pair", _layers, activation="relu6")
  monkeypatch.setitem(FAMILIES, family.name, family)
  return make_pool("pair", classes=10, base_resolution=32, stem_stride=2)[0]


def test_it_is_priced_and_built(candidate):
  """Weights by hand, times 16 x 16 places, but for the last: 8 x 8."""
  cost = network_cost(_layers(candidate))
  stem, left, right, project, head = 27 * 8, 72 * 16, 9 * 8, 8 * 16, 16 * 24
  assert cost.macs == 256 * (stem + left + right + project) + 64 * head + 240
  norms = 4 * (8 + 16 + 8 + 16 + 24)
  weights = stem + left + right + project + head + 240 + 10
  assert cost.params == weights + norms
  assert build(candidate).count_params() == cost.params


def test_it_computes_and_is_read_back(candidate):
  model = build(candidate)
  # Keras has the two branches in an order of its own.
  assert set(read_layers(model)) == set(_layers(candidate))
  names = ("left_relu6", "project_relu6", "largest")
  probe = keras.Model(
    model.inputs[0], [model.get_layer(name).output for name in names]
  )
  images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3))
  left, right, largest = map(np.asarray, probe(images.astype(np.float32)))
  assert np.array_equal(largest, np.maximum(left, right))
  assert np.asarray(model(images)).sum(-1) == pytest.approx(1)


def test_its_time_is_estimated(candidate):
  """A pass over 16 x 16 x 16 elements, and the mean's over 8 x 8 x 24."""
  work = latency.work(_layers(candidate))
  assert work.elementwise == 16**3 + 8 * 8 * 24
  assert math.isclose(work.logistic, 10)  # The softmax.


def test_its_memory_is_what_its_file_takes(candidate):
  """Converted, and run by TensorFlow Lite Micro: the arena to the byte."""
  file = check_memory.convert(check_memory.network(candidate))
  check = check_memory.measure(candidate, file)
  assert check.head[0] == check.head[1]
  assert check.arena[0] == check.arena[1]
  assert check.file[0] == pytest.approx(check.file[1], rel=0.01)
  assert memory.predict(_layers(candidate)).tflite_bytes == check.file[0]
