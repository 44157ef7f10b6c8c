"""Settings: what was given, over the preset, over the defaults; all checked."""

import dataclasses

import pytest

from elite_tf.errors import ConfigError
from elite_tf.runs import settings
from elite_tf.runs.settings import PRESETS, Settings, check_rounds, resolve
from elite_tf.tournament.criteria import CRITERIA


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
  assert found.batch_size == 100
  # By default the augmentation depends on the data.
  paper = dataclasses.replace(found, augment="imagenet")
  assert resolve({}, "paper") == paper


def test_augmentation_must_be_one_that_there_is():
  assert resolve({"augment": "svhn"}).augment == "svhn"
  assert _complaint({"augment": "mnist"}).endswith("Received: 'mnist'")


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
        ("round_epochs", 1), ("epochs", 1), ("batch_size", 2),
        ("calibration_images", 1), ("qat_epochs", 1), ("workers", 0), ("epoch_timeout", 0), ("seed", 0),
    ],
)  # fmt: skip
def test_numbers_out_of_range(name, least):
  assert getattr(resolve({name: least}), name) == least
  for value in (least - 1, -1, -(10**9)):
    line = _complaint({name: value})
    assert line == f"--{name} must be at least {least}. Received: {value}"


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
  wrong = [None, []]
  wrong.append(3 if isinstance(field.default, str) else "3")
  if type(field.default) is not float:
    wrong.append(1.5)
  if type(field.default) is not bool:
    wrong.append(True)
  kind = type(field.default).__name__
  for value in wrong:
    line = _complaint({field.name: value})
    assert line == f"--{field.name} must be of type {kind}. Received: {value!r}"


@pytest.mark.parametrize("preset", ["fast", "Quick", "quick\nly"])
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
  assert line.startswith("unknown setting 'epoch'; known are ")
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
  } == settings.FREE  # fmt: skip
