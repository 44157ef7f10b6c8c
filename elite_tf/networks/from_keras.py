"""The rows of a plan, read back from a Keras model of one of the families."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from elite_tf.errors import ConfigError
from elite_tf.types import Layer

if TYPE_CHECKING:
  import keras

# Names that Keras gives to activations, and the families' for the same.
FUNCTIONS = {
  "silu": "swish",
  "swish": "swish",
  "hard_silu": "hard_swish",
  "hard_swish": "hard_swish",
  "relu": "relu",
  "relu6": "relu6",
  "sigmoid": "sigmoid",
  "softmax": "softmax",
}

# Batch norm's, of the families and by default of Keras: rows do not tell it.
EPSILON = 1e-3


class _Foreign(Exception):
  """A layer that no family has; says what it should be."""


def read_rows(model: keras.Model) -> tuple[Layer, ...]:
  """Returns the rows of which a model was built, the input's first.

  It is the inverse of `elite_tf.networks.to_keras.build`: what the rows are good for
  elsewhere (pricing, building, quantizing) they are good for here.

  Args:
    model: A functional model of the layers that the families have.

  Raises:
    ConfigError: A layer is of another kind; it is named.
  """
  entries = model.get_config().get("layers")
  if entries is None:
    raise ConfigError(
      f"{model.name} must be a functional Keras model, as the families'"
      f" networks are. Received: {type(model).__name__}"
    )
  return tuple(_read(model, entry) for entry in entries)


def _read(model: keras.Model, entry: dict) -> Layer:
  name = entry.get("name") or entry["config"]["name"]
  kind, config = entry["class_name"], entry["config"]
  try:
    if kind not in READERS:
      raise _Foreign(f"one of {', '.join(sorted(READERS))}")
    if len(entry["inbound_nodes"]) > 1:
      raise _Foreign("used once")
    fields = READERS[kind](config)
  except _Foreign as wanted:
    raise ConfigError(
      f"{model.name} is not a network of the families: its layer {name!r}"
      f" must be {wanted}. Received: {kind}"
    ) from None
  return Layer(
    name=name,
    inputs=tuple(_sources(entry["inbound_nodes"])),
    shape=tuple(model.get_layer(name).output.shape[1:]),
    **fields,
  )


def _sources(nested) -> Iterator[str]:
  """Yields the names of the layers that a serialized call refers to."""
  if isinstance(nested, dict):
    if "keras_history" in nested:
      yield nested["keras_history"][0]
    else:
      for value in nested.values():
        yield from _sources(value)
  elif isinstance(nested, (list, tuple)):
    for value in nested:
      yield from _sources(value)


def _require(met: bool, wanted: str) -> None:
  if not met:
    raise _Foreign(wanted)


def _convolution(op: str) -> Callable[[dict], dict]:
  def read(config: dict) -> dict:
    kernel, strides = config["kernel_size"], config["strides"]
    _require(config["padding"] == "same", "padded by 'same'")
    _require(config["activation"] == "linear", "without an activation")
    _require(len({*kernel}) == len({*strides}) == 1, "square")
    _require({*config["dilation_rate"]} == {1}, "without dilation")
    _require(config.get("groups", 1) == 1, "of one group")
    _require(config.get("depth_multiplier", 1) == 1, "of multiplier 1")
    return {
      "op": op,
      "kernel": kernel[0],
      "stride": strides[0],
      "bias": config["use_bias"],
    }

  return read


def _dense(config: dict) -> dict:
  _require(config["activation"] == "linear", "without an activation")
  return {"op": "dense", "bias": config["use_bias"]}


def _batch_norm(config: dict) -> dict:
  axis = config["axis"]
  _require(axis in (-1, 3, [3], [-1]), "along the channels")
  _require(config["center"] and config["scale"], "with gamma and beta")
  _require(config["epsilon"] == EPSILON, f"with epsilon {EPSILON}")
  return {"op": "batch_norm"}


def _activation(config: dict) -> dict:
  function = config["activation"]
  known = isinstance(function, str) and function in FUNCTIONS
  _require(known, f"an activation of {', '.join(sorted(FUNCTIONS))}")
  return {"op": "activation", "function": FUNCTIONS[function]}


def _dropout(config: dict) -> dict:
  whole = config.get("noise_shape") is not None
  return {
    "op": "stochastic_depth" if whole else "dropout",
    "rate": config["rate"],
  }


def _concatenate(config: dict) -> dict:
  _require(config["axis"] in (-1, 3), "along the channels")
  return {"op": "concatenate"}


# Class of a Keras layer -> function from its configuration to a row's fields.
READERS: dict[str, Callable[[dict], dict]] = {
  "InputLayer": lambda config: {"op": "input"},
  "Conv2D": _convolution("conv"),
  "DepthwiseConv2D": _convolution("depthwise"),
  "Dense": _dense,
  "BatchNormalization": _batch_norm,
  "Activation": _activation,
  "GlobalAveragePooling2D": lambda config: {"op": "mean"},
  "Dropout": _dropout,
  "Multiply": lambda config: {"op": "multiply"},
  "Add": lambda config: {"op": "add"},
  "Concatenate": _concatenate,
}
