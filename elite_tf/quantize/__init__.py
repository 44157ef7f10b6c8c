"""Quantization: the registry of methods.

A method is a function (model: keras.Model, calibration) -> .tflite bytes, where
`calibration` holds float32 images (n, height, width, channels) of the training
split, preprocessed. To add one: one file, and one line in `METHODS`.

Importing this package loads no TensorFlow: a dry run knows the names.
"""

from collections.abc import Callable

from elite_tf.errors import ConfigError
from elite_tf.quantize import post_training

METHODS: dict[str, Callable[..., bytes]] = {
    "int8": post_training.int8,
}


def check_method(name: str) -> None:
  """Refuses what is neither a method nor `none`.

  Raises:
    ConfigError: There is no such method; names those there are.
  """
  if name not in ("none", *METHODS):
    raise ConfigError(
        f"--quantize must be one of {', '.join(sorted({'none', *METHODS}))}."
        f" Received: {name!r}"
    )
