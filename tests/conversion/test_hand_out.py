"""A champion's file as its search verified it, without TensorFlow."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elite_tf.conversion.hand_out import hand_out
from elite_tf.conversion.tflite import convert
from elite_tf.errors import ConfigError
from elite_tf.runs import metrics
from elite_tf.runs.folder import Config, RunFolder
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.results import ChampionResult, Result, figures_of
from elite_tf.runs.settings import Settings

HOME = Path(__file__).parents[2]
# With settings that are not the defaults; the data are not there.
SEARCHED = Settings(
  data="folder:gone",
  base_resolution=32,
  quantize="auto",
  seed=3,
  calibration_images=40,
  sram="1MB",
)
# Runs the command in a process in which TensorFlow and Keras cannot be loaded.
WITHOUT = (
  "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None;"
  "from elite_tf import convert; convert.console()"
)


def _metrics(size):
  answers = {"accuracy": 0.5, "balanced_accuracy": 0.5}
  lists = {"recall": [], "confusion": []}
  seen = {"resolution": 8, "crop": False, "crop_margin": 0}
  seen |= {"filter": "bicubic", "pixel_zero": 128, "pixel_scale": 1 / 128}
  counts = ("arena_head_bytes", "arena_tail_bytes", "codes", "seconds")
  file = {
    **answers,
    **lists,
    **dict.fromkeys(("different", *counts), 0),
    "tflite_bytes": size,
    "per_channel_dense": [],
    "images": 355,
    "equal": True,
    "first_difference": None,
    "arena_bytes": 4321,
  }
  whole = {
    "name": "small",
    "test_images": 355,
    "preprocessing": seen,
    "test_accuracy_float": 0.75,
    "float": {**answers, **lists},
    "conversions": {"float": {**file, "tflite_bytes": 1}, "int16x8": file},
  }
  return Metrics.from_json(whole, "metrics.json")


@pytest.fixture
def run(network, tmp_path):
  """A finished search, and the file of its champion."""
  model = convert.float32(network)
  folder = RunFolder(tmp_path / "run")
  place = folder.champion("small")
  place.mkdir(parents=True)
  Config(SEARCHED, {}).write(folder.config)
  found = _metrics(len(model))
  found.write(place / metrics.FILE)
  (place / "model_int16x8.tflite").write_bytes(model)
  champion = ChampionResult(
    name="small",
    group=1,
    params=1,
    macs=1,
    val_accuracy=0.5,
    **figures_of(found),
    estimated_seconds=None,
    files=(),
  )
  Result((), (champion,), {}, 1.0, 1.0, 1.0, 1.0, 0.0, 1, 1).write(
    folder.result
  )
  return folder, model


def _run(folder, *flags):
  return subprocess.run(
    [sys.executable, "-c", WITHOUT, f"--run_dir={folder.path}", *flags],
    env={**os.environ, "PYTHONPATH": str(HOME)},
    capture_output=True,
    text=True,
    timeout=60,
    check=False,
  )


def test_the_verified_file_is_handed_out_as_it_is(run, tmp_path):
  folder, model = run
  out = tmp_path / "mine.tflite"
  done = _run(folder, f"--out={out}")
  assert done.returncode == 0, done.stderr
  assert out.read_bytes() == model
  assert f"{len(model):,} bytes" in done.stdout and "4,321" in done.stdout
  assert "50.00 % (float 75.00 %)" in done.stdout
  assert "small: the file that its search verified" in done.stderr
  # So it is with flags that say what the search had.
  same = ("--seed=3", "--quantize=auto", "--data=folder:gone", "--format=json")
  done = _run(folder, f"--out={out}", "--overwrite", *same)
  assert done.returncode == 0, done.stderr
  assert json.loads(done.stdout)["conversions"]["int16x8"]["images"] == 355


def test_another_setting_converts_again(run, tmp_path):
  """For which the data are missing here."""
  done = _run(run[0], f"--out={tmp_path}/mine.tflite", "--seed=4")
  assert done.returncode == 1
  told, error = done.stderr.splitlines()
  assert "converted again with --seed=4;" in told and "auto" not in told
  assert "--data" in error and "'gone'" in error
  assert not (tmp_path / "mine.tflite").exists()


def test_a_file_that_is_not_the_verified_one_is_refused(run, tmp_path):
  folder, model = run
  place = folder.champion("small")
  (place / "model_int16x8.tflite").write_bytes(model[:-1])
  with pytest.raises(ConfigError, match=f"{len(model)} bytes.*Received: "):
    hand_out(place, tmp_path / "x")
  found = Metrics.read(place / metrics.FILE)
  dataclasses.replace(found, conversions={}).write(place / metrics.FILE)
  assert hand_out(place, tmp_path / "x") is None
  assert not (tmp_path / "x").exists()
