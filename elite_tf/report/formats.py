"""Numbers on the page: rounded for people, exact for programs.

A number is written as `<data value="0.9043" data-key="/champions/0/val_accuracy">90.43
%</data>`: the text is rounded, `value` is the exact value in result.json at
the JSON pointer (RFC 6901) `data-key`.
"""

import json
import math

from markupsafe import Markup

from elite_tf.system.text import duration

# Shown instead of a number that is not known.
NOTHING = Markup('<span class="none" title="not known">\N{EN DASH}</span>')


def pointer(*keys: str | int) -> str:
  """Returns the JSON pointer made of keys."""
  escaped = (str(key).replace("~", "~0").replace("/", "~1") for key in keys)
  return "".join(f"/{key}" for key in escaped)


def number(value: float | None, shown: str, key: str = "") -> Markup:
  """Returns a rounded number with its exact value.

  Args:
    value: The exact number; None, NaN and infinity are shown as a dash.
    shown: The rounded number.
    key: JSON pointer into result.json; "" if the number is not there.
  """
  if value is None or not math.isfinite(value):
    return NOTHING
  place = Markup(' data-key="{}"').format(key) if key else ""
  exact = json.dumps(value)
  return Markup('<data value="{}"{}>{}</data>').format(exact, place, shown)


def percent(value: float | None, key: str = "") -> Markup:
  """Shows a share as 90.43 %."""
  return number(value, "" if value is None else f"{100 * value:.2f} %", key)


def count(value: int | None, key: str = "") -> Markup:
  """Shows a whole number as 1,234."""
  return number(value, "" if value is None else f"{value:,}", key)


def millions(value: int | None, key: str = "") -> Markup:
  """Shows a whole number as 5.33 M; below 100,000 as it is."""
  if value is None or value < 100_000:
    return count(value, key)
  return number(value, f"{value / 1e6:.2f} M", key)


def size(value: int | None, key: str = "") -> Markup:
  """Shows bytes in KiB, rounded up, as a requirement."""
  shown = "" if value is None else f"{-(-value // 1024):,} KiB"
  return number(value, shown, key)


def seconds(value: float | None, key: str = "") -> Markup:
  """Shows seconds as 42 s, 7 min, 3.5 h."""
  return number(value, "" if value is None else duration(value), key)


def milliseconds(value: float | None, key: str = "") -> Markup:
  """Shows seconds as milliseconds."""
  return number(value, "" if value is None else f"{1000 * value:.0f} ms", key)


def decimals(value: float | None, key: str = "") -> Markup:
  """Shows a number with three decimals."""
  return number(value, "" if value is None else f"{value:.3f}", key)


FILTERS = {
    function.__name__: function
    for function in (
        percent, count, millions, size, seconds, milliseconds, decimals
    )
}  # fmt: skip
