"""Quantization: the registry of methods.

A method is a function (model: keras.Model, material: Material) -> Quantized:
it is given the images that calibrate, train and decide, and returns a .tflite
file and what it tried on the way. To add one: one file, and one line in
`METHODS`.

Importing this package loads no TensorFlow: a dry run knows the names.
"""

from collections.abc import Callable

from elite_tf.conversion.quantize import qat, search
from elite_tf.conversion.quantize.auto import auto as _auto
from elite_tf.conversion.quantize.types import Material, Options, Quantized
from elite_tf.errors import ConfigError

__all__ = ["METHODS", "Material", "Options", "Quantized", "check_method"]

METHODS: dict[str, Callable[..., Quantized]] = {
  "int8": search.int8,
  "qat": qat.qat,
  "int16x8": search.int16x8,
  "auto": _auto,
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
