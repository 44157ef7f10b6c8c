"""What a file of weights says of the network that they were trained in.

Weights have the same shapes whatever the stride of the first convolution, the
activation and the input size are, so that Keras loads them into a network that
computes something else.
"""

import json
import zipfile
from pathlib import Path
from typing import NamedTuple, Self

import h5py
import keras

from elite_tf.errors import ConfigError
from elite_tf.networks.families.efficientnet import ACTIVATIONS


class SavedNetwork(NamedTuple):
  """What decides the answers of a network besides its weights.

  Attributes:
    shape: (height, width, channels) of the input; None if it is not known.
    stride: Step of the first convolution, in pixels; None if it is not known.
    activation: Activation of the stem; None if it is not known.
  """

  shape: tuple[int | None, ...] | None
  stride: int | None
  activation: str | None

  @classmethod
  def read(cls, path: Path) -> Self:
    """Returns what a file says.

    A `.keras` file has the whole network. A `.weights.h5` file has the names of
    the layers, among them the activation, and nothing else.

    Args:
      path: A file whose weights Keras has loaded.
    """
    if zipfile.is_zipfile(path):
      with zipfile.ZipFile(path) as file:
        return cls.of(json.loads(file.read("config.json"))["config"])
    names = []
    with h5py.File(path) as file:
      file.visititems(lambda _, item: names.append(item.attrs.get("name")))
    return cls(None, None, _activation(names))

  @classmethod
  def of(cls, config: dict) -> Self:
    """Returns what a configuration of a functional Keras model says."""
    layers = {e["config"]["name"]: e for e in config.get("layers", ())}
    shapes = [
      entry["config"]["batch_shape"]
      for entry in layers.values()
      if entry["class_name"] == "InputLayer"
    ]
    stem = layers.get("stem_conv", {"config": {}})["config"]
    return cls(
      tuple(shapes[0][1:]) if len(shapes) == 1 else None,
      stem["strides"][0] if "strides" in stem else None,
      _activation(layers),
    )


def _activation(names) -> str | None:
  known = [name for name in ACTIVATIONS if f"stem_{name}" in names]
  return known[0] if known else None


def check_same(model: keras.Model, path: Path, chosen: bool) -> str:
  """Checks that a network computes what the network in a file computes.

  Args:
    model: Of `elite_tf.networks.applications`, with the weights of the file.
    path: The file.
    chosen: Whether the user chose the input size; one of the user's choice may
      be another one than that of the file, because no weights depend on it.

  Returns:
    What the user has to know, as the file does not say it; "" for nothing.

  Raises:
    ConfigError: The stride of the stem, the activation or an input size that
      was not chosen differs.
  """
  here, there = SavedNetwork.of(model.get_config()), SavedNetwork.read(path)
  instead = f"keras.saving.load_model loads it as it is. Received: {path}"
  if there.activation not in (None, here.activation):
    raise ConfigError(
      f"weights are of a network with the activation {there.activation}, and"
      f" {model.name} has {here.activation}; from a .keras file {instead}"
    )
  if not chosen and there.shape not in (None, here.shape):
    raise ConfigError(
      f"input_shape must be given: weights are of a network for {there.shape},"
      f" and the default of {model.name} is {here.shape}. Received: {path}"
    )
  if there.stride not in (None, here.stride):
    raise ConfigError(
      f"weights are of a network whose first convolution has stride"
      f" {there.stride}, and {model.name} for {here.shape} has"
      f" {here.stride}; {instead}"
    )
  if there.stride is not None and there.activation is not None:
    return ""
  return (
    f"{path} does not say for which input size its weights are, and which"
    f" stride the first convolution has (a .keras file does); {model.name} for"
    f" {here.shape} has stride {here.stride}"
  )
