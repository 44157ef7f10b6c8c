"""What a search does with its data before it trains, and leaves behind."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import elite_tf
from elite_tf.data import augment, sources
from elite_tf.data.augment import pipelines
from elite_tf.data.sources import Store
from elite_tf.errors import ConfigError
from elite_tf.runs import plan as planning
from elite_tf.runs.folder import RunFolder, check_run, store_of
from elite_tf.runs.settings import Settings

HOME = Path(__file__).parents[1]

# One small candidate.
SMALL = {
    "pool": "lite", "base_resolution": 32, "include": "lite-w4-d4-r19",
    "group_size": 1, "round_epochs": 1, "epochs": 1,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
  """Two classes of twenty pictures, 90 by 80 pixels."""
  for number in range(40):
    path = tmp_path / "data" / "ab"[number % 2] / f"{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (90, 80), (number, 0, 0)).save(path)
  return tmp_path / "data"


def _search(tmp_path, folder, **settings):
  return elite_tf.run_search(
      data=f"folder:{folder}", run_dir=tmp_path / "runs" / "one",
      progress=False, **{**SMALL, **settings},
  )  # fmt: skip


def _spoil(folder, count):
  for number in range(count):
    (folder / "a" / f"x{number}.jpg").write_text("no picture")


@pytest.mark.parametrize("cache", ["", "cache"])
def test_wrong_data_leave_no_run_folder(tmp_path, folder, cache):
  _spoil(folder, 10)
  cache_dir = str(tmp_path / cache) if cache else ""
  with pytest.raises(ConfigError, match="more than 5 % of the 50 pictures"):
    _search(tmp_path, folder, cache_dir=cache_dir)
  assert sorted(os.listdir(tmp_path)) == sorted(filter(None, ["data", cache]))


def test_data_found_wrong_when_decoded_leave_no_run_folder(tmp_path, folder):
  """The cache of the run goes, too; what was there before stays."""
  for file in sorted((folder / "b").iterdir())[2:]:
    file.rename(folder / "a" / file.name)
  (folder / "b" / "x.png").write_text("no picture")
  (tmp_path / "runs").mkdir()
  with pytest.raises(ConfigError, match="Received: 2 of 'b'"):
    _search(tmp_path, folder)
  assert os.listdir(tmp_path / "runs") == []


def test_weights_that_would_run_code_leave_no_run_folder(tmp_path, folder):
  evil = tmp_path / "evil.pth"
  mine = str(tmp_path / "mine").encode()
  evil.write_bytes(b"\x80\x02cos\nmkdir\n(S'" + mine + b"'\ntR.")
  with pytest.raises(ConfigError, match="no array") as caught:
    _search(tmp_path, folder, weights=str(evil))
  assert "\n" not in str(caught.value)
  assert sorted(os.listdir(tmp_path)) == ["data", "evil.pth"]


def test_another_s_folder_is_refused_before_anything_is_decoded(
  tmp_path, folder
):
  run = tmp_path / "runs" / "one"
  run.mkdir(parents=True)
  (run / "thesis.txt").touch()
  with pytest.raises(ConfigError, match="is not empty and holds no search"):
    _search(tmp_path, folder)
  assert os.listdir(run) == ["thesis.txt"]


def test_decoded_pictures_alone_do_not_make_a_folder_another_s(tmp_path):
  """As after a power cut while they were decoded."""
  found = RunFolder(tmp_path)
  (found.cache / ".pictures.half").mkdir(parents=True)
  assert check_run(Settings(run_dir=str(tmp_path)), 0) == found


@pytest.mark.parametrize(
  ("settings", "store"),
  [
    ({}, Store()),
    ({"run_dir": "r"}, Store(Path("r/cache"))),
    ({"run_dir": "r", "base_resolution": 224}, Store(Path("r/cache"), 256)),
    ({"run_dir": "r", "cache_dir": "c"}, Store(Path("c"))),
    ({"tfds_dir": "t", "download": True}, Store(None, 0, "t", True)),
  ],
)
def test_where_pictures_are_kept(settings, store):
  assert store_of(Settings(**settings)) == store


def test_room_for_the_decoded_pictures_is_planned(folder):
  def needed(**settings):
    plan, _ = planning.plan_for_data(
      Settings(data=f"folder:{folder}", epochs=30, **settings)
    )
    return plan.disk_bytes

  elsewhere = needed(cache_dir="c", base_resolution=32)
  # 80 x 90 pixels become 64 x 72 for 32 + 32, and stay what they are for 96.
  assert needed(base_resolution=32) - elsewhere == 40 * 64 * 72 * 3
  elsewhere = needed(cache_dir="c", base_resolution=96)
  assert needed(base_resolution=96) - elsewhere == 40 * 80 * 90 * 3


def test_room_for_the_resized_images_is_planned():
  described = sources.Description(
    "made-up", 10, 1, 28, 28, tuple("0123456789"), 70_000
  )
  # Arrays are not decoded; 19 x 19 of them take more than 16 MiB, 15 x 15 less.
  found = sources.cache_bytes("idx:d", described, 64, [32, 19, 32, 15])
  assert found == 70_000 * (32 * 32 + 19 * 19)
  photographs = dataclasses.replace(
    described, photographs=True, channels=3, height=100, width=150
  )
  found = sources.cache_bytes("folder:d", photographs, 128, [96], "imagenet")
  assert found == 70_000 * 100 * 150 * 3 + 7_000 * 96 * 96 * 3
  # Without an augmentation that crops, training images are kept resized, too.
  found = sources.cache_bytes("folder:d", photographs, 128, [96], "none")
  assert found == 70_000 * (100 * 150 + 96 * 96) * 3


@pytest.mark.parametrize("photographs", [False, True])
def test_what_is_known_of_augmentations_is_what_they_do(photographs):
  for name in augment.NAMES:
    found = pipelines.get_augmentation(name, photographs).stored
    assert augment.takes_stored(name, photographs) == found


def _dry_run(folder, *flags):
  done = subprocess.run(
      [sys.executable, "-m", "elite_tf.search", f"--data=folder:{folder}",
       "--dry_run", *flags],
      env={**os.environ, "PYTHONPATH": str(HOME)},
      cwd=folder.parent,
      capture_output=True,
      text=True,
      timeout=60,
      check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert os.listdir(folder.parent) == [folder.name], "something was written"
  return done.stdout, done.stderr.splitlines()


NOTE = "no test/ and val/: of the training pictures a fifth of every class"

WHAT = [
  "classes, with their images: a (20), b (20)",
  "augmentation of the training images: imagenet (colour from 64 pixels on),"
  " never flipped (classes are digits or letters)",
]


def test_dry_run_tells_what_is_known_of_the_data(folder):
  out, _ = _dry_run(folder)
  assert "data: 40 images, 2 classes, 3 channels of 80 x 90 pixels" in out
  assert NOTE in out
  assert [line for line in out.splitlines() if line in WHAT] == WHAT


def test_dry_run_as_json_is_one_object(folder):
  out, lines = _dry_run(folder, "--format=json", "--pool=elite")
  # The next multiple of 32 pixels: 96.
  assert json.loads(out)["candidates"][0]["resolution"] == 96
  few = "few images: --batch_size=10 instead of 100"
  assert len(lines) == 4 and lines[0].startswith(NOTE)
  assert lines[1:] == [*WHAT, few]
