"""What holds for every family of the registry, and what each has of its own."""

import dataclasses
import math
import re

import pytest

from elite_tf.errors import ConfigError
from elite_tf.networks.families import FAMILIES, efficientnet, get_family, hf
from elite_tf.networks.layers import kind_of
from elite_tf.networks.pool import make_pool
from elite_tf.networks.scaling import coefficients

FAMILY_NAMES = sorted(FAMILIES)

GATED = ["elite", "hf"]


def _layers(candidate):
  layers = get_family(candidate.family).layers(candidate)
  return {layer.name: layer for layer in layers}


def _first(family, **changes):
  return dataclasses.replace(make_pool(family)[0], **changes)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_family_has_its_parts(name):
  family = get_family(name)
  assert family.name == name and family.layers.__doc__
  assert family.activation in efficientnet.ACTIVATIONS
  sizes = family.resolutions(family.base_resolution, coefficients(4))
  assert sizes[0] == family.base_resolution
  assert sizes == sorted(set(sizes), reverse=True)
  assert all(type(size) is int for size in sizes)


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("side", [1, 8, 28, 32, 33, 64, 100, 224, 225, 10**4])
def test_default_resolution_suits_the_data_and_the_family(name, side):
  family = get_family(name)
  size = family.default_resolution(side)
  assert 16 <= size <= family.base_resolution
  assert side <= size < 2 * max(side, 16) or size == family.base_resolution
  assert len(make_pool(name, base_resolution=size)) % 16 == 0


