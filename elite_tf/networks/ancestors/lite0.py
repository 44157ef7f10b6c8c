"""EfficientNet-Lite0 as trained on ImageNet, from a package for PyTorch."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors import torch_file
from elite_tf.networks.ancestors.base import CLASSES, Weights
from elite_tf.networks.families.efficientnet import (
  HEAD_CHANNELS,
  STAGES,
  STEM_CHANNELS,
)

# Published networks see (pixel - 127) / 128. This package's (pixel - 128) / 128
# is darker by 1/255 of the range, which no prediction has been seen to notice.


def _blocks() -> Iterator[tuple[str, int, int, int, int]]:
  """Yields name, kernel, expansion, channels in and out of every block."""
  channels = STEM_CHANNELS
  for number, stage in enumerate(STAGES, start=2):
    for repeat in range(stage.repeats):
      name = f"block{number}{chr(ord('a') + repeat)}"
      yield name, stage.kernel, stage.expansion, channels, stage.channels
      channels = stage.channels


def _names() -> Iterator[tuple[str, str, tuple[int, ...]]]:
  """Yields layer, beginning of the names in the file, shape of the kernel.

  The shape is PyTorch's: channels out, channels in, height, width; for batch
  norm, its channels.
  """
  yield "stem_conv", "_conv_stem", (STEM_CHANNELS, 3, 3, 3)
  yield "stem_bn", "_bn0", (STEM_CHANNELS,)
  for number, (name, kernel, ratio, before, after) in enumerate(_blocks()):
    there = f"_blocks.{number}."
    wide = ratio * before
    if ratio > 1:
      yield f"{name}_expand_conv", f"{there}_expand_conv", (wide, before, 1, 1)
      yield f"{name}_expand_bn", f"{there}_bn0", (wide,)
    yield f"{name}_dwconv", f"{there}_depthwise_conv", (wide, 1, kernel, kernel)
    yield f"{name}_bn", f"{there}_bn1", (wide,)
    yield f"{name}_project_conv", f"{there}_project_conv", (after, wide, 1, 1)
    yield f"{name}_project_bn", f"{there}_bn2", (after,)
  channels = STAGES[-1].channels
  yield "head_conv", "_conv_head", (HEAD_CHANNELS, channels, 1, 1)
  yield "head_bn", "_bn1", (HEAD_CHANNELS,)
  yield "logits", "_fc", (CLASSES, HEAD_CHANNELS)


# From PyTorch's axes to Keras's.
_AXES = {"conv": (2, 3, 1, 0), "dwconv": (2, 3, 0, 1), "logits": (1, 0)}


def read(path: Path) -> Weights:
  """Returns the weights of all layers.

  Args:
    path: A file of `elite_tf.networks.ancestors.torch_file` with the names of
      `lukemelas/EfficientNet-PyTorch`.

  Raises:
    ConfigError: The file cannot be read, or is of another network.
  """
  arrays = torch_file.read(path)
  weights = {}
  for layer, name, shape in _names():
    kernel = _get(arrays, f"{name}.weight", shape, path)
    kind = layer.rpartition("_")[2]
    others = () if kind in ("conv", "dwconv") else ("bias",)
    if kind == "bn":
      others = ("bias", "running_mean", "running_var")
    weights[layer] = (
      np.ascontiguousarray(kernel.transpose(_AXES.get(kind))),
      *(_get(arrays, f"{name}.{each}", shape[:1], path) for each in others),
    )
  return weights


def _get(arrays, name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
  found = arrays.get(name)
  if found is None or found.shape != shape or found.dtype != np.float32:
    raise ConfigError(
      f"--weights: {name} of EfficientNet-Lite0 must be float32 of the shape"
      f" {shape}; in the file it is"
      f" {'missing' if found is None else f'{found.dtype} {found.shape}'}."
      f" Received: {path}"
    )
  if not np.isfinite(found).all():
    raise ConfigError(
      f"--weights: {name} has values that are no numbers. Received: {path}"
    )
  return found
