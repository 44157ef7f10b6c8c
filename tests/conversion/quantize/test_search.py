"""Ranges, equalization, bias correction and noise, against hand computation."""

import keras
import numpy as np
import pytest

from elite_tf.conversion.interpreters.observe import observe
from elite_tf.conversion.quantize import (
  auto,
  calibration,
  integers,
  report,
  sqnr,
  types,
)
from elite_tf.conversion.quantize.bias import correct_bias
from elite_tf.conversion.quantize.equalize import (
  equalize,
  factors,
  linear_groups,
)
from elite_tf.conversion.tflite import convert
from elite_tf.conversion.tflite.flatbuffer import activations, pack, unpack
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.data import preprocess
from elite_tf.errors import ConfigError
from elite_tf.networks import to_keras as model
from elite_tf.networks.from_keras import read_layers
from elite_tf.networks.pool import make_pool


def _images(count=40):
  random = np.random.default_rng(0)
  return random.uniform(-1, 1, (count, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def network(trained):
  return convert.float32(trained)


@pytest.fixture(scope="module")
def tails(network):
  return calibration.measure(network, _images())


def test_ranges_are_those_of_keras(trained, network, tails):
  """Of a sum computed in place, too."""
  graph = unpack(network).subgraphs[0]
  for name in ("block2a_project_bn", "block2b_project_bn", "block2b_add"):
    probe = keras.Model(trained.inputs[0], trained.get_layer(name).output)
    values = probe.predict(_images(), verbose=0)
    (index,) = (
      index
      for operator in graph.operators
      for index in operator.outputs
      if sqnr.layer_name(graph.tensors[index].name.decode()) == name
    )
    expected = values.min(), values.max()
    assert tails[index].between() == pytest.approx(expected, rel=1e-4)


def test_percentiles_are_numpys():
  random = np.random.default_rng(1)
  values = random.normal(size=(50, 400)).astype(np.float32)
  found = calibration._NOTHING
  for row in values:
    keep = 20  # 0.1 % of 20,000.
    found = calibration.Tails(
      -calibration._highest(-row, -found.low, keep),
      calibration._highest(row, found.high, keep),
      found.count + row.size,
      np.append(found.lows, row.min()),
      np.append(found.highs, row.max()),
    )
  ordered = np.sort(values.ravel())
  assert np.array_equal(np.sort(found.high), ordered[-20:])
  assert np.array_equal(np.sort(found.low), ordered[:20])


@pytest.mark.parametrize(
    "arguments, expected",
    [((), (-9, 9)), ((99.0,), (-8, 8)), ((98.0,), (-7, 7)),
     ((50.0,), (-7, 7)), ((100.0, 75.0), (-5, 6)), ((99.0, 75.0), (-5, 6))],
)  # fmt: skip
def test_a_range_by_hand(arguments, expected):
  tails = calibration.Tails(
      np.array([-9, -8, -7]), np.array([7, 8, 9]), 100,
      np.array([-9, -5, -4, -1]), np.array([1, 2, 6, 9]),
  )  # fmt: skip
  assert tails.between(*arguments) == expected


def test_an_input_holds_no_more_than_a_pixel(network):
  images = _images()
  images[3] = 50
  found = calibration.clip(network, calibration.measure(network, images))
  (source,) = unpack(network).subgraphs[0].inputs
  assert found[source][1] == 127 / 128
  assert max(high for _, high in found.values()) > 1


def test_a_tensor_without_a_range_is_named(network, tails):
  found = dict(calibration.clip(network, tails))
  del found[activations(unpack(network))[3]]
  with pytest.raises(ConfigError, match="no range"):
    integers.int8(network, found)


def test_linear_groups_of_a_family():
  rows = read_layers(model.build(make_pool("elite", 10, 1, 32)[-1]))
  groups = linear_groups(rows)
  by_maker = {maker: group for group in groups for maker in group.makers}
  # Two blocks of a stage with a skip: the channels of both are one another's.
  assert by_maker["block5a_project_bn"] is by_maker["block5b_project_bn"]
  assert by_maker["block5a_project_bn"].readers == (
      "block5b_expand_conv", "block6a_expand_conv",
  )  # fmt: skip
  assert by_maker["block2a_project_bn"].readers == ("block3a_expand_conv",)
  # After swish nothing is linear, and the logits are the answer.
  assert not {"stem_bn", "block3a_expand_bn", "logits"} & by_maker.keys()


def test_factors_by_hand():
  # 4 / 1 and 1 / 4: square roots 2 and 1/2, whose geometric mean is 1.
  found = factors(np.array([4.0, 1.0]), np.array([1.0, 4.0]))
  np.testing.assert_allclose(found, [2, 0.5])
  # A channel of nothing is left alone.
  np.testing.assert_allclose(factors(np.array([0, 3.0]), np.ones(2)), [1, 1])
  np.testing.assert_allclose(factors(np.zeros(2), np.ones(2)), [1, 1])


def test_equalized_channels_compute_the_same(trained):
  images = _images()
  equal = equalize(trained, images)
  np.testing.assert_allclose(
    equal.predict(images, verbose=0),
    trained.predict(images, verbose=0),
    atol=1e-5,
  )
  changed = [
    layer.name
    for layer, other in zip(trained.layers, equal.layers)
    for a, b in zip(layer.get_weights(), other.get_weights())
    if not np.array_equal(a, b)
  ]
  assert set(changed) == {
      "block2a_project_bn", "block2b_project_bn", "block2b_expand_conv",
      "head_conv",
  }  # fmt: skip


def test_a_shifted_bias_is_put_back(trained, network, tails):
  """A bias changed by hand: the mean of its channel says by how much."""
  images = _images()
  converted = integers.int8(network, calibration.clip(network, tails))
  root = unpack(converted)
  graph = root.subgraphs[0]
  bias = graph.tensors[graph.operators[0].inputs[2]]
  buffer = root.buffers[bias.buffer]
  numbers = np.frombuffer(bytes(buffer.data), np.int32).copy()
  shift = round(0.5 / bias.quantization.scale[1])
  numbers[1] += shift
  buffer.data = np.frombuffer(numbers.tobytes(), np.uint8)
  corrected = unpack(correct_bias(pack(root), network, images))
  graph = corrected.subgraphs[0]
  bias = graph.tensors[graph.operators[0].inputs[2]]
  after = np.frombuffer(bytes(corrected.buffers[bias.buffer].data), np.int32)
  moved = (after - numbers) * bias.quantization.scale
  assert moved[1] == pytest.approx(-0.5, abs=0.02)
  assert np.abs(np.delete(moved, 1)).max() < 0.02
  assert _unread(corrected) == _unread(root), "old biases stay in the file"


def _unread(root):
  """Returns how many buffers no tensor has: the empty one and metadata."""
  read = {tensor.buffer for tensor in root.subgraphs[0].tensors}
  return len(root.buffers) - len(read)


def test_noise_by_hand(network, tails):
  images = _images(8)
  converted = integers.int8(network, calibration.clip(network, tails))
  rows = sqnr.layer_noise(converted, network, images)
  (stem,) = (row for row in rows if row["layer"] == "stem_bn")
  tensor = inspect(converted).input
  inputs = preprocess.quantize_input(images, tensor.scale, tensor.zero_point)
  target = unpack(network).subgraphs[0].operators[0].outputs[0]
  here = unpack(converted).subgraphs[0]
  index = here.operators[0].outputs[0]
  found = here.tensors[index].quantization
  exact = np.concatenate([v[target] for v in observe(network, images)])
  codes = np.concatenate([v[index] for v in observe(converted, inputs)])
  real = (codes.astype(float) - found.zeroPoint[0]) * found.scale[0]
  expected = 10 * np.log10((exact**2).sum() / ((real - exact) ** 2).sum())
  assert stem["sqnr_db"] == pytest.approx(expected, abs=0.01)


def test_auto_goes_on_where_a_method_cannot(monkeypatch):
  def cannot(network, given):
    raise ConfigError("no 16 bits for HARD_SWISH")

  def poor(network, given):
    return types.Quantized(b"poor", 0.9, _trial("int8", 0.5))

  given = types.Material(None, None, None)
  monkeypatch.setattr(auto, "LADDER", (("int8", poor), ("int16x8", cannot)))
  found = auto.auto(None, given)
  assert found.model == b"poor"
  assert found.skipped == {"int16x8": "no 16 bits for HARD_SWISH"}
  assert "int16x8: no 16 bits" in report.summary(found.report())
  monkeypatch.setattr(auto, "LADDER", (("int8", cannot), ("int16x8", poor)))
  with pytest.raises(ConfigError, match="HARD_SWISH"):
    auto.auto(None, given)


def _trial(method, accuracy):
  return types.Trial(method, "int8", accuracy, 1000, 2000, 1.5, {})


@pytest.mark.parametrize(
    "accuracies, tried, taken",
    [((0.90,), 1, 0), ((0.80, 0.895), 2, 1), ((0.8, 0.85, 0.9), 3, 2),
     ((0.8, 0.85, 0.82), 3, 1)],
)  # fmt: skip
def test_auto_takes_the_first_that_keeps_the_accuracy(
  monkeypatch, accuracies, tried, taken
):
  names = ("int8", "qat", "int16x8")

  def method(name, value):
    return lambda model, given: types.Quantized(
      name.encode(), 0.9, _trial(name, value), noise=({"of": name},)
    )

  ladder = tuple((n, method(n, a)) for n, a in zip(names, accuracies))
  monkeypatch.setattr(auto, "LADDER", ladder)
  given = types.Material(None, None, None, types.Options(max_drop=1.0))
  found = auto.auto(None, given)
  assert [trial.method for trial in found.tried] == list(names[:tried])
  assert found.taken.method == names[taken]
  assert found.model == names[taken].encode()
  assert found.noise == ({"of": "int8"},)
  text = report.summary(
      {**found.report(), "noise": [{"layer": "stem", "operator": "MUL",
                                    "sqnr_db": 3.25}]}
  )  # fmt: skip
  lines = text.splitlines()
  assert len(lines) == 1 + tried + 3
  assert "stem" in lines[-1] and "3.2 dB" in lines[-1]
