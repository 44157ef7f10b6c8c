"""Run folders of version 0.1.0: resumed or refused, never misread.

The texts are what that version wrote, shortened to two candidates.
"""

import json
import zlib

import pytest

from elite_tf.errors import ConfigError
from elite_tf.runs.find_champion import data_settings, find_champion
from elite_tf.runs.folder import RunFolder, open_run
from elite_tf.runs.journal import Journal
from elite_tf.runs.settings import Settings, resolve
from elite_tf.types import Epoch, Outcome

GIVEN = {"include": "*-w4-d[34]-r16", "group_size": 2, "epochs": 2,
         "round_epochs": 1, "base_resolution": 16, "augment": "none",
         "batch_size": 100}  # The last three as a search chooses them for digits.  # fmt: skip

SETTINGS = {
    "data": "digits", "cache_dir": "", "tfds_dir": "", "download": False,
    "run_dir": "runs/a", "pool": "elite", "levels": 4, "base_resolution": 16,
    "activation": "", "stem_stride": 0, "board": "", "flash": "", "sram": "",
    "include": "*-w4-d[34]-r16", "group_size": 2, "round_epochs": 1,
    "epochs": 2, "criterion": "average", "batch_size": 100, "augment": "none",
    "class_weights": "none", "slices": False, "quantize": "int8",
    "calibration_images": 256, "calibration_balance": False, "max_drop": 1.0,
    "qat_epochs": 4, "runner": "local", "workers": 0, "ray_address": "",
    "cpus_per_candidate": 1.0, "gpus_per_candidate": 0.0, "epoch_timeout": 0,
    "keep_checkpoints": False, "tensorboard": False, "seed": 0,
}  # fmt: skip

VERSIONS = {"python": "3.11.7", "elite-tf": "0.1.0", "keras": "3.15.1"}

JOURNAL = (
  '{"event": "start", "time": 1795542824.4',
  '{"event": "epoch", "name": "elite-w4-d3-r16", "epoch": 1, "loss": 2.25,'
  ' "accuracy": 0.125, "val_loss": 2.5, "val_accuracy": 0.25, "seconds": 9.5,'
  ' "time": 1795542845.9',
  '{"event": "trained", "name": "elite-w4-d3-r16", "start": 0, "stop": 1,'
  ' "epochs": [[1, 2.25, 0.125, 2.5, 0.25, 9.5]], "error": null,'
  ' "first_step_seconds": 5.5, "time": 1795542846.4',
  '{"event": "trained", "name": "elite-w4-d4-r16", "start": 0, "stop": 1,'
  ' "epochs": [], "error": "loss became nan in epoch 1",'
  ' "first_step_seconds": 0.0, "time": 1795542847.4',
)

RESULT = {
  "groups": [
    {
      "group": 1,
      "candidates": ["elite-w4-d3-r16", "elite-w4-d4-r16"],
      "rounds": [
        {
          "round": 1,
          "scores": {"elite-w4-d3-r16": 0.25, "elite-w4-d4-r16": None},
          "eliminated": ["elite-w4-d4-r16"],
          "nu": None,
        }
      ],
      "failures": {"elite-w4-d4-r16": "loss became nan in epoch 1"},
      "champion": "elite-w4-d3-r16",
    }
  ],
  "champions": [
    {
      "name": "elite-w4-d3-r16",
      "group": 1,
      "params": 866316,
      "macs": 2101104,
      "val_accuracy": 0.5,
      "test_accuracy_float": 0.75,
      "test_accuracy_int8": 0.5,
      "test_balanced_accuracy_float": 0.75,
      "test_balanced_accuracy_int8": 0.5,
      "tflite_bytes": 1030960,
      "arena_bytes": 152416,
      "kind": "int8",
      "estimated_seconds": None,
      "files": ["champions/elite-w4-d3-r16/model.keras"],
    }
  ],
  "unverified": {},
  "seconds": 185.5,
  "training_seconds": 158.5,
  "step_seconds": 234.5,
  "first_step_seconds": 59.5,
  "convert_seconds": 45.5,
  "candidate_epochs": 3,
  "workers": 2,
}


@pytest.fixture
def folder(tmp_path):
  """An interrupted search of version 0.1.0."""
  folder = RunFolder(tmp_path / "run")
  folder.path.mkdir()
  config = {"settings": SETTINGS, "versions": VERSIONS}
  folder.config.write_text(json.dumps(config, indent=2) + "\n")
  flags = "".join(f"--{name}={value}\n" for name, value in SETTINGS.items())
  folder.flags.write_text(flags)
  folder.journal.write_text(
    "".join(
      f'{line}, "crc": "{zlib.crc32(line.encode()):08x}"}}\n'
      for line in JOURNAL
    )
  )
  history = folder.history("elite-w4-d3-r16")
  history.parent.mkdir(parents=True)
  history.write_text(
    "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n"
    "1,2.25,0.125,2.5,0.25,9.5\n"
  )
  return folder


def _files(folder):
  return {
    path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()
  }


def _open(folder, **changes):
  settings = resolve({**GIVEN, "run_dir": str(folder.path), **changes})
  return open_run(settings, {}, 0)


def test_it_is_opened_as_it_is(folder):
  before = _files(folder)
  assert _open(folder) == folder
  assert folder.read_result() is None
  assert _files(folder) == before


def test_its_outcomes_are_known(folder, log):
  epoch = Epoch(1, 2.25, 0.125, 2.5, 0.25, 9.5)
  journal = Journal(folder.journal)
  try:
    assert journal.epochs == 1 and journal.last == "elite-w4-d4-r16"
    assert journal.outcome("elite-w4-d3-r16", 0, 1) == Outcome(
      "elite-w4-d3-r16", 0, 1, (epoch,), None, 5.5
    )
    assert journal.outcome("elite-w4-d4-r16", 0, 1) == Outcome(
      "elite-w4-d4-r16", 0, 1, (), "loss became nan in epoch 1"
    )
    assert journal.seconds() == pytest.approx(23)
  finally:
    journal.close()
  assert folder.read_histories() == {"elite-w4-d3-r16": (epoch,)}
  assert log.messages == []  # Nothing is damaged.


def test_its_champion_is_found(folder):
  folder.result.write_text(json.dumps(RESULT, indent=2) + "\n")
  name = "elite-w4-d3-r16"
  assert find_champion(folder, "") == (folder.champion(name), "digits")
  assert data_settings(folder).base_resolution == 16


def test_other_settings_are_refused(folder):
  before = _files(folder)
  with pytest.raises(ConfigError) as caught:
    _open(folder, seed=1)
  assert str(caught.value) == (
    f"--run_dir={folder.path} holds a search with other settings: --seed is 0"
    " there, 1 here"
  )
  assert _files(folder) == before


def test_a_setting_that_is_not_known_is_refused(folder):
  """As of a newer version: what it means is not known here."""
  settings = {**SETTINGS, "teacher": "auto"}
  config = {"settings": settings, "versions": {"elite-tf": "0.9.0"}}
  folder.config.write_text(json.dumps(config))
  before = _files(folder)
  with pytest.raises(ConfigError) as caught:
    _open(folder)
  assert str(caught.value) == (
    f"--run_dir={folder.path} was written by elite-tf 0.9.0, whose setting"
    " --teacher this version does not have"
  )
  assert _files(folder) == before


def test_every_setting_of_that_version_still_exists():
  assert SETTINGS.keys() <= vars(Settings()).keys()
