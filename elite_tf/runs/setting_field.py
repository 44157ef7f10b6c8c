"""One setting as a dataclass field: everything known about it in one place.

`Settings` is a dataclass whose fields are made by `setting`. The flags of the
commands, their help, the checks and `docs/settings.md` are derived from it.
"""

import dataclasses
import numbers
import os
import typing
from collections.abc import Collection

from elite_tf.errors import ConfigError

_KEY = "setting"


@dataclasses.dataclass(frozen=True)
class Facts:
  """What is known about a setting beyond its name, type and default.

  The default is always allowed; it may stand for a choice outside of the bounds.

  Attributes:
    help: The meaning, in whole sentences; help text of the flag.
    at_least: Smallest number allowed; None for no bound.
    at_most: Largest number allowed; None for no bound.
    choices: Names allowed beside the default; empty for any text.
    free: Whether a search may be continued with another value.
    conversion: Whether it is a setting of `elite_tf.convert`, too.
    many: Whether a list of strings may be given for the comma-separated text.
  """

  help: str
  at_least: float | None = None
  at_most: float | None = None
  choices: Collection[str] = ()
  free: bool = False
  conversion: bool = False
  many: bool = False

  @property
  def bounds(self) -> str:
    """The values allowed, as `1 or more` or `a, b, c`; empty for any value."""
    if self.choices:
      return ", ".join(self.choices)
    if self.at_least is None:
      return ""
    if self.at_most is None:
      return f"{self.at_least} or more"
    return f"{self.at_least} to {self.at_most}"


def setting(default: bool | int | float | str, help: str, **facts):
  """Returns the dataclass field of a setting.

  Args:
    default: The default; its type is the type of the setting.
    help: The meaning, in whole sentences.
    **facts: Further fields of `Facts`.
  """
  return dataclasses.field(
    default=default, metadata={_KEY: Facts(help, **facts)}
  )


def facts_of(field: dataclasses.Field) -> Facts:
  """Returns what is known about the setting that a field holds."""
  return field.metadata[_KEY]


def flag_help(field: dataclasses.Field) -> str:
  """Returns the help text of a setting's flag: meaning and bounds."""
  facts = facts_of(field)
  if facts.choices or not facts.bounds:
    return facts.help  # The meaning names the choices.
  return f"{facts.help} Allowed: {facts.bounds}."


def checked(field: dataclasses.Field, value: object) -> typing.Any:
  """Returns the value of a setting as plain Python.

  Numbers and texts may be NumPy's; a path may be a `pathlib.Path`; a
  comma-separated text may be a list or tuple of strings, if the setting has
  `many`.

  Args:
    field: Of the setting.
    value: As given.

  Returns:
    bool, int, float or str: the type of the setting's default.

  Raises:
    ConfigError: The value has another type or is out of bounds.
  """
  facts, kind = facts_of(field), type(field.default)
  plain = _plain(value, kind, facts.many)
  if plain is None:
    raise ConfigError(
      f"--{field.name} must be of type {kind.__name__}. Received: {value!r}"
    )
  if plain == field.default:  # It may be outside of the bounds: "chosen".
    return plain
  if facts.at_most is None and isinstance(plain, float) and plain - plain != 0:
    raise ConfigError(
      f"--{field.name} must be a finite number. Received: {value}"
    )
  if facts.at_least is not None and plain < facts.at_least:
    raise ConfigError(
      f"--{field.name} must be at least {facts.at_least}. Received: {value}"
    )
  # `not <=`, because NaN is neither more nor less.
  if facts.at_most is not None and not plain <= facts.at_most:
    raise ConfigError(
      f"--{field.name} must be at most {facts.at_most}. Received: {value}"
    )
  if facts.choices and plain not in facts.choices:
    raise ConfigError(
      f"--{field.name} must be one of {facts.bounds}. Received: {value!r}"
    )
  return plain


def _plain(value: object, kind: type, many: bool) -> object:
  """Returns a value as one of type `kind`; None if it is none."""
  # NumPy's bool is no `bool`, and loading NumPy to ask for it takes too long.
  is_bool = type(value).__name__ in ("bool", "bool_")
  if kind is bool:
    return bool(value) if is_bool else None
  if kind is int:
    whole = isinstance(value, numbers.Integral) and not is_bool
    return int(value) if whole else None
  if kind is float:
    real = isinstance(value, numbers.Real) and not is_bool
    return float(value) if real else None
  if many and isinstance(value, (list, tuple)) and value:
    texts = [_plain(text, str, False) for text in value]
    return None if None in texts else ",".join(texts)
  if isinstance(value, os.PathLike):
    value = os.fspath(value)
  return str(value) if isinstance(value, str) else None
