"""The weights that an application is given: ImageNet's, or those of a file."""

import logging
import os
import warnings
import zipfile
from pathlib import Path

import keras

from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors import IMAGENET, Start, find_starts
from elite_tf.networks.saved_network import check_same
from elite_tf.system.text import one_line

logger = logging.getLogger(__name__)


def checked_weights(weights: str | os.PathLike | None) -> Path | None:
  """Returns the path of a weights file, None for random weights.

  Raises:
    ConfigError: There is no such file.
  """
  if weights is None:
    return None
  if isinstance(weights, (str, os.PathLike)) and Path(weights).is_file():
    return Path(weights)
  raise ConfigError(
    "weights must be None, 'imagenet' or the path of a weights file."
    f" Received: {weights!r}"
  )


def imagenet(family: str) -> Start:
  """Returns the weights of the ancestor of a family, trained on ImageNet.

  Raises:
    ConfigError: The family has no ancestor, or its weights are not installed.
  """
  try:
    return find_starts(IMAGENET, [family])[family]
  except ConfigError as error:
    text = str(error).replace("--weights", "weights")
    raise ConfigError(text) from error


def load(model: keras.Model, path: Path, chosen: bool) -> None:
  """Loads the weights of a file into a network, if they are of such a network.

  Args:
    model: The network.
    path: Weights file, `.weights.h5` or `.keras`.
    chosen: Whether the user chose the input size; otherwise it must be that of
      the file.

  Raises:
    ConfigError: The weights are of another network.
  """
  try:
    with warnings.catch_warnings():
      # A file of another network causes a warning for every layer, and then the
      # error that says so.
      warnings.simplefilter("ignore", UserWarning)
      model.load_weights(path)
  except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
    raise ConfigError(
      f"weights do not fit {model.name} ({one_line(error)}). Received: {path}"
    ) from error
  note = check_same(model, path, chosen)
  if note:
    logger.warning(note)
