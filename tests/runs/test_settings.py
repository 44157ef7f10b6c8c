"""Settings: what was given, over the preset, over the defaults; all checked."""

import dataclasses
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from elite_tf.conversion.quantize import METHODS
from elite_tf.data import augment
from elite_tf.data.sources import SOURCES
from elite_tf.engine.runners import RUNNERS
from elite_tf.errors import ConfigError
from elite_tf.networks.families import FAMILIES
from elite_tf.networks.families.efficientnet import ACTIVATIONS
from elite_tf.runs.setting_field import facts_of, flag_help
from elite_tf.runs.settings import (
  CONVERSION,
  FIELDS,
  FREE,
  PRESETS,
  Settings,
  check_rounds,
  resolve,
)
from elite_tf.tournament.criteria import CRITERIA
from elite_tf.training.recipe import CLASS_WEIGHTS


def _complaint(given, preset=""):
  with pytest.raises(ConfigError) as caught:
    resolve(given, preset)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  return line


def test_defaults_are_the_papers():
  found = resolve({})
  assert found == Settings()
  # Sections 3 and 5.1: 64 candidates by 4 levels, groups of 8, rounds of 10
  # epochs, 350 in all, the average criterion, batch 100.
  assert (found.levels, found.group_size, found.round_epochs) == (4, 8, 10)
  assert (found.epochs, found.criterion) == (350, "average")
  # By default augmentation and batch depend on the data.
  paper = dataclasses.replace(found, augment="imagenet", batch_size=100)
  assert resolve({}, "paper") == paper


CHOICES = [
    ("activation", ("", "swish", "hard_swish", "relu6")),
    ("augment", ("", "none", "light", "cifar10", "svhn", "imagenet")),
    ("class_weights", ("none", "balanced")),
    ("quantize", ("int8", "qat", "int16x8", "auto", "none")),
    ("runner", ("local", "ray")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "known"), CHOICES)
def test_unknown_names_are_refused_and_the_known_are_named(name, known):
  for value in known:
    assert getattr(resolve({name: value}), name) == value
  line = _complaint({name: "mnist"})
  assert line == (
    f"--{name} must be one of {', '.join(filter(None, known))}."
    " Received: 'mnist'"
  )


def test_every_setting_with_choices_is_tested():
  found = {n for n, field in FIELDS.items() if facts_of(field).choices}
  assert found == {name for name, _ in CHOICES} | {"criterion"}


def test_given_over_preset_over_default():
  quick = resolve({}, "quick")
  assert dataclasses.asdict(quick) == {
    **dataclasses.asdict(Settings()),
    **PRESETS["quick"],
  }
  assert quick != Settings()
  mine = resolve({"epochs": 33, "seed": 7}, "quick")
  assert mine == dataclasses.replace(quick, epochs=33, seed=7)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_can_be_played(preset):
  found = resolve({}, preset)
  check_rounds(found, found.group_size)


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_every_criterion_can_be_chosen(criterion):
  assert resolve({"criterion": criterion}).criterion == criterion


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("levels", 1), ("base_resolution", 0), ("stem_stride", 0), ("group_size", 1),
        ("round_epochs", 1), ("epochs", 1), ("batch_size", 0),
        ("calibration_images", 1), ("qat_epochs", 1), ("workers", 0), ("epoch_timeout", 0), ("seed", 0),
    ],
)  # fmt: skip
def test_numbers_out_of_range(name, least):
  assert getattr(resolve({name: least}), name) == least
  for value in (least - 1, -1, -(10**9)):
    line = _complaint({name: value})
    assert line == f"--{name} must be at least {least}. Received: {value}"


def test_a_batch_of_one_is_refused():
  line = _complaint({"batch_size": 1})
  assert line == "--batch_size must be 0, or at least 2. Received: 1"


