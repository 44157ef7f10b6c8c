"""Folders that are whole or not there, whatever happens while they are made."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from elite_tf.data.sources import build_once
from elite_tf.errors import ConfigError


def _valid(folder):
  return (folder / "content").is_file()


def _build(folder):
  (folder / "content").write_text("all of it")


def _fails(error):
  def build(folder):
    (folder / "half").write_text("half of it")
    raise error

  return build


def test_it_is_built_once(tmp_path):
  built = []

  def build(folder):
    built.append(folder)
    _build(folder)

  root = tmp_path / "a" / "cache"
  for _ in range(3):
    folder = build_once.build_once(root, "key", build, _valid)
    assert folder == root / "key"
    assert (folder / "content").read_text() == "all of it"
  assert len(built) == 1 and built[0] != folder
  assert os.listdir(root) == ["key"]


def test_what_is_not_valid_is_built_again(tmp_path):
  (tmp_path / "key").mkdir()
  (tmp_path / "key" / "old").touch()
  build_once.build_once(tmp_path, "key", _build, _valid)
  assert os.listdir(tmp_path / "key") == ["content"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_one_line_and_leaves_nothing(tmp_path, complaint, number):
  error = OSError(number, os.strerror(number))
  line = complaint(
    build_once.build_once, tmp_path, "key", _fails(error), _valid
  )
  assert line.startswith("--cache_dir: the disk is full;")
  assert line.endswith(f"Received: {str(tmp_path)!r}")
  assert not os.listdir(tmp_path)
  assert _valid(build_once.build_once(tmp_path, "key", _build, _valid))


def test_what_building_raises_is_passed_on_and_leaves_nothing(tmp_path):
  for error in (ConfigError("--data: broken"), KeyboardInterrupt()):
    with pytest.raises(type(error)) as caught:
      build_once.build_once(tmp_path, "key", _fails(error), _valid)
    assert caught.value is error
    assert not os.listdir(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path, complaint):
  file = tmp_path / "file"
  file.touch()
  line = complaint(build_once.build_once, file / "cache", "key", _build, _valid)
  assert line.startswith("--cache_dir: this folder cannot be used (Not a dir")


def test_too_little_room_is_found_before_anything_is_written(
  tmp_path, complaint
):
  free = shutil.disk_usage(tmp_path).free
  build_once.check_room(tmp_path, 1, "pictures")
  line = complaint(build_once.check_room, tmp_path, 4 * free, "pictures")
  assert line.startswith("--cache_dir: pictures take about ")
  assert f"Received: {str(tmp_path)!r}, where " in line


# Builds slowly; says when it begins. Arguments: folder, seconds.
SLOW = """
import sys, time
from pathlib import Path
from elite_tf.data.sources import build_once

def build(folder):
  (folder / "half").touch()
  print("builds", flush=True)
  time.sleep(float(sys.argv[2]))
  (folder / "content").write_text("all of it")

folder = build_once.build_once(
    Path(sys.argv[1]), "key", build, lambda f: (f / "content").is_file()
)
print((folder / "content").read_text())
"""


def _start(root, seconds):
  return subprocess.Popen(
    [sys.executable, "-c", SLOW, str(root), str(seconds)],
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    stdout=subprocess.PIPE,
    text=True,
  )


def test_of_processes_that_ask_at_once_one_builds(tmp_path):
  children = [_start(tmp_path, 0.5) for _ in range(4)]
  said = [child.communicate(timeout=60)[0].split("\n") for child in children]
  assert [child.returncode for child in children] == [0, 0, 0, 0]
  assert sum(lines.count("builds") for lines in said) == 1
  assert all("all of it" in lines for lines in said)
  assert os.listdir(tmp_path) == ["key"]


def test_what_a_killed_process_leaves_is_swept_away(tmp_path):
  child = _start(tmp_path, 60)
  assert child.stdout.readline() == "builds\n"
  waiting = _start(tmp_path, 0)
  time.sleep(0.5)
  assert waiting.poll() is None, "it must wait for the lock"
  child.send_signal(signal.SIGKILL)
  child.communicate()
  assert waiting.communicate(timeout=60)[0] == "builds\nall of it\n"
  assert os.listdir(tmp_path) == ["key"]
  assert os.listdir(tmp_path / "key") in (
    ["half", "content"],
    ["content", "half"],
  )
