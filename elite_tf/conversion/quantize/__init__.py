"""Quantization: the registry of methods.

A method is a function (model: keras.Model, material: Material) -> Quantized:
it is given the images that calibrate, train and decide, and returns a .tflite
file and what it tried on the way. To add one: one file, one line in `METHODS`,
and its name in the setting `quantize` of `elite_tf.runs.settings`.

Importing this package loads no TensorFlow: a dry run knows the names.
"""

from collections.abc import Callable

from elite_tf.conversion.quantize import qat, search
from elite_tf.conversion.quantize.auto import auto as _auto
from elite_tf.conversion.quantize.types import Material, Options, Quantized

__all__ = ["METHODS", "Material", "Options", "Quantized"]

METHODS: dict[str, Callable[..., Quantized]] = {
  "int8": search.int8,
  "qat": qat.qat,
  "int16x8": search.int16x8,
  "auto": _auto,
}
