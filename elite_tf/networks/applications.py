"""The paper's networks and Lite0, used like those of `keras.applications`.

    import elite_tf
    model = elite_tf.EfficientNetELite9(classes=10, input_shape=(96, 96, 1))
    probabilities = model(elite_tf.preprocess(images, 96))

Input: float32 (batch, height, width, channels) from -1 to 127/128, which is
(pixel - 128) / 128 of pixels from 0 to 255. `elite_tf.preprocess` makes it of
uint8 images.
"""

import dataclasses
import logging
import os
import textwrap
from collections.abc import Callable
from typing import NamedTuple

import keras

from elite_tf.errors import ConfigError
from elite_tf.networks import application_weights
from elite_tf.networks.ancestors import (
  IMAGENET,
  ancestor_of,
)
from elite_tf.networks.ancestors.give import give_weights
from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import get_family
from elite_tf.networks.keras_layers import build_layers
from elite_tf.networks.pool import MIN_RESOLUTION, make_pool
from elite_tf.types import Candidate, Layer

logger = logging.getLogger(__name__)


class Entry(NamedTuple):
  """A row of the paper's Table 5, or a network from which others are made.

  Attributes:
    row: Name in the table; empty for a network that is not in it.
    family: Name in `elite_tf.networks.families.FAMILIES`.
    w: Width level.
    d: Depth level.
    r: Resolution level.
    top1: Published accuracy on ImageNet, in percent.
    remark: What a reader of the table has to know.
  """

  row: str
  family: str
  w: int
  d: int
  r: int
  top1: float
  remark: str = ""


APPLICATIONS = {
    "EfficientNetELite0": Entry(
        "eLite0", "elite", 1, 1, 1, 76.89, "The network is EfficientNet-B0."
    ),
    "EfficientNetELite1": Entry("eLite1", "elite", 1, 2, 1, 76.62),
    "EfficientNetELite2": Entry("eLite2", "elite", 1, 3, 1, 76.14),
    "EfficientNetELite3": Entry("eLite3", "elite", 2, 2, 1, 75.65),
    # The table prints r = 1, but its MACs are those of r = 2. With r = 2, each
    # of eLite3 to eLite9 is in another group, as champions must be.
    "EfficientNetELite4": Entry(
        "eLite4", "elite", 2, 3, 2, 74.41,
        "The table prints r = 1 and 3.17 M parameters: misprints, as the"
        " multiply-accumulates in the same row show.",
    ),
    "EfficientNetELite5": Entry("eLite5", "elite", 3, 2, 1, 73.33),
    "EfficientNetELite6": Entry("eLite6", "elite", 3, 3, 1, 72.23),
    "EfficientNetELite7": Entry("eLite7", "elite", 3, 4, 2, 70.18),
    "EfficientNetELite8": Entry("eLite8", "elite", 4, 2, 1, 68.80),
    "EfficientNetELite9": Entry("eLite9", "elite", 4, 4, 1, 65.46),
    "EfficientNetHF0": Entry("HF0", "hf", 1, 1, 1, 76.46),
    "EfficientNetHF1": Entry("HF1", "hf", 2, 2, 1, 75.08),
    "EfficientNetHF2": Entry("HF2", "hf", 1, 4, 1, 73.51),
    "EfficientNetHF3": Entry("HF3", "hf", 1, 2, 2, 70.32),
    "EfficientNetHF4": Entry("HF4", "hf", 2, 3, 2, 67.95),
    "EfficientNetHF5": Entry("HF5", "hf", 1, 4, 2, 66.76),
    "EfficientNetLite0": Entry("", "lite", 1, 1, 1, 75.1),
}  # fmt: skip

__all__ = sorted(APPLICATIONS)

_SUMMARY = (
  "{size} x {size} pixels, {params:,} parameters, {macs:,}"
  " multiply-accumulates (with three channels and 1000 classes). {what}, with"
  " {top1} % top-1 accuracy on ImageNet {where}. {remark}"
)

