"""docs/settings.md is what the settings say."""

import re

import write_settings_table

from elite_tf.runs.presets import PRESETS
from elite_tf.runs.settings import FIELDS


def test_the_page_is_up_to_date():
  found = write_settings_table.PATH.read_text("utf-8")
  assert found == write_settings_table.settings_page(), (
    "run tools/write_settings_table.py"
  )


def test_the_page_has_a_line_for_each_setting_and_preset():
  text = write_settings_table.settings_page()
  flags = re.findall(r"^\| `--(\w+)` \| (\w+) \| (\S+) \|", text, re.MULTILINE)
  assert [(name, kind) for name, kind, _ in flags][: len(FIELDS)] == [
    (name, type(field.default).__name__) for name, field in FIELDS.items()
  ]
  assert "| `--levels` | int | `4` | 1 or more |" in text
  assert "| `--epochs` | `24` | `350` |" in text
  assert list(PRESETS) == ["quick", "paper"]


def test_cells_do_not_end_early():
  found = write_settings_table.table(["a|b"], [["<x>"]])
  assert found.splitlines() == [r"| a\|b |", "| --- |", "| &lt;x> |"]
