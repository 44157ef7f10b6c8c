"""The pool: which candidates there are, and what they are called."""

import pytest

from elite_tf.errors import ConfigError
from elite_tf.networks import pool
from elite_tf.networks.families import FAMILIES
from elite_tf.networks.scaling import MAX_LEVELS


def _complaint(function, *arguments, **named):
  with pytest.raises(ConfigError) as caught:
    function(*arguments, **named)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  return line


def test_elite_has_all_64_combinations():
  candidates = pool.make_pool("elite")
  levels = [(c.w, c.d, c.r) for c in candidates]
  numbers = (1, 2, 3, 4)
  assert levels == [
    (w, d, r) for w in numbers for d in numbers for r in numbers
  ]
  # Table 3.
  assert [c.width for c in candidates[::16]] == [1.0, 0.8666, 0.701, 0.514]
  assert [c.depth for c in candidates[:16:4]] == [1.0, 0.7, 0.6, 0.5]
  assert [c.resolution for c in candidates[:4]] == [224, 203, 172, 132]
  assert {(c.channels, c.classes) for c in candidates} == {(3, 1000)}


def test_hf_has_32_combinations_at_two_sizes():
  candidates = pool.make_pool("hf", classes=10, channels=1)
  assert len(candidates) == 32
  assert {(c.r, c.resolution) for c in candidates} == {(1, 256), (2, 128)}
  assert len({(c.w, c.d) for c in candidates}) == 16
  assert {(c.channels, c.classes) for c in candidates} == {(1, 10)}


def test_names_are_made_from_the_specification():
  names = [c.name for c in pool.make_pool("elite", base_resolution=32)]
  assert names[0] == "elite-w1-d1-r32"
  assert names[-1] == "elite-w4-d4-r19"


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(
  ("base", "asked", "stride"),
  [(16, 0, 1), (32, 0, 1), (64, 0, 2), (128, 0, 2), (32, 2, 2), (64, 1, 1)],
)
def test_small_inputs_keep_every_pixel_in_the_stem(family, base, asked, stride):
  """One stride for the whole pool, by its base resolution unless asked for."""
  candidates = pool.make_pool(family, base_resolution=base, stem_stride=asked)
  assert {c.stem_stride for c in candidates} == {stride}


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("levels", [1, 2, 4, 6, MAX_LEVELS])
def test_names_are_unique(family, levels):
  names = [c.name for c in pool.make_pool(family, levels=levels)]
  assert len(set(names)) == len(names)
  assert all(name.startswith(f"{family}-w") for name in names)


def test_sizes_too_near_to_tell_apart_are_refused():
  """8 * 0.905 = 7.24 is 8 pixels again: two candidates of one name."""
  line = _complaint(pool.make_pool, "elite", base_resolution=8)
  assert line == (
    "--base_resolution=8 is too small for --levels=4: the sizes 8, 8, 7, 5"
    " are not all different"
  )
  assert len(pool.make_pool("elite", base_resolution=11)) == 64
  assert len(pool.make_pool("elite", base_resolution=8, levels=1)) == 1


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(
  ("wrong", "said"),
  [
    ({"classes": 1}, "classes"),
    ({"classes": 0}, "classes"),
    ({"classes": -3}, "classes"),
    ({"classes": 10.0}, "classes"),
    ({"classes": "10"}, "classes"),
    ({"classes": None}, "classes"),
    ({"classes": True}, "classes"),
    ({"channels": 2}, "channels"),
    ({"channels": 0}, "channels"),
    ({"channels": None}, "channels"),
    ({"channels": "3"}, "channels"),
    ({"channels": 1.0}, "channels"),
    ({"channels": True}, "channels"),
    ({"base_resolution": 0}, "--base_resolution"),
    ({"base_resolution": -224}, "--base_resolution"),
    ({"base_resolution": 7}, "--base_resolution"),
    ({"base_resolution": 224.0}, "--base_resolution"),
    ({"base_resolution": "224"}, "--base_resolution"),
    ({"levels": 0}, "--levels"),
  ],
)
def test_wrong_arguments(family, wrong, said):
  line = _complaint(pool.make_pool, family, **wrong)
  assert line.startswith(f"{said} must be ")
  assert line.endswith(f"Received: {next(iter(wrong.values()))!r}")


@pytest.mark.parametrize("name", ["", "b0", "Elite", "elite\nhf"])
def test_unknown_family_names_the_known(name):
  line = _complaint(pool.make_pool, name)
  known = ", ".join(sorted(FAMILIES))
  assert line == (
    f"--pool must be one of {known}, or module:function of your own."
    f" Received: {name!r}"
  )


@pytest.mark.parametrize("base", [9, 100, 255, 192])
def test_hf_needs_a_power_of_two(base):
  line = _complaint(pool.make_pool, "hf", base_resolution=base)
  assert line.startswith("--base_resolution of the family hf must be a power")
  assert line.endswith(f"Received: {base}")


@pytest.mark.parametrize(
  ("patterns", "count"),
  [
    ("", 64),
    (" , ", 64),
    ("*", 64),
    ("elite-w4-*", 16),
    ("*-w4-d[34]-*", 8),
    ("*-r132,*-r224", 32),
    (" *-w1-d1-* , *-w1-d1-r224 ", 4),
    ("elite-w1-d1-r224", 1),
  ],
)
def test_include(patterns, count):
  candidates = pool.make_pool("elite")
  found = pool.include(candidates, patterns)
  assert len(found) == count
  # In the order of the pool, each once.
  assert found == [c for c in candidates if c in found]


@pytest.mark.parametrize("patterns", ["*-w5-*", "*-w1-*,nothing", "ELITE-*"])
def test_include_pattern_that_fits_nothing(patterns):
  line = _complaint(pool.include, pool.make_pool("elite"), patterns)
  assert line.startswith("--include: no candidate fits ")
  assert line.endswith(f"Received: {patterns.split(',')[-1]!r}")
