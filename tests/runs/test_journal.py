"""The journal: durable, mended at its end, and told where it is damaged."""

import contextlib
import dataclasses
import json
import re
import time
import zlib

import pytest

from elite_tf.runs import journal as journals
from elite_tf.runs.journal import (
  Journal,
  event_to_outcome,
  outcome_to_event,
  read,
)
from elite_tf.types import Epoch, Outcome

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
FAILED = Outcome("a", 0, 10, (), "loss became nan in epoch 1")


@contextlib.contextmanager
def _open(path):
  with contextlib.closing(Journal(path)) as journal:
    yield journal


@pytest.fixture
def path(tmp_path):
  return tmp_path / "journal.jsonl"


def _fill(path):
  """Writes a journal with one event of every kind; returns its lines."""
  with _open(path) as journal:
    journal.append({"event": "start"})
    journal.append(journals.epoch_to_event("a", OUTCOME.epochs[0]))
    journal.append(outcome_to_event(OUTCOME))
    journal.append(outcome_to_event(FAILED))
    journal.append({"event": "champion", "champion": {"name": "a"}})
    journal.append({"event": "end"})
  return path.read_bytes().splitlines(keepends=True)


def _known(journal):
  """What a resumed search learns."""
  outcomes = {
    o.name: journal.outcome(o.name, o.start, o.stop)
    for o in (OUTCOME, FAILED)
    if journal.knows(o.name, o.start, o.stop)
  }
  return journal.epochs, outcomes, [e["champion"] for e in journal.champions]


ALL = (1, {o.name: o for o in (OUTCOME, FAILED)}, [{"name": "a"}])
NOTHING = (0, {}, [])


def test_new_journal_is_empty(path):
  with _open(path) as journal:
    assert _known(journal) == NOTHING and journal.seconds() == 0
  assert path.read_bytes() == b""


def test_what_was_appended_is_known_at_once_and_read_again(path):
  before = time.time()
  with _open(path) as journal:
    journal.append(outcome_to_event(OUTCOME))
    # To the last bit, through JSON.
    assert journal.outcome(OUTCOME.name, 10, 12) == OUTCOME
    assert not journal.knows(OUTCOME.name, 10, 11)
    # Durable when `append` returns: another process reads it now.
    (event,) = read(path)
  assert event_to_outcome(event) == OUTCOME
  assert before <= event["time"] <= time.time()
  path.unlink()
  _fill(path)
  with _open(path) as journal:
    assert _known(journal) == ALL
    journal.append(outcome_to_event(Outcome("b", 0, 1, ())))
    assert journal.outcome("b", 0, 1) == Outcome("b", 0, 1, ())
    assert _known(journal) == ALL
  assert [event["event"] for event in read(path)] == [
      "start", "epoch", "trained", "trained", "champion", "end", "trained"
  ]  # fmt: skip


def test_lines_are_readable_json_with_a_checksum(path):
  """As any reader can check it: CRC-32 of all before the last field."""
  for line in _fill(path):
    event = json.loads(line)
    assert next(iter(event)) == "event" and list(event)[-2:] == ["time", "crc"]
    body = line[: line.index(b', "crc"')]
    assert int(event["crc"], 16) == zlib.crc32(body)


def test_append_is_on_the_disk_when_it_returns(path, monkeypatch):
  synced = []
  with _open(path) as journal:
    monkeypatch.setattr("os.fsync", synced.append)
    journal.append({"event": "start"})
    assert len(synced) == 1


def test_every_torn_last_line_is_mended(path, log):
  """The process may die after any byte of a line; lines before it stay."""
  lines = _fill(path)
  whole, last = b"".join(lines[:4]), lines[4]
  for length in [*range(1, len(last), 7), len(last) - 1]:
    path.write_bytes(whole + last[:length])
    with _open(path) as journal:
      assert _known(journal) == (*ALL[:2], []) and log.messages == []
      assert path.read_bytes() == whole
      journal.append({"event": "end"})
    assert [e["event"] for e in read(path)][-2:] == ["trained", "end"]


def test_torn_line_longer_than_what_is_read_at_a_time(path):
  _fill(path)
  whole = path.read_bytes()
  for length in (1, 4095, 4096, 4097, 20_000):
    path.write_bytes(whole + b"x" * length)
    with _open(path) as journal:
      assert _known(journal) == ALL
    assert path.read_bytes() == whole


def test_torn_first_line_leaves_an_empty_journal(path):
  path.write_text('{"event": "st')
  with _open(path) as journal:
    assert _known(journal) == NOTHING
  assert path.read_bytes() == b""


