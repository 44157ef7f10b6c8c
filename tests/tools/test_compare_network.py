"""ResNet-8 as it is published, and which network stands beside it."""

import json

import compare_network
import numpy as np
import pytest
import resnet8
from compare_network import Priced

from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.networks.cost import network_cost
from elite_tf.networks.pool import make_pool
from elite_tf.runs.settings import Settings


def _resnet8(classes=10, channels=3, size=32):
  (candidate,) = make_pool(resnet8.NAME, classes, channels, size, 1)
  return candidate


def test_cost_of_resnet8_is_the_published_one():
  """78,666 parameters, 12.5 M multiply-accumulates."""
  cost = network_cost(resnet8.layers(_resnet8()))
  assert cost.params == 78_666
  # By hand, map by map: stem, two convolutions of 16 channels, two of 32 and
  # the one beside them, the same of 64, dense.
  assert cost.macs == (
    32 * 32 * 9 * 3 * 16
    + 32 * 32 * 9 * 16 * 16 * 2
    + 16 * 16 * (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32)
    + 8 * 8 * (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64)
    + 64 * 10
  )
  assert round(cost.macs / 1e6, 1) == 12.5


def test_keras_counts_the_published_parameters():
  from elite_tf.networks import to_keras as models

  network = models.build(_resnet8())
  assert network.count_params() == 78_666
  assert network.output_shape == (None, 10)
  # What is added is what came in, or a convolution of it without batch norm.
  for stack, beside in ((1, "stem_relu"), (2, "stack2_beside_conv")):
    _, added = network.get_layer(f"stack{stack}_add").input
    assert added is network.get_layer(beside).output


def _priced(name, macs, size):
  (candidate,) = [c for c in make_pool("lite", 10, 3, 32) if c.name == name]
  return Priced(candidate, 0, macs, size, 4)


def test_most_multiply_accumulates_below_the_limit():
  found = [
    _priced("lite-w1-d1-r32", 9, 100),
    _priced("lite-w2-d1-r32", 5, 99),
    _priced("lite-w3-d1-r32", 5, 98),
    _priced("lite-w4-d1-r32", 3, 10),
  ]
  assert compare_network.largest_below(found, 100) is found[1]
  assert compare_network.largest_below(found, 99) is found[2]
  assert compare_network.largest_below(found, 11) is found[3]
  assert compare_network.largest_below(found, 100, macs=4) is found[3]
  with pytest.raises(ConfigError, match="above 10 bytes.*Received: 10$"):
    compare_network.largest_below(found, 10)


def test_settings_hold_the_chosen_candidate_alone(tmp_path):
  description = Description("d", 10, 3, 32, 32, ("x",) * 10, 100)
  found = list(compare_network.priced_candidates(description, 32, 100_000))
  chosen = compare_network.largest_below(found, 100_000, 12_501_632)
  assert chosen.candidate.name == "edge-w8-d4-r32"
  assert chosen.tflite_bytes < 100_000
  assert chosen.candidate.resolution == 32
  file = tmp_path / "small.npz"
  images = np.zeros((40, 32, 32, 3), np.uint8)
  labels = np.arange(40, dtype=np.int64) % 10
  np.savez(
      file, x_train=images, y_train=labels, x_test=images, y_test=labels
  )  # fmt: skip
  base = Settings(
      data=f"npz:{file}", base_resolution=32, round_epochs=1, epochs=1,
      recipe="paper",
  )  # fmt: skip
  for one in (chosen, compare_network.largest_below(found, 100_000)):
    settings = compare_network.settings_of(one, base, 100_000)
    task = compare_network.Task(settings, str(tmp_path), 1)
    assert list(task.candidates().values()) == [one.candidate]


@pytest.mark.filterwarnings("ignore")  # The converter's.
def test_measured_on_the_scanned_digits(tmp_path, monkeypatch):
  """ResNet-8 alone, one epoch, in this process; every byte is verified."""
  subset = tmp_path / "subset.npz"
  compare_network.write_subset("digits", 200, 60, subset)
  settings = Settings(
      data=f"npz:{subset}", pool=resnet8.NAME, levels=1, base_resolution=8,
      round_epochs=1, epochs=1, augment="none", calibration_images=8,
  )  # fmt: skip
  task = compare_network.Task(settings, str(tmp_path / "resnet8"), 1)
  (name,) = task.candidates()
  path = task.write()
  monkeypatch.setattr(compare_network.trainings.processes, "die_with", int)
  # Another test of this process may have loaded TensorFlow.
  monkeypatch.setattr(
    "elite_tf.system.backend.load_keras", lambda threads=0: None
  )
  compare_network.trainings.main([str(path), "1", "0", name, "1"])
  row = compare_network.measure(task, verified=20)
  json.dumps(row)
  assert row["verified_equal"] and row["verified_images"] == 20
  assert row["epochs"] == 1 and row["test_images"] == 60
  # One input channel: 3x3x2x16 weights fewer than in colour.
  assert row["params"] == 78_666 - 288
  assert 78_000 < row["tflite_bytes"] < 110_000
  assert row["arena_bytes"] > 8 * 8 * 16