_WEIGHTS = (
  'weights: None, "imagenet" or the path of a weights file of this network'
  ' (`.weights.h5` or `.keras`). "imagenet" gives {the} weights of {ancestor};'
  " the classifier's only with 1000 classes. They are in {source}."
)

# Filled in for each row of the table, so that help() shows its figures.
_DOCSTRING = """Returns {name}, with random weights or trained ones.

{summary}

  Input: float32 (batch, height, width, channels) from -1 to 127/128, which is
  (pixel - 128) / 128 of pixels from 0 to 255; `elite_tf.preprocess` makes it of
  uint8 images. The network does not scale pixels itself. As in a search, its
  first convolution keeps every pixel of an input whose shorter side has fewer
  than {halves_from} pixels, and halves a larger one.

  Args:
    include_top: Whether the network ends with its classifier; if not, with the
      activation of the last convolution, pooled as `pooling` says.
{weights}
    input_tensor: Keras tensor to use as the input; None makes one.
    input_shape: (height, width, channels) of the input: at least {least} pixels
      per side (None: any size), 1 or 3 channels. None means
      ({size}, {size}, 3).
    pooling: None, "avg" or "max": how the output is pooled if `include_top` is
      False.
    classes: Number of classes.
    classifier_activation: Activation of the classifier; None gives logits.
    name: Name of the model.

  Returns:
    A keras.Model. Output: float32 (batch, classes), probabilities unless
    `classifier_activation` says otherwise; without top (batch, height, width,
    channels), or (batch, channels) if pooled.

  Raises:
    ConfigError: An argument is not as described (it is a ValueError too).

  Example:

    model = elite_tf.{name}(classes=10)
    probabilities = model(elite_tf.preprocess(images, {size}))
  """


def _candidate(entry: Entry, base_resolution: int | None = None) -> Candidate:
  levels = (entry.w, entry.d, entry.r)
  pool = make_pool(entry.family, base_resolution=base_resolution)
  return next(c for c in pool if (c.w, c.d, c.r) == levels)


def _halves_from(entry: Entry) -> int:
  """Returns the least input size whose stem has stride 2, in pixels.

  That of the row's level in the smallest pool with this stride.
  """
  family = get_family(entry.family)
  return _candidate(entry, family.stem_halves_from).resolution


def _docstring(name: str, entry: Entry) -> str:
  candidate = _candidate(entry)
  cost = network_cost(get_family(entry.family).layers(candidate))
  size = candidate.resolution
  summary = _SUMMARY.format(
    size=size,
    params=cost.params,
    macs=cost.macs,
    what=(
      f"Row {entry.row} of the paper's Table 5 (w{entry.w}, d{entry.d},"
      f" r{entry.r})"
      if entry.row
      else "EfficientNet-Lite0"
    ),
    top1=f"{entry.top1:.2f}" if entry.row else entry.top1,
    where="in the paper" if entry.row else "as published",
    remark=entry.remark,
  )
  ancestor = ancestor_of(entry.family)
  whole = (entry.family, entry.w, entry.d) == (ancestor.family, 1, 1)
  return _DOCSTRING.format(
    name=name,
    weights=textwrap.fill(
      _WEIGHTS.format(
        the="the" if whole else "a slice of the",
        ancestor=ancestor.name,
        source=ancestor.source,
      ),
      80,
      initial_indent="    ",
      subsequent_indent="      ",
      break_long_words=False,
    ),
    summary=textwrap.fill(
      summary, 80, initial_indent="  ", subsequent_indent="  "
    ),
    least=MIN_RESOLUTION,
    halves_from=_halves_from(entry),
    size=size,
  )


