"""keras.Model -> the layers that it was built from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from elite_tf.errors import ConfigError
from elite_tf.networks.layers import LAYER_KINDS
from elite_tf.networks.layers.base import ForeignLayer, LayerKind
from elite_tf.types import Layer

if TYPE_CHECKING:
  import keras


def read_layers(model: keras.Model) -> tuple[Layer, ...]:
  """Returns the layers that a model was built from, the input first.

  The inverse of `elite_tf.networks.keras_layers.build_model`: the layers can be
  priced, built, predicted and quantized like those of a family.

  Args:
    model: A functional model whose layers are of the kinds in
      `elite_tf.networks.layers.LAYER_KINDS`.

  Raises:
    ConfigError: A layer is of another kind; the error names it.
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
  try:
    if len(entry["inbound_nodes"]) > 1:
      raise ForeignLayer("used once")
    kind, fields = _kind_and_fields(entry["class_name"], entry["config"])
  except ForeignLayer as wanted:
    raise ConfigError(
      f"{model.name} is not a network of the families: its layer {name!r}"
      f" must be {wanted}. Received: {entry['class_name']}"
    ) from None
  return Layer(
    name=name,
    op=kind.op,
    function=kind.function,
    inputs=tuple(_sources(entry["inbound_nodes"])),
    shape=tuple(model.get_layer(name).output.shape[1:]),
    **fields,
  )


def _kind_and_fields(
  keras_class: str, config: dict
) -> tuple[LayerKind, dict[str, Any]]:
  """Returns the first kind that a Keras layer is of, and its fields."""
  kinds = [k for k in LAYER_KINDS.values() if k.keras_class == keras_class]
  if not kinds:
    known = sorted({kind.keras_class for kind in LAYER_KINDS.values()})
    raise ForeignLayer(f"one of {', '.join(known)}")
  for kind in kinds:
    try:
      return kind, kind.from_keras(config)
    except ForeignLayer as error:
      refused = error
  raise refused


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
