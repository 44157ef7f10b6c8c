"""The folder that a search writes: what lies where, and whose it is."""

import csv
import dataclasses
import io
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.settings import FREE, Settings
from elite_tf.spec import Epoch

HISTORY_FIELDS = (
    "epoch",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "seconds",
)


def write_file(path: Path, data: str | bytes) -> None:
  """Writes a file as a whole: it is there with all its bytes or not at all.

  Raises:
    OSError: It cannot be written; nothing is left behind.
  """
  data = data.encode() if isinstance(data, str) else data
  path.parent.mkdir(parents=True, exist_ok=True)
  beside = path.with_name(f".{path.name}.{os.getpid()}")
  try:
    with open(beside, "wb") as file:
      file.write(data)
      file.flush()
      os.fsync(file.fileno())
    os.replace(beside, path)
  finally:
    beside.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True)
class RunFolder:
  """Paths of one run."""

  path: Path

  @property
  def config(self) -> Path:
    """Every setting as resolved, versions of the packages, seed."""
    return self.path / "config.json"

  @property
  def flags(self) -> Path:
    """A flagfile that runs the search again."""
    return self.path / "search.flags"

  @property
  def journal(self) -> Path:
    """Append-only record of the search."""
    return self.path / "journal.jsonl"

  @property
  def result(self) -> Path:
    """What the search found; there only when it has ended."""
    return self.path / "result.json"

  def history(self, name: str) -> Path:
    """A candidate's epochs as a table."""
    return self.path / "candidates" / name / "history.csv"

  def checkpoint(self, name: str) -> Path:
    """A candidate's training, to go on from."""
    return self.path / "candidates" / name / "checkpoint.npz"

  def champion(self, name: str) -> Path:
    """Folder of a champion's files."""
    return self.path / "champions" / name

  def write_history(self, name: str, epochs: Iterable[Epoch]) -> None:
    """Writes a candidate's epochs as a table."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(HISTORY_FIELDS)
    for epoch in epochs:
      writer.writerow([getattr(epoch, field) for field in HISTORY_FIELDS])
    write_file(self.history(name), table.getvalue())

  def read_result(self) -> dict | None:
    """Returns the result, None while the search has not ended."""
    try:
      return json.loads(self.result.read_text())
    except FileNotFoundError:
      return None
    except ValueError as error:
      raise ConfigError(f"{self.result}: damaged ({error})") from error


def find_champion(folder: RunFolder, champion: str) -> tuple[Path, str]:
  """Returns the folder of a champion's files and its search's data set.

  Args:
    folder: Of a search that has ended.
    champion: Its name; empty means the most accurate one in validation.

  Raises:
    ConfigError: There is no such search or champion.
  """
  result = folder.read_result()
  if result is None:
    raise ConfigError(f"--run_dir={folder.path} holds no finished search")
  champions = {entry["name"]: entry for entry in result["champions"]}
  if not champions:
    raise ConfigError(f"--run_dir={folder.path} holds no champion")
  if not champion:
    champion = max(champions, key=lambda n: champions[n]["val_accuracy"])
  if champion not in champions:
    raise ConfigError(
        f"--champion must be one of {', '.join(sorted(champions))}."
        f" Received: {champion}"
    )
  config = json.loads(folder.config.read_text())
  return folder.champion(champion), config["settings"]["data"]


def default_run_dir(data_name: str, pool: str) -> str:
  """Returns the run folder of a search that names none."""
  return f"runs/{data_name}-{pool.replace(':', '-')}"


def open_run(
    settings: Settings, versions: dict[str, str], needed_bytes: int
) -> RunFolder:
  """Makes the run folder, or takes up the one that is there.

  Args:
    settings: As resolved; `run_dir` is not empty.
    versions: Versions of the packages, recorded in a new folder.
    needed_bytes: Room that the search needs on the disk, if it is new.

  Raises:
    ConfigError: The folder holds something else, cannot be written, or its
      disk has no room. Nothing in it was changed.
  """
  folder = RunFolder(Path(settings.run_dir))
  try:
    if folder.config.exists():
      _check_same(folder, settings)
      return folder
    if folder.path.exists() and any(folder.path.iterdir()):
      raise ConfigError(
          f"--run_dir={folder.path} is not empty and holds no search"
      )
    free = shutil.disk_usage(_nearest_existing(folder.path)).free
    if free < needed_bytes:
      raise ConfigError(
          f"--run_dir={folder.path}: the search needs {needed_bytes >> 20} MiB"
          f" of disk, {free >> 20} MiB are free"
      )
    config = {"settings": dataclasses.asdict(settings), "versions": versions}
    write_file(folder.config, json.dumps(config, indent=2) + "\n")
    write_file(folder.flags, _flagfile(settings))
  except OSError as error:
    raise ConfigError(
        f"--run_dir={folder.path} cannot be used ({error.strerror})"
    ) from error
  return folder


def _nearest_existing(path: Path) -> Path:
  return next(p for p in (path, *path.absolute().parents) if p.exists())


def _flagfile(settings: Settings) -> str:
  lines = [
      f"--{name}={value}"
      for name, value in dataclasses.asdict(settings).items()
  ]
  return "\n".join(lines) + "\n"


def _check_same(folder: RunFolder, settings: Settings) -> None:
  try:
    there = dict(json.loads(folder.config.read_text())["settings"])
  except (ValueError, KeyError, TypeError) as error:
    raise ConfigError(f"{folder.config}: damaged ({error})") from error
  for name, here in dataclasses.asdict(settings).items():
    if name not in FREE and there.get(name) != here:
      raise ConfigError(
          f"--run_dir={folder.path} holds a search with other settings:"
          f" --{name} is {there.get(name)!r} there, {here!r} here"
      )