def _make(name: str, entry: Entry) -> Callable[..., keras.Model]:
  """Returns the function for one row, with its own default name."""

  def application(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_tensor: keras.KerasTensor | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | Callable | None = "softmax",
    name: str = name,
  ) -> keras.Model:
    imagenet = weights == IMAGENET
    start = application_weights.imagenet(entry.family) if imagenet else None
    path = None if imagenet else application_weights.checked_weights(weights)
    candidate = _candidate(entry)
    image = _image(input_tensor, input_shape, candidate.resolution)
    sides = [side for side in image.shape[1:3] if side is not None]
    if sides and min(sides) < _halves_from(entry):
      candidate = dataclasses.replace(candidate, stem_stride=1)
    if include_top:
      output = _classify(candidate, image, classes, classifier_activation)
    else:
      output = _features(candidate, image, pooling)
    model = keras.Model(_source(image), output, name=name)
    if start:
      return give_weights(model, _layers(candidate, image, classes), start)
    if path:
      chosen = input_shape is not None or input_tensor is not None
      application_weights.load(model, path, chosen)
    return model

  application.__name__ = application.__qualname__ = name
  application.__doc__ = _docstring(name, entry)
  return application


def _classify(
  candidate: Candidate, image: keras.KerasTensor, classes: int, activation
) -> keras.KerasTensor:
  if not isinstance(classes, int) or isinstance(classes, bool) or classes < 1:
    raise ConfigError(
      f"classes must be a whole number above zero. Received: {classes!r}"
    )
  try:
    layer = keras.layers.Activation(activation, name="probabilities")
  except (ValueError, TypeError) as error:
    raise ConfigError(
      "classifier_activation must be an activation of Keras, a function or"
      f" None. Received: {activation!r}"
    ) from error
  layers = _layers(candidate, image, classes)
  logits = build_layers(layers, image, last="logits")
  return logits if activation is None else layer(logits)


def _layers(
  candidate: Candidate, image: keras.KerasTensor, classes: int
) -> tuple[Layer, ...]:
  """Returns the layers, of which only the input size may be another."""
  candidate = dataclasses.replace(
    candidate, classes=classes, channels=image.shape[-1]
  )
  return get_family(candidate.family).layers(candidate)


def _features(
  candidate: Candidate, image: keras.KerasTensor, pooling: str | None
) -> keras.KerasTensor:
  if pooling not in (None, "avg", "max"):
    raise ConfigError(
      f"pooling must be None, 'avg' or 'max'. Received: {pooling!r}"
    )
  layers = get_family(candidate.family).layers(candidate)
  last = f"head_{get_family(candidate.family).activation}"
  features = build_layers(layers, image, last=last)
  if pooling == "avg":
    return keras.layers.GlobalAveragePooling2D(name="avg_pool")(features)
  if pooling == "max":
    return keras.layers.GlobalMaxPooling2D(name="max_pool")(features)
  return features


def _image(tensor, shape, resolution: int) -> keras.KerasTensor:
  """Returns the tensor that the network is applied to."""
  if shape is not None:
    _check_shape(shape)
  if tensor is None:
    shape = shape or (resolution, resolution, 3)
    return keras.Input(tuple(shape), name="image")
  if not keras.backend.is_keras_tensor(tensor):
    raise ConfigError(
      "input_tensor must be a Keras tensor, such as keras.Input returns."
      f" Received: {type(tensor).__name__}"
    )
  if len(tensor.shape) != 4:
    raise ConfigError(
      "input_tensor must have four axes (batch, height, width, channels)."
      f" Received: shape {tensor.shape}"
    )
  if shape is not None and tuple(shape) != tuple(tensor.shape[1:]):
    raise ConfigError(
      f"input_shape must be that of input_tensor, {tensor.shape[1:]}."
      f" Received: {shape}"
    )
  return tensor


def _check_shape(shape) -> None:
  if (
    isinstance(shape, (tuple, list))
    and len(shape) == 3
    and all(
      side is None or (isinstance(side, int) and side >= MIN_RESOLUTION)
      for side in shape[:2]
    )
    and shape[2] in (1, 3)
  ):
    return
  raise ConfigError(
    "input_shape must be (height, width, channels), at least"
    f" {MIN_RESOLUTION} pixels per side and 1 or 3 channels. Received: {shape}"
  )


def _source(image: keras.KerasTensor):
  # An input_tensor may be the output of layers: the model begins where they
  # begin.
  sources = keras.utils.get_source_inputs(image)
  return sources[0] if len(sources) == 1 else sources


globals().update(
  {name: _make(name, entry) for name, entry in APPLICATIONS.items()}
)
