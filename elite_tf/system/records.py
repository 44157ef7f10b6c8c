"""Dataclasses that are written and read as JSON.

The key of a field is its name without a trailing underscore, which avoids names
that Python reserves: the key of `class_` is "class". A field may be a bool, int,
float, str, `X | None`, `tuple[X, ...]`, `dict[str, X]`, another dataclass or
`typing.Any`.
"""

import dataclasses
import functools
import json
import types
import typing
from pathlib import Path
from typing import Any, Self

from elite_tf.errors import ConfigError
from elite_tf.system.atomic_files import write_file

# Metadata of a field that is not written if it is empty.
OMIT_EMPTY = {"omit_empty": True}

_NAMES = {
  bool: "true or false",
  dict: "an object",
  float: "a number",
  int: "a whole number",
  list: "a list",
  str: "a string",
}


class Record:
  """Base of a dataclass that is written as a JSON object."""

  def to_json(self) -> dict:
    """Returns the record as dictionaries, lists, strings and numbers."""
    return to_json(self)

  @classmethod
  def from_json(cls, value: object, source: str) -> Self:
    """Returns the record of a JSON value.

    Args:
      value: As returned by `json.loads`. Unknown keys are ignored; fields with
        defaults may be missing.
      source: Where the value is from, for the error.

    Raises:
      ConfigError: A field is missing or has another type.
    """
    return _read(cls, value, source, "")

  @classmethod
  def read(cls, path: Path) -> Self:
    """Returns the record in a file.

    Raises:
      FileNotFoundError: There is no file.
      ConfigError: The file is damaged or is not such a record.
      OSError: The file cannot be read.
    """
    try:
      value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
      raise ConfigError(f"{path}: damaged ({error})") from error
    return cls.from_json(value, str(path))

  def write(self, path: Path) -> None:
    """Writes the record to a file, whole or not at all.

    Raises:
      OSError: The file cannot be written.
    """
    write_file(path, dumps(self.to_json()) + "\n")


def to_json(value: Any) -> Any:
  """Returns a value with all dataclasses in it converted for `json.dumps`."""
  if dataclasses.is_dataclass(value):
    return {
      field.name.removesuffix("_"): to_json(held)
      for field in dataclasses.fields(value)
      if (held := getattr(value, field.name)) or not _is_optional(field)
    }
  if isinstance(value, dict):
    return {key: to_json(held) for key, held in value.items()}
  if isinstance(value, list | tuple):
    return [to_json(held) for held in value]
  return value


def dumps(value: Any, indent: str = "") -> str:
  """Returns JSON for people: indented, with lists of numbers on one line.

  Args:
    value: What `to_json` returns.
    indent: Spaces before the lines but the first.
  """
  deeper = indent + "  "
  if isinstance(value, dict):
    items = [
      f"{json.dumps(str(key))}: {dumps(held, deeper)}"
      for key, held in value.items()
    ]
    ends = "{}"
  elif isinstance(value, list) and not all(map(_is_number, value)):
    items, ends = [dumps(held, deeper) for held in value], "[]"
  else:
    return json.dumps(value)
  if not items:
    return ends
  joined = f",\n{deeper}".join(items)
  return f"{ends[0]}\n{deeper}{joined}\n{indent}{ends[1]}"


def _is_number(value: Any) -> bool:
  return type(value) in (int, float)


def _is_optional(field: dataclasses.Field) -> bool:
  return field.metadata.get("omit_empty", False)


def _read(kind: Any, value: Any, source: str, place: str) -> Any:
  """Converts a JSON value to a type; `place` is its path in `source`."""
  if kind is Any:
    return value
  if dataclasses.is_dataclass(kind):
    return _read_record(kind, value, source, place)
  origin, inner = typing.get_origin(kind), typing.get_args(kind)
  if origin is types.UnionType:
    (known,) = (one for one in inner if one is not types.NoneType)
    return None if value is None else _read(known, value, source, place)
  if origin is tuple:
    _require(list, value, source, place)
    if all(type(held) is inner[0] for held in value):  # Long rows of numbers.
      return tuple(value)
    return tuple(
      _read(inner[0], held, source, f"{place}[{number}]")
      for number, held in enumerate(value)
    )
  if origin is dict:
    _require(dict, value, source, place)
    return {
      key: _read(inner[1], held, source, f"{place}[{key!r}]")
      for key, held in value.items()
    }
  if kind is float and type(value) is int:
    return float(value)
  _require(kind, value, source, place)
  return value


def _read_record(kind: type, value: Any, source: str, place: str) -> Any:
  _require(dict, value, source, place)
  known = {}
  for field, type_ in _fields(kind):
    key = field.name.removesuffix("_")
    path = f"{place}.{key}" if place else key
    if key in value:
      known[field.name] = _read(type_, value[key], source, path)
    elif _has_no_default(field):
      raise ConfigError(f"{source}: {path} is missing")
  return kind(**known)


@functools.cache
def _fields(kind: type) -> list[tuple[dataclasses.Field, Any]]:
  hints = typing.get_type_hints(kind)
  return [(field, hints[field.name]) for field in dataclasses.fields(kind)]


def _has_no_default(field: dataclasses.Field) -> bool:
  return field.default is field.default_factory is dataclasses.MISSING


def _require(kind: type, value: Any, source: str, place: str) -> None:
  if type(value) is not kind:
    received = json.dumps(value)
    if len(received) > 80:
      received = f"{received[:77]}..."
    raise ConfigError(
      f"{source}: {place or 'the file'} must be {_NAMES[kind]}."
      f" Received: {received}"
    )
