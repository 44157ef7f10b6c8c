"""Finds a champion of a finished search, and the data of the search."""

import dataclasses
import json
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings


def find_champion(folder: RunFolder, champion: str) -> tuple[Path, str]:
  """Returns the folder of a champion and the data set of its search.

  Args:
    folder: Of a finished search.
    champion: Name of the champion; empty means the most accurate one in
      validation.

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


def data_settings(folder: RunFolder) -> Settings:
  """Returns a search's pool and where it had its data; else the defaults."""
  there = json.loads(folder.config.read_text())["settings"]
  names = ("pool", "cache_dir", "tfds_dir", "base_resolution")
  known = {name: there[name] for name in names if name in there}
  return dataclasses.replace(Settings(run_dir=str(folder.path)), **known)
