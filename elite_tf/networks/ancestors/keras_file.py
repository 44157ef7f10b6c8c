"""Networks of `keras.applications`, from a file of their weights.

They scale pixels in another way than this package: it is made up for in the
first convolution. Beyond the edge of an image they see another colour, then.
"""

import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elite_tf.data.preprocess import PIXEL_SCALE, PIXEL_ZERO
from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors.base import Weights
from elite_tf.networks.families import mobilenet_v2
from elite_tf.system.text import one_line

# (pixel / 255 - mean) / deviation, by colour.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def read_efficientnet_b0(path: Path) -> Weights:
  """Returns the weights of `keras.applications.EfficientNetB0`.

  Args:
    path: A file that `load_weights` reads, trained from weights="imagenet".

  Raises:
    ConfigError: The file is damaged or of another network.
  """
  model = _load("EfficientNetB0", path)
  (normalization,) = (
    layer for layer in model.layers if type(layer).__name__ == "Normalization"
  )
  mean = np.ravel(normalization.get_weights()[0])
  if not np.allclose(mean, MEAN, atol=1e-3):
    raise ConfigError(
      "--weights: EfficientNetB0 must normalize by ImageNet's means"
      f" {MEAN}, not {tuple(mean.round(3).tolist())}. Received: {path}"
    )
  return adapt_input(
    b0_weights(model),
    1 / (255 * np.float64(DEVIATION)),
    -np.float64(MEAN) / DEVIATION,
  )


def read_mobilenet_v2(path: Path) -> Weights:
  """Returns the weights of `keras.applications.MobileNetV2`, alpha 1.

  Args:
    path: A file that `load_weights` reads.

  Raises:
    ConfigError: The file is damaged or of another network.
  """
  weights = mobilenet_weights(_load("MobileNetV2", path))
  return adapt_input(weights, np.full(3, 1 / 127.5), np.full(3, -1.0))


def _load(name: str, path: Path):
  """Returns a Keras model, with its classifier if the file has one."""
  import keras

  reason: Exception | None = None
  for top in (True, False):
    model = getattr(keras.applications, name)(
      weights=None, include_top=top, input_shape=(224, 224, 3)
    )
    try:
      with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.load_weights(path)
    except (OSError, zipfile.BadZipFile) as error:  # It is damaged.
      reason = error
      break
    except (ValueError, KeyError, TypeError) as error:
      reason = reason or error
    else:
      return model
  raise ConfigError(
    f"--weights: not the weights of keras.applications.{name}"
    f" ({one_line(reason)}). Received: {path}"
  )


def b0_weights(model) -> dict[str, tuple[np.ndarray, ...]]:
  """Returns the weights of a keras.applications.EfficientNetB0, by our names.

  Its stages are numbered from 1, ours as in Table 2 of the paper.
  """
  weights = {}
  for layer in model.layers:
    name, arrays = layer.name, tuple(layer.get_weights())
    if name.startswith("block"):
      name = f"block{int(name[5]) + 1}{name[6:]}"
    name = name.replace("top_", "head_").replace("predictions", "logits")
    if arrays and type(layer).__name__ != "Normalization":
      weights[name] = arrays
  return weights


def mobilenet_weights(model) -> dict[str, tuple[np.ndarray, ...]]:
  """Returns the weights of a keras.applications.MobileNetV2, by our names."""
  there = {layer.name: tuple(layer.get_weights()) for layer in model.layers}
  return {ours: there[its] for ours, its in _mobilenet_names() if its in there}


def _mobilenet_names() -> Iterator[tuple[str, str]]:
  yield from (("stem_conv", "Conv1"), ("stem_bn", "bn_Conv1"))
  number = 0
  for stage, settings in enumerate(mobilenet_v2.STAGES, start=2):
    for repeat in range(settings.repeats):
      ours = f"block{stage}{chr(ord('a') + repeat)}"
      its = f"block_{number}" if number else "expanded_conv"
      if settings.expansion > 1:
        yield f"{ours}_expand_conv", f"{its}_expand"
        yield f"{ours}_expand_bn", f"{its}_expand_BN"
      yield f"{ours}_dwconv", f"{its}_depthwise"
      yield f"{ours}_bn", f"{its}_depthwise_BN"
      yield f"{ours}_project_conv", f"{its}_project"
      yield f"{ours}_project_bn", f"{its}_project_BN"
      number += 1
  yield from (("head_conv", "Conv_1"), ("head_bn", "Conv_1_bn"))
  yield "logits", "predictions"


def adapt_input(
  weights: Weights, factor: np.ndarray, offset: np.ndarray
) -> Weights:
  """Returns weights for this package's input, (pixel - 128) / 128.

  Args:
    weights: Of a network that sees factor * pixel + offset, by colour.
    factor: (3,).
    offset: (3,).
  """
  kernel = weights["stem_conv"][0].astype(np.float64)
  gamma, beta, mean, variance = weights["stem_bn"]
  constant = factor * PIXEL_ZERO + offset
  mean = mean - np.einsum("hwio,i->o", kernel, constant)
  kernel = kernel * (factor / PIXEL_SCALE)[:, None]
  arrays = (gamma, beta, mean.astype(np.float32), variance)
  return {
    **weights,
    "stem_conv": (kernel.astype(np.float32),),
    "stem_bn": arrays,
  }
