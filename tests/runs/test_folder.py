"""The run folder: taken up by its own search, and by no other."""

import collections
import csv
import dataclasses
import json
import os
import shutil

import pytest

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import (
  RunFolder,
  default_run_dir,
  open_run,
  write_file,
)
from elite_tf.runs.results import Result
from elite_tf.runs.settings import FREE, Settings
from elite_tf.types import Epoch

VERSIONS = {"python": "3.11", "keras": "3.15"}


def _open(path, needed=1000, **changes):
  return open_run(Settings(run_dir=str(path), **changes), VERSIONS, needed)


def _refused(path, needed=1000, **changes):
  """Returns the complaint; nothing below the folder may have changed."""
  before = _snapshot(path)
  with pytest.raises(ConfigError) as caught:
    _open(path, needed, **changes)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  assert _snapshot(path) == before, "something was written"
  return line


def _snapshot(path):
  around = path.parent if path.parent.is_dir() else path.parent.parent
  return {
    str(file): file.read_bytes() if file.is_file() else None
    for file in (around.rglob("*") if around.name != "dev" else ())
  }


def test_new_folder_says_what_it_is(tmp_path):
  path = tmp_path / "runs" / "digits-elite"
  folder = _open(path, seed=3)
  assert folder == RunFolder(path)
  config = json.loads(folder.config.read_text())
  assert config["settings"] == dataclasses.asdict(
    Settings(run_dir=str(path), seed=3)
  )
  assert config["versions"] == VERSIONS
  assert sorted(os.listdir(path)) == ["config.json", "search.flags"]


def test_flagfile_has_every_setting(tmp_path):
  folder = _open(tmp_path / "run", seed=3, include="*-w4-*,elite-w1-*")
  lines = folder.flags.read_text().splitlines()
  flags = dict(line.removeprefix("--").split("=", 1) for line in lines)
  assert flags == {
    name: str(value)
    for name, value in dataclasses.asdict(
      Settings(run_dir=str(folder.path), seed=3, include="*-w4-*,elite-w1-*")
    ).items()
  }


def test_empty_folder_will_do(tmp_path):
  assert _open(tmp_path).config.exists()


def test_same_settings_take_the_folder_up(tmp_path):
  path = tmp_path / "run"
  first = _open(path)
  first.journal.write_text("{}\n")
  before = _snapshot(path)
  # Room was looked for when the search was new; versions may have moved on.
  assert open_run(Settings(run_dir=str(path)), {}, 10**18) == first
  assert _snapshot(path) == before


def test_where_it_runs_is_free(tmp_path):
  _open(tmp_path / "run")
  _open(tmp_path / "run", workers=5)
  moved = tmp_path / "moved"
  (tmp_path / "run").rename(moved)
  _open(moved, runner="elsewhere")


@pytest.mark.parametrize(
  "field",
  [f for f in dataclasses.fields(Settings) if f.name not in FREE],
  ids=lambda field: field.name,
)
def test_other_settings_name_the_flag_and_both_values(tmp_path, field):
  path = tmp_path / "run"
  there = field.default
  here = there + 1 if isinstance(there, int) else f"{there}x"
  _open(path)
  line = _refused(path, **{field.name: here})
  assert line == (
    f"--run_dir={path} holds a search with other settings:"
    f" --{field.name} is {there!r} there, {here!r} here"
  )


def test_folder_of_a_version_without_a_setting(tmp_path):
  """It was as it is by default."""
  config = _open(tmp_path / "run").config
  there = json.loads(config.read_text())
  del there["settings"]["criterion"]
  config.write_text(json.dumps(there))
  _open(tmp_path / "run")
  assert "--criterion is 'average' there" in _refused(
    tmp_path / "run", criterion="current"
  )


@pytest.mark.parametrize(
  "left", ["search.lock", "search.flags", ".config.json.123"]
)
def test_folder_that_was_only_just_begun(tmp_path, left):
  """The search was killed before it had written what makes it one."""
  (tmp_path / left).write_text("")
  assert _open(tmp_path).config.exists()


def test_what_is_half_written_is_removed(tmp_path):
  """Files, and a champion's folder whose writer was killed."""
  folder = _open(tmp_path / "run")
  half = folder.checkpoint("a").with_name(".checkpoint.npz.4711")
  champion = folder.champion("a").with_name(".a.4712")
  for path in (half.parent, champion, folder.champion("b")):
    path.mkdir(parents=True)
  for path in (
    half,
    champion / "model.keras",
    folder.path / ".gitignore",
    folder.path / "notes.1",
  ):
    path.touch()
  folder.tidy()
  assert not half.exists() and not champion.exists()
  assert folder.champion("b").is_dir()
  assert sorted(p.name for p in folder.path.rglob("*") if p.is_file()) == [
      ".gitignore", "config.json", "notes.1", "search.flags"
  ]  # fmt: skip


def test_folder_of_something_else(tmp_path):
  (tmp_path / "thesis.tex").write_text("precious")
  line = _refused(tmp_path)
  assert line == f"--run_dir={tmp_path} is not empty and holds no search"


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_path_under_a_file(tmp_path, below):
  (tmp_path / "file").write_text("precious")
  path = tmp_path / "file" / below if below else tmp_path / "file"
  line = _refused(path)
  assert line == f"--run_dir={path} cannot be used (Not a directory)"


def test_path_under_a_device():
  with pytest.raises(ConfigError) as caught:
    _open("/dev/null/x", needed=0)
  assert str(caught.value) == (
    "--run_dir=/dev/null/x cannot be used (Not a directory)"
  )


def test_name_too_long(tmp_path):
  path = tmp_path / ("n" * 300)
  with pytest.raises(ConfigError, match="cannot be used .File name too long"):
    _open(path)


