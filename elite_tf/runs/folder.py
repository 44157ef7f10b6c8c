"""The run folder: where its files are, and which search it belongs to."""

import contextlib
import csv
import dataclasses
import errno
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from elite_tf.data.sources import Store
from elite_tf.errors import ConfigError
from elite_tf.runs.config import (
  Config,
  begun_with,
  check_same_settings,
  check_same_starts,
  check_same_teacher,
)
from elite_tf.runs.fingerprint import Fingerprint
from elite_tf.runs.results import ChampionResult, Result
from elite_tf.runs.settings import Settings
from elite_tf.runs.starts import starts_of
from elite_tf.system.atomic_files import previous, write_file
from elite_tf.system.text import one_line
from elite_tf.types import Epoch

HISTORY_FIELDS = (
  "epoch",
  "loss",
  "accuracy",
  "val_loss",
  "val_accuracy",
  "seconds",
)


@dataclasses.dataclass(frozen=True)
class RunFolder:
  """Paths of one run."""

  path: Path

  @property
  def config(self) -> Path:
    """All settings, complete, and the versions of the packages."""
    return self.path / "config.json"

  @property
  def flags(self) -> Path:
    """A flagfile that runs the search again."""
    return self.path / "search.flags"

  @property
  def prices(self) -> Path:
    """The costs of the networks of a custom family."""
    return self.path / "prices.json"

  @property
  def plan(self) -> Path:
    """The plan, and the description of the data set."""
    return self.path / "plan.json"

  @property
  def journal(self) -> Path:
    """The append-only record of the search."""
    return self.path / "journal.jsonl"

  @property
  def result(self) -> Path:
    """The result; exists only when the search has ended."""
    return self.path / "result.json"

  @property
  def cache(self) -> Path:
    """Decoded images, unless `--cache_dir` names another folder."""
    return self.path / "cache"

  def history(self, name: str) -> Path:
    """The epochs of a candidate as a table."""
    return self.path / "candidates" / name / "history.csv"

  def checkpoint(self, name: str) -> Path:
    """The training state of a candidate."""
    return self.path / "candidates" / name / "checkpoint.npz"

  @property
  def lock(self) -> Path:
    """The lock of the search that is running; exists only then."""
    return self.path / "search.lock"

  def champion(self, name: str) -> Path:
    """The folder of a champion."""
    return self.path / "champions" / name

  def champion_files(self, name: str) -> list[str]:
    """Returns the files of a champion, relative to the run folder, sorted."""
    folder = self.champion(name)
    where = folder.relative_to(self.path)
    return sorted(str(where / file.name) for file in folder.iterdir())

  def write_history(self, name: str, epochs: Iterable[Epoch]) -> None:
    """Writes the epochs of a candidate as a table."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(HISTORY_FIELDS)
    for epoch in epochs:
      writer.writerow([getattr(epoch, field) for field in HISTORY_FIELDS])
    write_file(self.history(name), table.getvalue())

  def remove_checkpoints(self, name: str) -> None:
    """Removes the checkpoints of a candidate."""
    path = self.checkpoint(name)
    for file in (path, previous(path)):
      file.unlink(missing_ok=True)

  def tidy(self) -> None:
    """Removes files and folders that killed processes left half written."""
    for path in list(self.path.rglob(".*")):
      if not path.suffix[1:].isdecimal():
        continue
      if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
      else:
        path.unlink(missing_ok=True)

  def read_histories(self) -> dict[str, tuple[Epoch, ...]]:
    """Returns the epochs of each candidate that has a history, by name.

    Raises:
      ConfigError: A table is damaged.
    """
    return {
      path.parent.name: _read_history(path)
      for path in sorted(self.path.glob("candidates/*/history.csv"))
    }

  def read_config(self) -> Config:
    """Returns the settings and versions of the search.

    Raises:
      ConfigError: There is no search, or config.json is damaged.
    """
    try:
      return Config.read(self.config)
    except FileNotFoundError:
      raise ConfigError(f"--run_dir={self.path} holds no search") from None

  def read_result(self) -> Result | None:
    """Returns the result, None while the search has not ended.

    Raises:
      ConfigError: result.json is damaged.
    """
    try:
      return Result.read(self.result)
    except FileNotFoundError:
      return None

  def is_final(self, result: Result) -> bool:
    """Returns whether a search that has this result has nothing left to do."""
    lost = any(map(self.lost_files, result.champions))
    return not result.unverified and not lost

  def lost_files(self, champion: ChampionResult) -> list[Path]:
    """Returns the files of a champion that are no longer there."""
    files = [self.path / name for name in champion.files]
    return [path for path in files if not path.is_file()]


def _read_history(path: Path) -> tuple[Epoch, ...]:
  with open(path, encoding="utf-8", newline="") as file:
    rows = list(csv.reader(file))
  try:
    if tuple(rows[0]) != HISTORY_FIELDS:
      raise ValueError(f"columns {','.join(rows[0])}")
    epochs = tuple(Epoch(int(row[0]), *map(float, row[1:])) for row in rows[1:])
    if [epoch.epoch for epoch in epochs] != list(range(1, len(rows))):
      raise ValueError("epochs are not 1, 2, 3 and so on")
  except (ValueError, TypeError, IndexError) as error:
    raise ConfigError(f"{path}: damaged ({error})") from error
  return epochs


# Evaluation crops 7/8 of the short side of a photograph. Stored with 8/7 of an
# input's n pixels, the crop is the input pixel by pixel. With n + 32, up to n =
# 224, random crops of training are sharper.
STORE_MARGIN = 32


def store_side(base_resolution: int) -> int:
  """Returns the short side of stored images in pixels; 0 keeps their size."""
  if not base_resolution:
    return 0
  # 8/7 of more than 224 pixels are more than 32 pixels more.
  whole = (8 * base_resolution + 3) // 7
  return max(base_resolution + STORE_MARGIN, whole)


def store_of(settings: Settings) -> Store:
  """Returns where a search finds its data and keeps decoded images.

  Args:
    settings: Without `run_dir` and `cache_dir` nothing is kept; without
      `base_resolution` images keep their size.
  """
  root = Path(settings.cache_dir) if settings.cache_dir else None
  if root is None and settings.run_dir:
    root = RunFolder(Path(settings.run_dir)).cache
  return Store(
    root,
    store_side(settings.base_resolution),
    settings.tfds_dir,
    settings.download,
  )


def default_run_dir(data_name: str, pool: str) -> str:
  """Returns the run folder for a search without `--run_dir`."""
  return f"runs/{data_name}-{re.sub('[:,]', '-', pool)}"


def open_run(
  settings: Settings,
  versions: dict[str, str],
  needed_bytes: int,
  data: Fingerprint | None = None,
) -> RunFolder:
  """Creates the run folder, or opens the existing one of the same search.

  Args:
    settings: Complete, with a run folder.
    versions: Versions of the packages, recorded in a new folder.
    needed_bytes: Disk space that a new search needs.
    data: Which images the search has, recorded where that was not done yet, or
      where another key stands for the same images.

  Raises:
    ConfigError: The folder holds something else or cannot be written, or its
      disk has too little space. Nothing in the folder was changed.
  """
  folder = check_run(settings, needed_bytes)
  try:
    if not folder.config.exists():
      # config.json comes last: it makes the folder a run folder.
      write_file(folder.flags, _flagfile(settings))
      begun_with(settings, versions, data).write(folder.config)
    elif data is not None and (config := folder.read_config()).data != data:
      dataclasses.replace(config, data=data).write(folder.config)
  except OSError as error:
    raise _unusable(folder, error) from error
  return folder


def check_run(settings: Settings, needed_bytes: int) -> RunFolder:
  """Returns the run folder if it can be used; writes nothing.

  Args:
    settings: Complete, with a run folder.
    needed_bytes: Disk space that a new search needs.

  Raises:
    ConfigError: The folder holds something else, or its disk has too little
      space.
  """
  folder = RunFolder(Path(settings.run_dir))
  try:
    if folder.config.exists():
      config = folder.read_config()
      written = json.loads(folder.config.read_text())["settings"]
      check_same_settings(folder.path, config, written, settings)
      check_same_teacher(folder.path, config, settings)
      check_same_starts(folder.path, config, starts_of(settings))
      return folder
    if folder.path.exists() and not _is_ours(folder):
      raise ConfigError(
        f"--run_dir={folder.path} is not empty and holds no search"
      )
    place = _nearest_existing(folder.path)
    if not place.is_dir():
      raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    free = shutil.disk_usage(place).free
    if free < needed_bytes:
      raise ConfigError(
        f"--run_dir={folder.path}: the search needs {needed_bytes >> 20} MiB"
        f" of disk space, {free >> 20} MiB are free"
      )
  except OSError as error:
    raise _unusable(folder, error) from error
  return folder


def _unusable(folder: RunFolder, error: OSError) -> ConfigError:
  return ConfigError(
    f"--run_dir={folder.path} cannot be used ({one_line(error)})"
  )


def _is_ours(folder: RunFolder) -> bool:
  """Returns whether the folder holds only what a search writes first."""
  first = (folder.lock.name, folder.flags.name, folder.cache.name)
  begun = tuple(f".{p.name}." for p in (folder.flags, folder.config))
  return all(
    path.name in first or path.name.startswith(begun)
    for path in folder.path.iterdir()
  )


@contextlib.contextmanager
def no_cache_on_error(folder: RunFolder) -> Iterator[None]:
  """Removes a new run folder and its cache if the data set is wrong.

  Args:
    folder: Of a search that has not begun and decodes its data in this context.
  """
  new = [
    path
    for path in (folder.path, *folder.path.absolute().parents)
    if not path.exists()
  ]
  try:
    yield
  except ConfigError:
    shutil.rmtree(folder.cache, ignore_errors=True)
    with contextlib.suppress(OSError):  # Not created, or in use by others.
      for path in new:
        path.rmdir()
    raise


def _nearest_existing(path: Path) -> Path:
  return next(p for p in (path, *path.absolute().parents) if p.exists())


def _flagfile(settings: Settings) -> str:
  lines = [
    f"--{name}={value}" for name, value in dataclasses.asdict(settings).items()
  ]
  return "\n".join(lines) + "\n"
