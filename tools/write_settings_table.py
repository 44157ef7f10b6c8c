"""Writes docs/settings.md: every setting with its default, bounds and meaning.

    .venv/bin/python tools/write_settings_table.py

The table is made from the fields of `elite_tf.runs.settings.Settings`; a test
fails while the file differs from it.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from elite_tf.runs.presets import PRESETS
from elite_tf.runs.setting_field import facts_of
from elite_tf.runs.settings import FIELDS

PATH = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

TEXT = """\
# Settings

<!-- Written by tools/write_settings_table.py. Do not edit. -->

The settings of a search. Each is a flag of `python -m elite_tf.search` and an
argument of `elite_tf.run_search`, for example `--epochs=30` and `epochs=30`.

- **convert**: also a flag of `python -m elite_tf.convert`.
- **free**: a search can be continued with another value.

{settings}

A preset, `--preset=NAME`, is a set of settings. Other flags override it.

{presets}
"""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
  """Returns a table in Markdown."""
  head = list(head)
  lines = [head, ["---"] * len(head), *rows]
  # A | would end the cell; a < would begin HTML.
  cells = (
    [cell.replace("|", r"\|").replace("<", "&lt;") for cell in line]
    for line in lines
  )
  return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _code(value: object) -> str:
  return f"`{value}`" if str(value) else "empty"


def settings_page() -> str:
  """Returns the text of docs/settings.md."""
  settings = []
  for name, field in FIELDS.items():
    facts = facts_of(field)
    marks = [
      mark
      for mark, set_ in (("convert", facts.conversion), ("free", facts.free))
      if set_
    ]
    settings.append(
      [
        f"`--{name}`",
        type(field.default).__name__,
        _code(field.default),
        facts.bounds,
        facts.help,
        ", ".join(marks),
      ]
    )
  names = sorted({name for preset in PRESETS.values() for name in preset})
  presets = (
    [f"`--{name}`"]
    + [_code(p[name]) if name in p else "" for p in PRESETS.values()]
    for name in names
  )
  return TEXT.format(
    settings=table(
      ("Flag", "Type", "Default", "Allowed", "Meaning", ""), settings
    ),
    presets=table(("Flag", *(f"`{n}`" for n in PRESETS)), presets),
  )


if __name__ == "__main__":
  PATH.write_text(settings_page(), encoding="utf-8")
