"""The data of a champion that is converted again: in the parts of its search."""

import dataclasses

from elite_tf.data import sources
from elite_tf.runs.config import check_same_data
from elite_tf.runs.folder import RunFolder, store_of
from elite_tf.runs.settings import Settings


def load_data(settings: Settings, folder: RunFolder | None) -> sources.Dataset:
  """Loads the data; with the parts of the search, if they are its data.

  Args:
    settings: Of the conversion. Another seed than the search's draws other
      calibration images, but divides the data as the search did.
    folder: Run folder of the search; None for a network of no search.

  Raises:
    ConfigError: The data are wrong, or not those of the search.
  """
  store = store_of(settings)
  if folder is None:
    return sources.load(settings.data, settings.seed, store)
  config = folder.read_config()
  if settings.data == config.settings.data:
    # Another seed would validate with images that were trained on.
    settings = dataclasses.replace(settings, seed=config.settings.seed)
  data = sources.load(settings.data, settings.seed, store)
  check_same_data(folder.path, config, settings, store, data)
  return data