def test_every_number_has_a_range():
  numbers = {
    field.name
    for field in dataclasses.fields(Settings)
    if type(field.default) is int
  }
  tested = {row[0] for row in test_numbers_out_of_range.pytestmark[0].args[1]}
  assert tested == numbers


@pytest.mark.parametrize(
  ("name", "least"),
  [("cpus_per_candidate", 0.01), ("gpus_per_candidate", 0)],
)
def test_parts_of_processors(name, least):
  for value in (least, 0.25, 4, 1024):
    assert getattr(resolve({name: value}), name) == value
  line = _complaint({name: -0.5})
  assert line == f"--{name} must be at least {least}. Received: -0.5"
  for value in (1025, float("inf"), float("nan")):
    line = _complaint({name: value})
    assert line == f"--{name} must be at most 1024. Received: {value}"


@pytest.mark.parametrize("value", [-1, 100.5, float("inf"), float("nan")])
def test_a_drop_is_a_part_of_all_accuracy(value):
  assert resolve({"max_drop": 100}).max_drop == 100
  bound = "at least 0" if value < 0 else "at most 100"
  line = _complaint({"max_drop": value})
  assert line == f"--max_drop must be {bound}. Received: {value}"


def test_the_stem_skips_no_pixel_between_its_kernels():
  assert resolve({"stem_stride": 2}).stem_stride == 2
  line = _complaint({"stem_stride": 3})
  assert line == "--stem_stride must be at most 2. Received: 3"


def test_seed_is_one_that_all_generators_take():
  assert resolve({"seed": 2**32 - 1}).seed == 4294967295
  line = _complaint({"seed": 2**32})
  assert line == "--seed must be at most 4294967295. Received: 4294967296"


@pytest.mark.parametrize("field", dataclasses.fields(Settings),
                         ids=lambda field: field.name)  # fmt: skip
def test_wrong_types(field):
  wrong = [None, [], (), ["a", 3], b"a", {"a"}]
  wrong.append(3 if isinstance(field.default, str) else "3")
  if type(field.default) is not float:
    wrong.append(1.5)
  if type(field.default) is not bool:
    wrong.append(True)
  kind = type(field.default).__name__
  for value in wrong:
    line = _complaint({field.name: value})
    assert line == f"--{field.name} must be of type {kind}. Received: {value!r}"


# NumPy's numbers and texts, as a notebook has them, and paths and lists.
AS_WRITTEN = [
  ("epochs", np.int64(30), 30),
  ("epochs", np.uint8(30), 30),
  ("max_drop", 2, 2.0),
  ("max_drop", np.float32(0.5), 0.5),
  ("max_drop", np.float64(0.5), 0.5),
  ("max_drop", np.int32(2), 2.0),
  ("max_drop", Fraction(1, 4), 0.25),
  ("slices", np.True_, True),
  ("slices", np.False_, False),
  ("criterion", np.str_("best"), "best"),
  ("run_dir", Path("runs") / "one", str(Path("runs/one"))),
  ("cache_dir", Path("c"), "c"),
  ("board", Path("boards/mine.csv"), "boards/mine.csv"),
  ("include", ["*-w4-*", "*-w3-*"], "*-w4-*,*-w3-*"),
  ("include", ("*-w4-*",), "*-w4-*"),
]


@pytest.mark.parametrize(("name", "value", "plain"), AS_WRITTEN)
def test_python_as_people_write_it(name, value, plain):
  found = getattr(resolve({name: value}), name)
  assert (type(found), found) == (type(plain), plain)


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("epochs", np.float64(30)),
    ("epochs", np.True_),
    ("epochs", "30"),
    ("slices", np.int64(1)),
    ("slices", 0),
    ("max_drop", True),
    ("max_drop", np.True_),
    ("data", ["digits"]),
    ("pool", ["lite", "elite"]),
  ],
)
def test_other_types_are_not_converted(name, value):
  line = _complaint({name: value})
  assert line.startswith(f"--{name} must be of type ")
  assert line.endswith(f"Received: {value!r}")