def test_no_room(tmp_path, monkeypatch):
  asked = []
  usage = collections.namedtuple("usage", "total used free")

  def disk_usage(path):
    asked.append(path)
    return usage(100 << 20, 95 << 20, 5 << 20)

  monkeypatch.setattr(shutil, "disk_usage", disk_usage)
  path = tmp_path / "runs" / "run"
  line = _refused(path, needed=6 << 20)
  assert line == (
    f"--run_dir={path}: the search needs 6 MiB of disk space, 5 MiB are free"
  )
  # Of the disk that the folder will be on.
  assert asked == [tmp_path]
  _open(path, needed=5 << 20)


def test_relative_path(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  _open("runs/a")
  assert (tmp_path / "runs" / "a" / "config.json").exists()


@pytest.mark.parametrize(
  ("text", "said"),
  [
    ("", "damaged ("),
    ("{", "damaged ("),
    ("[]", "the file must be an object. Received: []"),
    ("3", "the file must be an object. Received: 3"),
    ("null", "the file must be an object. Received: null"),
    ('{"settings', "damaged ("),
    ('{"versions": {}}', "settings is missing"),
    (
      '{"settings": {"seed": "0"}, "versions": {}}',
      'settings.seed must be a whole number. Received: "0"',
    ),
  ],
)
def test_damaged_config(tmp_path, text, said):
  path = tmp_path / "run"
  _open(path).config.write_text(text)
  line = _refused(path)
  assert line.startswith(f"{path}/config.json: {said}")


def test_nothing_is_left_behind_by_a_file_that_cannot_be_written(
  tmp_path, monkeypatch
):
  target = tmp_path / "result.json"
  target.write_text("old")

  def full(descriptor):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr("os.fsync", full)
  with pytest.raises(OSError, match="No space left"):
    write_file(target, "new")
  assert os.listdir(tmp_path) == ["result.json"]
  assert target.read_text() == "old"


def test_files_are_written_whole(tmp_path):
  write_file(tmp_path / "a" / "b" / "text", "Zürich")
  write_file(tmp_path / "bytes", b"\x00\xff")
  assert (tmp_path / "a" / "b" / "text").read_text("utf-8") == "Zürich"
  assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"
  assert sorted(os.listdir(tmp_path)) == ["a", "bytes"]


def test_layout(tmp_path):
  """As interface.md has it."""
  folder = RunFolder(tmp_path)
  name = "elite-w4-d4-r19"
  places = {
    folder.config: "config.json",
    folder.flags: "search.flags",
    folder.journal: "journal.jsonl",
    folder.result: "result.json",
    folder.history(name): f"candidates/{name}/history.csv",
    folder.champion(name): f"champions/{name}",
  }
  assert all(str(k.relative_to(tmp_path)) == v for k, v in places.items())
  assert folder.checkpoint(name).parent == folder.history(name).parent


def test_history_is_a_table(tmp_path):
  folder = RunFolder(tmp_path)
  epochs = [Epoch(1, 2.5, 0.1, 2.25, 1 / 3, 7.5), Epoch(2, 2, 0, 2, 1, 0.5)]
  folder.write_history("a", epochs)
  with open(folder.history("a"), newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
  header = "epoch,loss,accuracy,val_loss,val_accuracy,seconds"
  assert ",".join(rows[0]) == header
  for row, epoch in zip(rows, epochs, strict=True):
    found = {k: float(v) for k, v in row.items()}
    assert found == dataclasses.asdict(epoch)


def test_result(tmp_path):
  folder = RunFolder(tmp_path)
  assert folder.read_result() is None
  result = Result((), (), {}, 4.5, 3.0, 2.0, 1.0, 0.5, 7, 2)
  result.write(folder.result)
  assert folder.read_result() == result
  folder.result.write_text('{"groups": []}')
  with pytest.raises(ConfigError, match="result.json: champions is missing"):
    folder.read_result()
  folder.result.write_text('{"groups": [')
  with pytest.raises(ConfigError, match="result.json: damaged"):
    folder.read_result()


def test_default_folder():
  assert default_run_dir("digits", "elite") == "runs/digits-elite"
  assert default_run_dir("a", "mine:pool") == "runs/a-mine-pool"


def test_histories_are_read_as_they_were_written(tmp_path):
  epochs = [
    Epoch(number, 1 / 3, 0.1, float("nan"), 2 / 3, 1e-9)
    for number in range(1, 4)
  ]
  folder = RunFolder(tmp_path)
  assert folder.read_histories() == {}
  for name, count in (("b", 3), ("a", 1)):
    folder.write_history(name, epochs[:count])
  (tmp_path / "candidates" / "untrained").mkdir()
  read = folder.read_histories()
  assert list(read) == ["a", "b"]
  # NaN equals nothing: compared as text.
  assert str(read) == str({"a": tuple(epochs[:1]), "b": tuple(epochs)})


@pytest.mark.parametrize(
  ("old", "new"),
  [
    ("epoch,", "number,"),
    ("1,0.5", "2,0.5"),
    ("1,0.5", "x,0.5"),
    ("1,0.5", "1,0.5,0.5"),
    ("1,0.5", "1"),
    ("epoch,loss,accuracy,val_loss,val_accuracy,seconds\n", ""),
  ],
)
def test_damaged_history_is_named(tmp_path, old, new):
  folder = RunFolder(tmp_path)
  folder.write_history("a", [Epoch(1, 0.5, 0.5, 0.5, 0.5, 0.5)])
  path = folder.history("a")
  path.write_text(path.read_text().replace(old, new, 1))
  with pytest.raises(ConfigError, match="a/history.csv: damaged"):
    folder.read_histories()
