"""A finished search: its champions, and where its data are."""

import json
from pathlib import Path

import pytest

from elite_tf.data.sources import Store
from elite_tf.errors import ConfigError
from elite_tf.runs.find_champion import (
  data_settings,
  differences,
  find_champion,
  search_settings,
)
from elite_tf.runs.folder import Config, RunFolder, store_of
from elite_tf.runs.results import ChampionResult, Result
from elite_tf.runs.settings import Settings


def _finished(tmp_path, champions):
  folder = RunFolder(tmp_path)
  Config(Settings(data="digits"), {}).write(folder.config)
  found = tuple(
    ChampionResult(
      name=name,
      group=1,
      params=1,
      macs=1,
      val_accuracy=accuracy,
      test_accuracy_float=0.5,
      test_accuracy_int8=None,
      test_balanced_accuracy_float=0.5,
      test_balanced_accuracy_int8=None,
      tflite_bytes=None,
      arena_bytes=None,
      kind=None,
      estimated_seconds=None,
      files=(),
    )
    for name, accuracy in champions.items()
  )
  Result((), found, {}, 1.0, 1.0, 1.0, 1.0, 0.0, 1, 1).write(folder.result)
  return folder


def test_the_most_accurate_champion_is_the_default(tmp_path):
  folder = _finished(tmp_path, {"a": 0.5, "b": 0.75})
  path, data = find_champion(folder, "")
  assert (path, data) == (tmp_path / "champions/b", "digits")
  path, _ = find_champion(folder, "a")
  assert path == tmp_path / "champions/a"


def test_an_unknown_champion_is_refused_and_the_known_are_named(tmp_path):
  folder = _finished(tmp_path, {"a": 0.5, "b": 0.75})
  with pytest.raises(ConfigError, match="--champion.*a, b.*Received: c"):
    find_champion(folder, "c")
  with pytest.raises(ConfigError, match="no champion"):
    find_champion(_finished(tmp_path, {}), "")


def test_conversion_finds_the_pictures_of_its_search(tmp_path):
  there = {"base_resolution": 96, "cache_dir": "c", "tfds_dir": "t"}
  run = RunFolder(tmp_path)
  run.config.write_text(json.dumps({"settings": there, "versions": {}}))
  assert store_of(data_settings(run)) == Store(Path("c"), 128, "t")
  given = Settings(cache_dir="other", tfds_dir="u", download=True)
  found = store_of(data_settings(run, given))
  assert found == Store(Path("other"), 128, "u", True)
  run.config.write_text(
    json.dumps({"settings": {"base_resolution": 64}, "versions": {}})
  )
  assert store_of(data_settings(run)) == Store(tmp_path / "cache", 96)
  assert store_of(Settings()) == Store()


def test_conversion_has_its_own_settings_but_the_family_of_its_search(tmp_path):
  """Only the family and the place of the data are those of the search."""
  there = {"pool": "hf", "quantize": "qat", "seed": 5, "max_drop": 9.0}
  run = RunFolder(tmp_path)
  run.config.write_text(json.dumps({"settings": there, "versions": {}}))
  found = data_settings(run, Settings(quantize="int16x8", seed=1))
  assert (found.pool, found.quantize, found.seed) == ("hf", "int16x8", 1)
  assert found.max_drop == Settings().max_drop


def test_a_champion_is_converted_as_in_its_search_but_for_what_is_given(
  tmp_path,
):
  there = {
    "data": "folder:a",
    "run_dir": "before/it/was/moved",
    "quantize": "auto",
    "seed": 5,
    "slices": True,
    "calibration_images": 7,
    "calibration_balance": True,
    "max_drop": 9.0,
    "qat_epochs": 2,
    "board": "nano33ble",
    "sram": "100KB",
  }
  run = RunFolder(tmp_path)
  run.config.write_text(json.dumps({"settings": there, "versions": {}}))
  found = search_settings(run, {})
  expected = Settings(**{**there, "run_dir": str(tmp_path)})
  assert found == expected
  searched = run.read_config().settings
  assert differences(searched, found) == []
  # Where data are and how a search runs makes no difference.
  given = {"seed": 5, "cache_dir": "c", "download": True, "quantize": "qat"}
  found = search_settings(run, given)
  assert (found.quantize, found.cache_dir, found.max_drop) == ("qat", "c", 9.0)
  assert differences(searched, found) == ["--quantize=qat"]
