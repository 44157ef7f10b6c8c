"""The journal: durable, mended where it may be, refused where it may not."""

import contextlib
import json
import time

import pytest

from elite_tf.errors import ConfigError
from elite_tf.journal import Journal, event_to_outcome, outcome_to_event
from elite_tf.spec import Epoch, Outcome

OUTCOME = Outcome(
    name="elite-w4-d4-r19",
    start=10,
    stop=12,
    epochs=(
        Epoch(11, 0.1, 1 / 3, 0.30000000000000004, 0.9, 1.5),
        Epoch(12, 1e-30, 0.5, 2.0, 1.0, 0.25),
    ),
    first_step_seconds=2.5,
)


@contextlib.contextmanager
def _open(path):
  with contextlib.closing(Journal(path)) as journal:
    yield journal


def _write(path, *events):
  path.write_text("".join(f"{json.dumps(event)}\n" for event in events))


def _event(time_, kind="note", **fields):
  return {"event": kind, **fields, "time": time_}


def test_new_journal_is_empty(tmp_path):
  with _open(tmp_path / "journal.jsonl") as journal:
    assert journal.events == [] and journal.seconds() == 0
    assert journal.of_kind("trained") == []
  assert (tmp_path / "journal.jsonl").read_bytes() == b""


def test_what_was_appended_is_read_again(tmp_path):
  path = tmp_path / "journal.jsonl"
  before = time.time()
  with _open(path) as journal:
    journal.append({"event": "start"})
    journal.append(outcome_to_event(OUTCOME))
    # Durable when `append` returns: another process reads it now.
    assert len(path.read_text().splitlines()) == 2
    events = json.loads(json.dumps(journal.events))
  with _open(path) as journal:
    assert journal.events == events
    (event,) = journal.of_kind("trained")
    journal.append({"event": "end", "text": "two\nlines, Zürich"})
  assert before <= event["time"] <= time.time()
  # To the last bit, through JSON.
  assert event_to_outcome(event) == OUTCOME
  lines = path.read_text().splitlines()
  assert len(lines) == 3 and path.read_bytes().endswith(b"\n")
  assert json.loads(lines[2])["text"] == "two\nlines, Zürich"


def test_failure_is_remembered(tmp_path):
  failed = Outcome("a", 0, 10, (), "loss became nan in epoch 1")
  event = json.loads(json.dumps(outcome_to_event(failed)))
  assert event_to_outcome(event) == failed


def test_append_is_on_the_disk_when_it_returns(tmp_path, monkeypatch):
  synced = []
  monkeypatch.setattr("os.fsync", synced.append)
  with _open(tmp_path / "journal.jsonl") as journal:
    journal.append({"event": "start"})
    assert len(synced) == 1


def test_every_torn_last_line_is_mended(tmp_path):
  """The process may die after any byte of a line."""
  path = tmp_path / "journal.jsonl"
  _write(path, _event(1.0, "start"), {**outcome_to_event(OUTCOME), "time": 2.0})
  data = path.read_bytes()
  whole = data[: data.index(b"\n") + 1]
  for length in [*range(len(whole), len(data), 9), len(data) - 1]:
    path.write_bytes(data[:length])
    with _open(path) as journal:
      assert [event["event"] for event in journal.events] == ["start"]
      assert path.read_bytes() == whole
      journal.append({"event": "end"})
    with _open(path) as journal:
      assert [e["event"] for e in journal.events] == ["start", "end"]


def test_torn_first_line_leaves_an_empty_journal(tmp_path):
  path = tmp_path / "journal.jsonl"
  path.write_text('{"event": "st')
  with _open(path) as journal:
    assert journal.events == []
  assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b'"event"',
        b"null",
        b'{"event": "start"}',
        b'{"time": 3.0}',
        b"\xff\xfe",
        # Whole as JSON, but a letter has changed.
        b'{"event": "trained", "name": "a", "start": 0, "time": 1.0}',
        json.dumps({**outcome_to_event(OUTCOME), "time": 1.0})
        .replace("val_loss", "val_lost")
        .encode(),
    ],
)
def test_damaged_line_within_is_named(tmp_path, line):
  path = tmp_path / "journal.jsonl"
  good = b'{"event": "start", "time": 1.0}\n'
  path.write_bytes(good + good + line + b"\n" + good)
  before = path.read_bytes()
  with pytest.raises(ConfigError) as caught:
    Journal(path)
  text = str(caught.value)
  assert text.startswith(f"{path}: line 3 is damaged (")
  assert "--run_dir" in text and "\n" not in text
  assert path.read_bytes() == before, "nothing may be changed"


def test_seconds_count_only_within_sessions(tmp_path):
  path = tmp_path / "journal.jsonl"
  _write(
      path,
      _event(100.0, "start"),
      _event(103.0, "trained", **_fields()),
      _event(110.0, "trained", **_fields()),
      # Interrupted; the next day:
      _event(90_000.0, "start"),
      _event(90_001.5, "trained", **_fields()),
      _event(90_005.5, "champion"),
      _event(90_006.0, "end"),
  )
  with _open(path) as journal:
    assert journal.seconds() == 10 + 6
    assert journal.seconds(("trained",)) == 3 + 7 + 1.5
    assert journal.seconds(("champion",)) == 4
    assert journal.seconds(()) == 0


def _fields():
  event = outcome_to_event(OUTCOME)
  del event["event"]
  return event


def test_journal_that_cannot_be_opened(tmp_path):
  with pytest.raises(OSError):
    Journal(tmp_path)
  with pytest.raises(OSError):
    Journal(tmp_path / "no" / "folder" / "journal.jsonl")
