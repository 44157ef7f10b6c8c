"""Finds a champion of a finished search, and its data set."""

from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings


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


def data_settings(folder: RunFolder) -> Settings:
  """Returns a search's pool and where it had its data; else the defaults.

  Raises:
    ConfigError: There is no search, or config.json is damaged.
  """
  there = folder.read_config().settings
  return Settings(
    run_dir=str(folder.path),
    pool=there.pool,
    cache_dir=there.cache_dir,
    tfds_dir=there.tfds_dir,
    base_resolution=there.base_resolution,
  )
