"""Keras's backends: the registry, and how Keras is loaded.

To add a backend: one file with a `Backend`, and one line in `BACKENDS`.
Importing this package loads neither Keras nor a backend.
"""

import os
import sys

from elite_tf.errors import ConfigError
from elite_tf.system.backend.base import Backend
from elite_tf.system.backend.jax import Jax
from elite_tf.system.backend.tensorflow import TensorFlow
from elite_tf.system.hidden import hidden
from elite_tf.system.quiet import quiet

__all__ = ("BACKENDS", "Backend", "current", "load_keras")

# By name, as KERAS_BACKEND takes it; the first one is the default.
BACKENDS: dict[str, Backend] = {
  backend.name: backend for backend in (TensorFlow(), Jax())
}


def current() -> Backend:
  """Returns the backend of the loaded Keras, else the environment's.

  Loads nothing.

  Raises:
    ConfigError: Networks cannot be trained with that backend.
  """
  keras = sys.modules.get("keras")
  name = (
    keras.backend.backend()
    if keras is not None
    else os.environ.get("KERAS_BACKEND") or next(iter(BACKENDS))
  )
  if name not in BACKENDS:
    raise ConfigError(
      f"KERAS_BACKEND must be one of {', '.join(BACKENDS)}. Received: {name}"
    )
  return BACKENDS[name]


def load_keras(threads: int = 0):
  """Loads Keras and its backend, set up for this machine; returns `keras`.

  Call it before anything else imports them, in a process of this package's own:
  Keras then takes matplotlib and scikit-learn for not installed. What the user
  has set in the environment is kept.

  Args:
    threads: Threads that compute; 0 means one per core.

  Raises:
    ConfigError: The backend is unknown or not installed.
  """
  backend = current()
  os.environ["KERAS_BACKEND"] = backend.name
  # Keras loads sklearn and matplotlib for wrappers and drawings, TensorFlow
  # loads JAX for its converter: together 40 % of the time to load.
  others = [name for name in BACKENDS if name != backend.name]
  try:
    with quiet(), hidden("matplotlib", "sklearn", *others):
      backend.set_up(threads)
      import keras
  except ModuleNotFoundError as error:
    # Where a package that the backend needs is missing, the rest of the error
    # is of use.
    if error.name not in (backend.name, f"{backend.name}lib"):
      raise
    raise ConfigError(
      f"{error.name} is not installed, and KERAS_BACKEND is {backend.name} (its"
      f" default is {next(iter(BACKENDS))}); the other one is {', '.join(others)}"
    ) from error
  return keras