@pytest.mark.parametrize("bit", [0, 5, 7])
def test_every_flipped_bit_is_detected(path, bit, log):
  """What the damaged lines told is not known; all else is, and it is told.

  A line feed that is flipped makes one line of two, and the other way round.
  """
  lines = _fill(path)
  data = b"".join(lines)
  ends = [len(b"".join(lines[: n + 1])) for n in range(len(lines))]
  for position in range(len(data) - 1):
    broken = bytearray(data)
    broken[position] ^= 1 << bit
    path.write_bytes(broken)
    log.clear()
    with _open(path) as journal:
      found = _known(journal)
    hit = sum(position >= end for end in ends)
    lost = {hit, hit + 1} if position + 1 in ends else {hit}
    expected = (
      0 if 1 in lost else 1,
      {o.name: o for n, o in ((2, OUTCOME), (3, FAILED)) if n not in lost},
      [] if 4 in lost else [{"name": "a"}],
    )
    assert found == expected, position
    (line,) = log.messages
    assert re.match(rf"{path}: lines? {hit + 1}(, \d)? (is|are) damaged;", line)
    assert path.read_bytes() == broken, "nothing may be changed"


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        ([2], "line 2 is"), ([2, 3], "lines 2, 3 are"),
        (range(1, 6), "lines 1, 2, 3, 4, 5 are"),
        (range(1, 7), "6 lines, the first of them 1, are"),
    ],
)  # fmt: skip
def test_damaged_lines_are_named(path, damaged, words, log):
  lines = _fill(path)
  for number in damaged:
    lines[number - 1] = b"{}\n"
  path.write_bytes(b"".join(lines))
  with _open(path) as journal:
    assert journal.damaged == list(damaged)
  assert log.messages == [
    f"{path}: {words} damaged; what is missing is taken from the checkpoints,"
    " or trained again"
  ]


def test_seconds_count_only_within_sessions(path, monkeypatch):
  events = [
    (100.0, "start"),
    (102.0, "epoch"),
    (103.0, "trained"),
    (110.0, "trained"),
    # Interrupted; the next day:
    (90_000.0, "start"),
    (90_001.5, "trained"),
    (90_005.5, "champion"),
    (90_006.0, "end"),
  ]
  fields = {
    "epoch": journals.epoch_to_event("a", OUTCOME.epochs[0]),
    "trained": outcome_to_event(OUTCOME),
  }
  with _open(path) as journal:
    for seconds, kind in events:
      monkeypatch.setattr(journals, "time", lambda now=seconds: now)
      journal.append(fields.get(kind, {"event": kind}))
    written = journal
  with _open(path) as again:
    for journal in (written, again):
      assert journal.seconds() == 10 + 6
      assert journal.seconds(("trained",)) == 1 + 7 + 1.5
      assert journal.seconds(("epoch", "trained")) == 3 + 7 + 1.5
      assert journal.seconds(("champion",)) == 4
      assert journal.seconds(()) == 0


def test_epochs_of_a_candidate(path):
  """An earlier outcome that was trained again stands later in the file."""
  later = dataclasses.replace(
    OUTCOME, start=3, stop=4, epochs=(Epoch(4, 1.0, 0.5, 1.0, 0.5, 2.0),)
  )
  first = dataclasses.replace(
    OUTCOME,
    start=0,
    stop=3,
    epochs=tuple(Epoch(n, 1.0, 0.5, 1.0, n / 8, 2.0) for n in (1, 2, 3)),
  )
  with _open(path) as journal:
    journal.append(outcome_to_event(later))
    journal.append(outcome_to_event(dataclasses.replace(first, name="b")))
    journal.append(outcome_to_event(first))
  with _open(path) as journal:
    assert journal.epochs_of(OUTCOME.name) == [*first.epochs, *later.epochs]
    assert journal.epochs_of("c") == []


def test_memory_does_not_grow_with_the_epochs(path):
  """Ten thousand epochs take less than a hundredth of their lines."""
  import tracemalloc

  with open(path, "wb") as file:
    for number in range(10_000):
      event = journals.epoch_to_event("a", Epoch(number, 1, 1, 1, 1, 1))
      file.write(journals.sealed({**event, "time": float(number)}))
  tracemalloc.start()
  with _open(path) as journal:
    left, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert journal.epochs == 10_000 and path.stat().st_size > 1_500_000
  assert left < 15_000 and peak < 1_300_000


def test_journal_that_cannot_be_opened(tmp_path):
  with pytest.raises(OSError):
    Journal(tmp_path)
  with pytest.raises(OSError):
    Journal(tmp_path / "no" / "folder" / "journal.jsonl")


def test_a_clock_that_is_set_back_takes_no_time_away(path, monkeypatch):
  """100 to 103, back to 50, then to 52: five seconds."""
  with contextlib.closing(Journal(path)) as journal:
    for now, kind in (
      (100, "start"),
      (103, "trained"),
      (50, "end"),
      (52, "end"),
    ):
      monkeypatch.setattr(journals, "time", lambda now=now: float(now))
      event = {"event": kind, "name": "a", "start": 0, "stop": 1}
      journal.append(event if kind == "trained" else {"event": kind})
    assert journal.seconds() == 5
  with contextlib.closing(Journal(path)) as journal:
    assert journal.seconds() == 5
