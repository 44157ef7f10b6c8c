"""The decoded cache: what is in it, and when it is made again."""

import contextlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from elite_tf.data import sources
from elite_tf.data.sources import build_once, cache
from elite_tf.data.sources.types import Store


@pytest.fixture
def folder(tmp_path, photographs):
  """Forty pieces of photographs in two classes."""
  for number, picture in enumerate(photographs(40)):
    path = tmp_path / "pieces" / "ab"[number % 2] / f"{number:02}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
  return tmp_path / "pieces"


@pytest.fixture
def store(tmp_path):
  return Store(tmp_path / "cache", 64)


def _load(folder, store):
  return sources.load(f"folder:{folder}", 0, store)


def _pixels(data):
  return [
    image.tobytes()
    for split in (data.train, data.val, data.test)
    for image in split.images
  ]


def test_second_load_decodes_nothing(folder, store, monkeypatch, log):
  first = _load(folder, store)
  (line,) = log.messages
  assert line.startswith("decodes 40 pictures, about ")
  monkeypatch.setattr(cache.pictures, "decode", None)
  second = _load(folder, store)
  assert len(log.messages) == 1
  assert _pixels(first) == _pixels(second)
  assert (
    first.description
    == second.description
    == sources.describe(f"folder:{folder}")
  )
  assert first.notes == second.notes


def test_pictures_are_stored_by_the_side_asked_for(folder, store):
  data = _load(folder, store)
  assert {min(image.shape[:2]) for image in data.train.images} == {64}
  sizes = {image.shape[:2] for image in data.train.images}
  assert len(sizes) > 5  # Each by its own aspect.
  whole = _load(folder, Store(store.root, 0))
  assert min(min(image.shape[:2]) for image in whole.train.images) >= 80
  assert len(os.listdir(store.root)) == 2


def test_disk_use_is_told(folder, store):
  *_, line = _load(folder, store).notes
  (where,) = store.root.iterdir()
  size = sum(file.stat().st_size for file in where.iterdir())
  assert line == f"decoded pictures: {size / 2**20:.1f} MiB in {where}"


def _add(folder):
  Image.new("RGB", (70, 70)).save(folder / "a" / "new.png")


def _change(folder):
  Image.new("RGB", (70, 70)).save(folder / "a" / "00.png")


def _touch(folder):
  os.utime(folder / "a" / "00.png", (1, 1))


def _rename(folder):
  (folder / "a").rename(folder / "c")


@pytest.mark.parametrize("change", [_add, _change, _touch, _rename])
def test_what_is_changed_is_decoded_again(folder, store, change, log):
  _load(folder, store)
  change(folder)
  _load(folder, store)
  assert len(log.messages) == 2 and len(os.listdir(store.root)) == 2


def _cut(where):
  with open(where / "pixels.bin", "r+b") as file:
    file.truncate(1000)


def _lose(where):
  (where / "places.npy").unlink()


def _scribble(where):
  (where / "meta.json").write_text("{")


@pytest.mark.parametrize("damage", [_cut, _lose, _scribble])
def test_a_damaged_cache_is_made_again(folder, store, damage, log):
  first = _load(folder, store)
  pixels = _pixels(first)
  (where,) = store.root.iterdir()
  damage(where)
  assert _pixels(_load(folder, store)) == pixels
  assert len(log.messages) == 2


def test_without_a_folder_nothing_is_left(folder, tmp_path, monkeypatch):
  monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path / "temporary"))
  (tmp_path / "temporary").mkdir()
  data = _load(folder, Store())
  assert not os.listdir(tmp_path / "temporary")
  assert len(_pixels(data)) == 40  # Still to be read.


def test_order_does_not_depend_on_threads(folder, store, monkeypatch):
  first = _pixels(_load(folder, store))
  monkeypatch.setattr(cache.os, "sched_getaffinity", lambda _: set(range(7)))
  again = Store(store.root.with_name("other"), 64)
  assert _pixels(_load(folder, again)) == first


def _mounted(path):
  """A file system of one MiB, where that is allowed."""
  path.mkdir()
  done = subprocess.run(
    ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)],
    capture_output=True,
    check=False,
  )
  return done.returncode == 0


def test_disk_full_while_decoding(folder, tmp_path, complaint, monkeypatch):
  """Whatever was estimated: on a real file system that has no room."""
  small = tmp_path / "small"
  if not _mounted(small):
    pytest.skip("mounting a small file system is not allowed here")
  with contextlib.ExitStack() as stack:
    stack.callback(subprocess.run, ["umount", str(small)], check=True)
    monkeypatch.setattr(build_once, "check_room", lambda *_: None)
    big = Store(small / "cache", 0)
    line = complaint(_load, folder, big)
    assert line.startswith("--cache_dir: the disk is full;")
    assert line.endswith(f"Received: {str(small / 'cache')!r}")
    assert not os.listdir(small / "cache")
    monkeypatch.undo()
    line = complaint(_load, folder, big)
    assert line.startswith("--cache_dir: the decoded pictures take about ")
    assert not os.listdir(small / "cache")


def test_disk_full_by_a_write_that_fails(folder, store, complaint, monkeypatch):
  def save(*_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(cache.np, "save", save)
  line = complaint(_load, folder, store)
  assert line.startswith("--cache_dir: the disk is full;")
  assert not os.listdir(store.root)


LOAD = """
import json, logging, sys
from pathlib import Path
from elite_tf.data import sources
said = []
logging.basicConfig(level="INFO")
logging.root.handlers[0].emit = said.append
store = sources.Store(Path(sys.argv[2]), 64)
data = sources.load(f"folder:{sys.argv[1]}", 0, store)
print(json.dumps([len(said), sum(int(i.sum()) for i in data.train.images)]))
"""


def test_two_processes_build_one_cache(folder, store):
  children = [
    subprocess.Popen(
      [sys.executable, "-c", LOAD, str(folder), str(store.root)],
      env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
      stdout=subprocess.PIPE,
      text=True,
    )
    for _ in range(2)
  ]
  found = [json.loads(child.communicate(timeout=60)[0]) for child in children]
  assert sorted(count for count, _ in found) == [0, 1]
  expected = sum(int(np.sum(i)) for i in _load(folder, store).train.images)
  assert [total for _, total in found] == [expected, expected]