@pytest.mark.parametrize(
    ("name", "side", "size"),
    [
        ("elite", 8, 16), ("elite", 28, 32), ("elite", 33, 48),
        ("elite", 48, 48), ("elite", 49, 64), ("elite", 65, 96),
        ("elite", 96, 96), ("elite", 97, 128), ("elite", 224, 224),
        ("elite", 500, 224), ("lite", 33, 48), ("lite", 500, 224), ("hf", 8, 16), ("hf", 28, 32), ("hf", 33, 64),
        ("hf", 96, 128), ("hf", 128, 128), ("hf", 129, 256), ("hf", 500, 256),
    ],
)  # fmt: skip
def test_default_resolution_by_hand(name, side, size):
  assert get_family(name).default_resolution(side) == size


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_network_is_well_formed(name):
  """Names are unique, inputs come before, and shapes fit one another."""
  for candidate in make_pool(name, classes=7, channels=1):
    layers = get_family(name).layers(candidate)
    size = candidate.resolution
    assert layers[0].op == "input" and layers[0].shape == (size, size, 1)
    assert layers[-1].name == "probabilities" and layers[-1].shape == (7,)
    seen = {}
    for layer in layers:
      assert layer.name not in seen and kind_of(layer)
      given = [seen[name].shape for name in layer.inputs]
      if layer.op in ("conv", "depthwise"):
        (height, width, channels), stride = given[0], layer.stride
        assert layer.shape[:2] == (-(-height // stride), -(-width // stride))
        assert layer.op == "conv" or layer.shape[2] == channels
      elif layer.op == "add":
        assert given == [layer.shape, layer.shape]
      elif layer.op == "multiply":
        assert given == [layer.shape, (1, 1, layer.shape[2])]
      elif layer.op == "mean":
        assert math.prod(layer.shape) == given[0][2]
      elif layer.op not in ("input", "dense"):
        assert given == [layer.shape]
      seen[layer.name] = layer
    used = {name for layer in layers for name in layer.inputs}
    assert set(seen) - used == {"probabilities"}


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_channels_and_classes_change_nothing_but_the_ends(name):
  """What test_to_keras.py builds on: cost is a sum over layers, and only these
  layers depend on the number of channels and classes."""
  rgb, grey = _layers(_first(name)), _layers(_first(name, channels=1))
  changed = {n for n in rgb if rgb[n] != grey[n]}
  assert changed == {"image"}
  many, few = _layers(_first(name)), _layers(_first(name, classes=10))
  changed = {n for n in many if many[n] != few[n]}
  assert changed == {"logits", "probabilities"}


@pytest.mark.parametrize("name", GATED)
def test_squeeze_is_a_quarter_of_the_block_input(name):
  """With bias in both of its convolutions, and in no other one."""
  for candidate in make_pool(name)[::5]:
    layers = _layers(candidate)
    starts = {n: layer for n, layer in layers.items() if n.endswith("_dwconv")}
    for name_, layer in starts.items():
      prefix = name_.removesuffix("_dwconv")
      entry = layers.get(f"{prefix}_expand_conv", layer)
      channels_in = layers[entry.inputs[0]].shape[2]
      squeeze = layers[f"{prefix}_se_reduce"]
      assert squeeze.shape == (1, 1, max(1, channels_in // 4))
    biased = {n for n, layer in layers.items() if layer.bias}
    assert biased == {
      *(n for n in layers if n.endswith(("_se_reduce", "_se_expand"))),
      "logits",
    }


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_stochastic_depth_is_linear_and_only_beside_a_skip(name):
  for candidate in make_pool(name)[::5]:
    layers = _layers(candidate)
    # In order, each once: block2a, block3a, block3b and so on.
    blocks = list(
      dict.fromkeys(re.findall(r"(?m)^block\d[a-z]+", "\n".join(layers)))
    )
    rates = {
      n: layer.rate
      for n, layer in layers.items()
      if layer.op == "stochastic_depth"
    }
    for position, prefix in enumerate(blocks):
      # The first block of all is never dropped.
      dropped = f"{prefix}_add" in layers and position > 0
      assert (f"{prefix}_drop" in rates) == dropped
      if dropped:
        rate = 0.2 * position / len(blocks)
        assert rates[f"{prefix}_drop"] == pytest.approx(rate)
    assert layers["dropout"].rate == 0.2


def test_baseline_is_table_2():
  """Stage: kernel, channels, blocks, size of the map, by hand from Table 2."""
  layers = _layers(_first("elite"))
  table = {
    2: (3, 16, 1, 112),
    3: (3, 24, 2, 56),
    4: (5, 40, 2, 28),
    5: (3, 80, 3, 14),
    6: (5, 112, 3, 14),
    7: (5, 192, 4, 7),
    8: (3, 320, 1, 7),
  }
  assert (layers["stem_conv"].kernel, layers["stem_conv"].stride) == (3, 2)
  assert layers["stem_conv"].shape == (112, 112, 32)
  for number, (kernel, channels, blocks, size) in table.items():
    names = [f"block{number}{letter}" for letter in "abcd"[:blocks]]
    found = [n for n in layers if n.startswith(f"block{number}")]
    assert {n.split("_")[0] for n in found} == set(names)
    for name in names:
      assert layers[f"{name}_dwconv"].kernel == kernel
      assert layers[f"{name}_project_conv"].shape == (size, size, channels)
      # Identity skip where the stride is 1 and the channels agree.
      assert (f"{name}_add" in layers) == (name != names[0])
      ratio = 1 if number == 2 else 6
      before = (
        layers[f"{name}_expand_conv"].inputs[0] if ratio > 1 else "stem_bn"
      )
      expanded = layers[f"{name}_dwconv"].shape[2]
      assert expanded == ratio * layers[before].shape[2]
  assert "block2a_expand_conv" not in layers
  assert layers["head_conv"].shape == (7, 7, 1280)
  assert layers["logits"].shape == (1000,)


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [
        (32, 1.0, 32), (17, 1.0, 17),
        (32, 0.8666, 32),  # 27.7 -> 24 is below 90 %, so 32
        (16, 0.8666, 16),  # 13.9
        (1280, 0.8666, 1112),  # 1109.2
        (32, 0.701, 24),  # 22.4
        (80, 0.701, 56),  # 56.1
        (16, 0.514, 8),  # 8.2
        (24, 0.514, 16),  # 12.3, half way up
        (112, 0.514, 56),  # 57.6
        (16, 0.1, 8),  # never below 8
    ],
)  # fmt: skip
def test_rounding_to_8_by_hand(channels, width, expected):
  assert efficientnet.round_to_8(channels, width) == expected


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (1, 1), (2, 2), (4, 4), (5, 4), (7, 8), (40, 32), (80, 64),
        (112, 128), (320, 256), (1280, 1024), (144, 128), (240, 256),
        # Half way between two powers: down.
        (3, 2), (6, 4), (12, 8), (24, 16), (48, 32), (96, 64), (192, 128),
        (1536, 1024),
        # One beyond half way: up.
        (25, 32), (97, 128), (193, 256),
    ],
)  # fmt: skip
def test_compound_rounding_by_hand(channels, expected):
  assert hf.compound_round(channels) == expected


def test_hf_widths_and_maps_are_powers_of_two():
  for candidate in make_pool("hf"):
    for layer in _layers(candidate).values():
      if layer.op in ("conv", "depthwise", "add", "multiply"):
        for number in layer.shape:
          assert number & (number - 1) == 0, (candidate.name, layer)


def test_hf_expands_from_the_width_before_rounding():
  """By hand at w1: CR(6 * 24) = 128 over CR(24) = 16 is a ratio of 8, and
  CR(6 * 80) = 512 over CR(80) = 64 too; CR(6 * 40) = 256 over 32 likewise;
  CR(6 * 112) = 512 over CR(112) = 128 is one of 4."""
  layers = _layers(_first("hf"))
  for block, channels_in, expanded in (
      ("block3b", 16, 128), ("block4b", 32, 256), ("block5b", 64, 512),
      ("block6b", 128, 512), ("block7b", 128, 1024),
  ):  # fmt: skip
    expand = layers[f"{block}_expand_conv"]
    assert layers[expand.inputs[0]].shape[2] == channels_in
    assert expand.shape[2] == expanded


@pytest.mark.parametrize(
  "name", ["", "resnet", "ELITE", None, 3, ":f", "m:", "a:b:c", "m.:f", "m:1"]
)
def test_unknown_family_names_the_known(name):
  with pytest.raises(ConfigError) as caught:
    get_family(name)
  known = ", ".join(FAMILY_NAMES)
  assert str(caught.value) == (
    f"--pool must be one of {known}, or module:function of your own."
    f" Received: {name!r}"
  )