def test_bounds_hold_for_numpy_s_numbers_too():
  line = _complaint({"epochs": np.int64(0)})
  assert line == "--epochs must be at least 1. Received: 0"


# What --preset, --pool and so on know, by the registries of their rooms.
NAMED = {
    "data": SOURCES, "pool": FAMILIES, "quantize": {"none", *METHODS},
    "runner": RUNNERS, "criterion": CRITERIA, "class_weights": CLASS_WEIGHTS,
    "activation": ACTIVATIONS, "augment": augment.NAMES,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_help_names_every_choice(name):
  words = set(re.findall(r"\w+", flag_help(FIELDS[name])))
  assert set(NAMED[name]) <= words


@pytest.mark.parametrize(
  "name", [n for n in NAMED if facts_of(FIELDS[n]).choices]
)
def test_choices_are_what_the_registry_has(name):
  assert set(facts_of(FIELDS[name]).choices) == set(NAMED[name])


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda f: f.name)
def test_help_is_whole_sentences_and_names_the_bounds(field):
  text = flag_help(field)
  assert text == " ".join(text.split())
  assert text[0].isupper() and text[-1] == "."
  facts = facts_of(field)
  if facts.at_least is not None:
    assert f" {facts.at_least} " in text
  if facts.at_most is not None:
    assert f" to {facts.at_most}." in text


def test_conversion_has_the_settings_that_decide_a_conversion():
  assert set(CONVERSION) >= {
      "cache_dir", "tfds_dir", "download", "quantize", "calibration_images",
      "calibration_balance", "max_drop", "qat_epochs", "seed",
  }  # fmt: skip
  # These flags of convert mean something else than those of the search.
  assert not {"data", "run_dir"} & set(CONVERSION)


@pytest.mark.parametrize("preset", ["fast", "Quick", "quick\nly", ["quick"]])
def test_unknown_preset_names_the_known(preset):
  line = _complaint({}, preset)
  assert line == (
    f"--preset must be one of {', '.join(sorted(PRESETS))}."
    f" Received: {preset!r}"
  )


@pytest.mark.parametrize("criterion", ["", "mean", "a\nb"])
def test_unknown_criterion_names_the_known(criterion):
  line = _complaint({"criterion": criterion})
  assert line.startswith(
    f"--criterion must be one of {', '.join(sorted(CRITERIA))}."
  )
  assert line.endswith(f"Received: {criterion!r}")


def test_unknown_setting_names_the_known():
  line = _complaint({"epoch": 3})
  assert line.startswith("a setting must be one of ")
  assert line.endswith("Received: 'epoch'")
  assert "epochs" in line and "batch_size" in line


@pytest.mark.parametrize(
  ("largest", "round_epochs", "least"),
  [(1, 10, 1), (2, 10, 10), (8, 10, 30), (9, 10, 40), (8, 1, 3)],
)
def test_rounds_must_fit_into_the_epochs(largest, round_epochs, least):
  """Groups of 8 take three rounds, of 9 four."""
  found = resolve({"round_epochs": round_epochs, "epochs": least})
  check_rounds(found, largest)
  if least == 1:
    return
  short = dataclasses.replace(found, epochs=least - 1)
  with pytest.raises(ConfigError) as caught:
    check_rounds(short, largest)
  line = str(caught.value)
  assert line.startswith(f"--epochs must be at least {least}: a group of ")
  assert f"--round_epochs={round_epochs}." in line
  assert line.endswith(f"Received: {least - 1}")


def test_what_may_change_between_sessions_decides_no_result():
  assert {
      "cache_dir", "tfds_dir", "download", "run_dir", "runner", "workers",
      "ray_address", "cpus_per_candidate", "gpus_per_candidate",
      "epoch_timeout", "keep_checkpoints", "tensorboard",
  } == FREE  # fmt: skip
