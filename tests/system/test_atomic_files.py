"""Folders that are there as a whole or not at all."""

import os
from pathlib import Path

import pytest

from elite_tf.system.atomic_files import replace_folder, write_file


def _files(folder):
  return {
    str(path.relative_to(folder)): path.read_text()
    for path in folder.rglob("*")
    if path.is_file()
  }


@pytest.fixture
def old(tmp_path):
  """A folder that is there before."""
  folder = tmp_path / "here"
  folder.mkdir()
  (folder / "old").write_text("old")
  return folder


def test_a_folder_is_there_with_all_its_files(tmp_path):
  path = tmp_path / "above" / "here"
  with replace_folder(path) as beside:
    assert not path.exists() and not os.listdir(beside)
    (beside / "below").mkdir()
    (beside / "below" / "a").write_text("1")
    (beside / "b").write_text("2")
  assert _files(path) == {"below/a": "1", "b": "2"}
  assert os.listdir(path.parent) == ["here"]


def test_a_folder_takes_the_place_of_the_one_before(old):
  with replace_folder(old) as beside:
    (beside / "new").write_text("new")
    assert _files(old) == {"old": "old"}
  assert _files(old) == {"new": "new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_one_before_is_left_and_nothing_else(old, error):
  with pytest.raises(error), replace_folder(old) as beside:
    (beside / "new").write_text("new")
    raise error
  assert _files(old.parent) == {"here/old": "old"}
  assert os.listdir(old.parent) == ["here"]


def test_a_disk_that_is_full_at_last_leaves_the_one_before(old, monkeypatch):
  def full(descriptor):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr("os.fsync", full)
  with pytest.raises(OSError, match="No space"), replace_folder(old) as beside:
    (beside / "new").write_text("new")
  assert _files(old.parent) == {"here/old": "old"}


def test_every_file_and_folder_is_written_through(tmp_path, monkeypatch):
  synced = []
  monkeypatch.setattr(
    "os.fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}"))
  )
  with replace_folder(tmp_path / "here") as beside:
    (beside / "below").mkdir()
    for name in ("a", "below/b"):
      (beside / name).touch()
  expected = [beside, beside / "a", beside / "below", beside / "below" / "b"]
  assert sorted(synced[:-1]) == sorted(map(str, expected))
  assert synced[-1] == str(tmp_path)


def test_what_a_killed_process_left_is_not_taken_over(tmp_path):
  half = tmp_path / ".half"
  half.mkdir()
  (half / "rest").touch()
  with replace_folder(tmp_path / "here", beside=half) as beside:
    assert beside == half and not os.listdir(half)
  assert os.listdir(tmp_path) == ["here"]


def test_a_folder_can_be_named_relative_to_the_working_directory(
  tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  with replace_folder(type(tmp_path)("here")) as beside:
    (beside / "a").write_text("1")
  assert _files(tmp_path) == {"here/a": "1"}


def test_new_folders_above_are_written_through(tmp_path, monkeypatch):
  """A power cut must not take away what was just written."""
  synced, real = [], os.fsync

  def fsync(descriptor):
    synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
    return real(descriptor)

  monkeypatch.setattr(os, "fsync", fsync)
  with replace_folder(tmp_path / "a" / "b") as beside:
    (beside / "file").write_text("x")
    inside = beside / "file"
  assert {inside, beside, tmp_path / "a", tmp_path} <= set(synced)
  synced.clear()
  write_file(tmp_path / "c" / "d" / "file", "x")
  assert {tmp_path / "c" / "d", tmp_path / "c", tmp_path} <= set(synced)
