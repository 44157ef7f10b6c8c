"""Finds a champion of a finished search, and its data set."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.presets import resolve
from elite_tf.runs.settings import FREE, Settings


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
  champions = {champion.name: champion for champion in result.champions}
  if not champions:
    raise ConfigError(f"--run_dir={folder.path} holds no champion")
  if not champion:
    champion = max(champions, key=lambda n: champions[n].val_accuracy)
  if champion not in champions:
    raise ConfigError(
      f"--champion must be one of {', '.join(sorted(champions))}."
      f" Received: {champion}"
    )
  return folder.champion(champion), folder.read_config().settings.data


def data_settings(folder: RunFolder, given: Settings = Settings()) -> Settings:
  """Returns settings with the family of a search and the place of its data.

  Args:
    folder: Folder of the search.
    given: `cache_dir` and `tfds_dir` replace those of the search, unless they
      are empty; everything but `run_dir`, `pool` and `base_resolution` stays.

  Raises:
    ConfigError: There is no search, or config.json is damaged.
  """
  there = folder.read_config().settings
  return dataclasses.replace(
    given,
    run_dir=str(folder.path),
    pool=there.pool,
    base_resolution=there.base_resolution,
    cache_dir=given.cache_dir or there.cache_dir,
    tfds_dir=given.tfds_dir or there.tfds_dir,
  )


def search_settings(folder: RunFolder, given: Mapping[str, object]) -> Settings:
  """Returns the settings of a search, with those that were given in their place.

  Args:
    folder: Folder of the search; it may have been moved.
    given: Settings by name, only those that were given.

  Raises:
    ConfigError: There is no search, config.json is damaged, or a setting is
      wrong.
  """
  there = dataclasses.asdict(folder.read_config().settings)
  return resolve({**there, **given, "run_dir": str(folder.path)})


def differences(there: Settings, here: Settings) -> list[str]:
  """Returns the settings that decide results and differ, as flags.

  Args:
    there: Of the search.
    here: As they are now.
  """
  before = dataclasses.asdict(there)
  return [
    f"--{name}={value}"
    for name, value in dataclasses.asdict(here).items()
    if name not in FREE and value != before[name]
  ]
