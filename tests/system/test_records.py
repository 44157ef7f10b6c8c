"""Records are read as they were written, and nothing else is read."""

import dataclasses
import json
from dataclasses import field
from typing import Any

import pytest

from elite_tf.errors import ConfigError
from elite_tf.system.records import OMIT_EMPTY, Record, to_json


@dataclasses.dataclass(frozen=True)
class Part:
  """A part of a record."""

  name: str
  share: float | None


@dataclasses.dataclass(frozen=True)
class Whole(Record):
  """A field of every kind."""

  class_: str
  count: int
  ready: bool
  seconds: float
  parts: tuple[Part, ...]
  table: tuple[tuple[int, ...], ...]
  scores: dict[str, float | None]
  rest: dict[str, Any]
  last: Part | None
  later: int = 7
  notes: tuple[str, ...] = field(default=(), metadata=OMIT_EMPTY)


WHOLE = Whole(
  class_="a",
  count=3,
  ready=True,
  seconds=1.5,
  parts=(Part("b", 0.25), Part("c", None)),
  table=((1, 2), (), (3,)),
  scores={"b": 0.5, "c": None},
  rest={"x": [1, {"y": "z"}]},
  last=None,
)

TEXT = """{
 "class": "a", "count": 3, "ready": true, "seconds": 1.5,
 "parts": [{"name": "b", "share": 0.25}, {"name": "c", "share": null}],
 "table": [[1, 2], [], [3]], "scores": {"b": 0.5, "c": null},
 "rest": {"x": [1, {"y": "z"}]}, "last": null, "later": 7
}"""


def test_what_is_written_is_plain(tmp_path):
  assert WHOLE.to_json() == json.loads(TEXT)
  WHOLE.write(tmp_path / "whole.json")
  assert json.loads((tmp_path / "whole.json").read_text()) == json.loads(TEXT)
  noted = dataclasses.replace(WHOLE, notes=("d",), last=Part("e", 1.0))
  assert to_json(noted)["notes"] == ["d"]
  assert to_json(noted)["last"] == {"name": "e", "share": 1.0}


def test_what_is_written_is_read(tmp_path):
  path = tmp_path / "whole.json"
  path.write_text(TEXT)
  assert Whole.read(path) == WHOLE
  noted = dataclasses.replace(WHOLE, notes=("d",), last=Part("e", 1.0))
  noted.write(path)
  assert Whole.read(path) == noted


def test_fields_with_defaults_may_be_missing_and_others_may_be_there():
  value = {**json.loads(TEXT), "unknown": [1]}
  del value["later"]
  assert Whole.from_json(value, "here") == WHOLE


def test_a_whole_number_stands_for_a_number():
  read = Whole.from_json({**json.loads(TEXT), "seconds": 2}, "here")
  assert read.seconds == 2.0 and type(read.seconds) is float


@pytest.mark.parametrize(
  ("change", "said"),
  [
    ({"class": 3}, "class must be a string. Received: 3"),
    ({"count": "3"}, 'count must be a whole number. Received: "3"'),
    ({"count": 3.0}, "count must be a whole number. Received: 3.0"),
    ({"count": True}, "count must be a whole number. Received: true"),
    ({"ready": 1}, "ready must be true or false. Received: 1"),
    ({"seconds": None}, "seconds must be a number. Received: null"),
    ({"parts": {}}, "parts must be a list. Received: {}"),
    ({"parts": [{"name": "b"}]}, "parts[0].share is missing"),
    (
      {"parts": [{"name": "b", "share": "x"}]},
      'parts[0].share must be a number. Received: "x"',
    ),
    ({"table": [[1], [2, None]]}, "table[1][1] must be a whole number."),
    ({"scores": {"b": []}}, "scores['b'] must be a number. Received: []"),
    ({"scores": []}, "scores must be an object. Received: []"),
    ({"last": 3}, "last must be an object. Received: 3"),
  ],
)
def test_the_field_that_is_wrong_is_named(change, said):
  with pytest.raises(ConfigError) as refused:
    Whole.from_json({**json.loads(TEXT), **change}, "whole.json")
  line = str(refused.value)
  assert line.startswith(f"whole.json: {said}") and "\n" not in line


def test_a_long_value_is_cut():
  with pytest.raises(ConfigError) as refused:
    Whole.from_json(list(range(1000)), "whole.json")
  line = str(refused.value)
  assert line.startswith("whole.json: the file must be an object.")
  assert len(line) < 150 and line.endswith("...")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_damaged_file_is_named(tmp_path, data):
  path = tmp_path / "whole.json"
  path.write_bytes(data)
  with pytest.raises(ConfigError) as refused:
    Whole.read(path)
  line = str(refused.value)
  assert line.startswith(f"{path}: damaged (") and "\n" not in line


def test_a_missing_file_is_no_damaged_one(tmp_path):
  with pytest.raises(FileNotFoundError):
    Whole.read(tmp_path / "whole.json")


def test_rows_of_numbers_are_one_line_each(tmp_path):
  WHOLE.write(tmp_path / "whole.json")
  text = (tmp_path / "whole.json").read_text()
  assert json.loads(text) == WHOLE.to_json()
  lines = [line.strip().rstrip(",") for line in text.splitlines()]
  for row in WHOLE.table:
    assert lines.count(json.dumps(list(row))) == 1
  assert text.startswith('{\n  "class": "a",\n')
