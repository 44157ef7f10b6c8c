"""Append-only record of a search; resume reads it.

    {"event": "trained", "name": ..., ..., "time": 1763893062.5, "crc": "0f3c..."}

One JSON object a line, `event` first, `time` and `crc` last: the CRC-32 of the
line before `, "crc"`. A line that does not fit its checksum is left out: what
it told is in the checkpoints, or is trained again, to the same end.
"""

import dataclasses
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import time

from elite_tf.runs.results import ChampionEvent
from elite_tf.system.atomic_files import sync_folder
from elite_tf.types import Epoch, Outcome

# What is written, in the order of a search.
ALL = ("start", "epoch", "trained", "champion", "end")

# Of a search with many candidates the journal is long, and nearly all of it is
# of no concern to a resumed one: lines are looked at, but not parsed.
_EPOCH = b'{"event": "epoch"'
_KIND = slice(len('{"event": "'), None)
_TIME = b', "time": '
_CRC = b', "crc": "%08x"}\n'
_CRC_BYTES = len(_CRC % 0)
_TRAINED = re.compile(
  rb'\{"event": "trained", "name": ("[^"]*"), "start": (\d+), "stop": (\d+),'
)


class Journal:
  """Events of a search, those of earlier sessions included.

  Holds in memory where the outcomes stand, not the outcomes, and nothing of
  the epochs: 24 bytes of a million lines.

  Attributes:
    path: The file.
    epochs: Epochs that were told.
    last: Name of the candidate of the last outcome; None if there is none.
    champions: The champions' events, in order.
    damaged: Numbers of the lines that were left out, from 1.
  """

  def __init__(
    self, path: Path, say: Callable[[str], None] = lambda line: None
  ):
    """Opens the file, made if it is missing; mends a last line cut short.

    Args:
      path: The file.
      say: Told in one line if there are damaged lines.

    Raises:
      OSError: It cannot be read or written.
    """
    self.path = path
    self.epochs = 0
    self.last: str | None = None
    self.champions: list[dict] = []
    self.damaged: list[int] = []
    # By name and (start, stop).
    self._places: dict[str, dict[tuple[int, int], int]] = {}
    self._seconds: Counter[str] = Counter()
    self._last = 0.0
    self._epoch = b""
    self._end = 0
    new = not path.exists()
    self._file = open(path, "a+b", buffering=0)
    if new:
      sync_folder(path.parent)
    try:
      _mend(path)
      for number, line in enumerate(_lines(path), start=1):
        if _is_whole(line):
          self._note(line)
        else:
          self.damaged.append(number)
          self._end += len(line)
    except BaseException:
      self._file.close()
      raise
    if self.damaged:
      say(
        f"{path}: {_numbered(self.damaged)} damaged; what is missing is taken"
        " from the checkpoints, or trained again"
      )

  def append(self, event: dict) -> None:
    """Adds an event with the time; durable when this returns.

    Raises:
      OSError: It cannot be written.
    """
    line = sealed({**event, "time": time()})
    left = line
    while left:
      left = left[self._file.write(left) :]
    os.fsync(self._file.fileno())
    self._note(line)

  def close(self) -> None:
    """Closes the file."""
    self._file.close()

  def knows(self, name: str, start: int, stop: int) -> bool:
    """Returns whether a job's outcome is known.

    Args:
      name: The candidate's name.
      start: Epochs done before.
      stop: Epochs done afterwards.
    """
    return (start, stop) in self._places.get(name, ())

  def outcome(self, name: str, start: int, stop: int) -> Outcome:
    """Returns the outcome of a job, read again from the file.

    Args:
      name: The candidate's name.
      start: Epochs done before.
      stop: Epochs done afterwards.

    Raises:
      KeyError: It is not known.
    """
    self._file.seek(self._places[name][start, stop])
    with open(self._file.fileno(), "rb", closefd=False) as file:
      return event_to_outcome(json.loads(file.readline()))

  def epochs_of(self, name: str) -> list[Epoch]:
    """Returns a candidate's epochs of all its outcomes, read from the file.

    Args:
      name: The candidate's name.
    """
    epochs = []
    # By what came first in training: a damaged line's job stands later.
    for start, stop in sorted(self._places.get(name, ())):
      epochs[start:] = self.outcome(name, start, stop).epochs
    return epochs

  def seconds(self, kinds: Iterable[str] = ALL) -> float:
    """Returns the wall clock of the search, over all of its sessions.

    Args:
      kinds: Only the time up to events of these kinds, each counted from the
        event before it.
    """
    self._settle()
    return sum(self._seconds[kind] for kind in kinds)

  def _note(self, line: bytes) -> None:
    if line.startswith(_EPOCH):
      # Only the time of the last one before another event is of concern.
      self.epochs += 1
      self._epoch = line
    else:
      self._settle()
      self._note_other(line)
    self._end += len(line)

  def _note_other(self, line: bytes) -> None:
    kind = line[_KIND].partition(b'"')[0].decode()
    seconds = _time(line)
    if kind != "start":
      self._seconds[kind] += seconds - self._last
    self._last = seconds
    if kind == "champion":
      self.champions.append(json.loads(line))
    elif kind == "trained":
      name, start, stop = _TRAINED.match(line).groups()
      self.last = json.loads(name)
      places = self._places.setdefault(self.last, {})
      places[int(start), int(stop)] = self._end

  def _settle(self) -> None:
    """Counts the time up to the last epoch."""
    if self._epoch:
      seconds = _time(self._epoch)
      self._seconds["epoch"] += seconds - self._last
      self._last, self._epoch = seconds, b""


def _time(line: bytes) -> float:
  return float(line[line.rindex(_TIME) + len(_TIME) : -_CRC_BYTES])


def read(path: Path) -> Iterator[dict]:
  """Yields the events of a journal, one at a time; damaged lines are left out.

  Raises:
    OSError: It cannot be read.
  """
  for line in _lines(path):
    if _is_whole(line):
      yield json.loads(line)


def _lines(path: Path) -> Iterator[bytes]:
  with open(path, "rb", buffering=1 << 20) as file:
    yield from file


def sealed(event: dict) -> bytes:
  """Returns the line of an event, its checksum at its end."""
  body = json.dumps(event).encode()[:-1]
  return body + _CRC % zlib.crc32(body)


def _is_whole(line: bytes) -> bool:
  return line[-_CRC_BYTES:] == _CRC % zlib.crc32(line[:-_CRC_BYTES])


def _mend(path: Path) -> None:
  """Takes away a last line cut short: nothing was done upon it."""
  with open(path, "r+b") as file:
    size = file.seek(0, os.SEEK_END)
    end, part = size, b""
    while end and b"\n" not in part:
      start = max(0, end - 4096)
      file.seek(start)
      part = file.read(end - start)
      end = start
    keep = end + part.rfind(b"\n") + 1
    if keep < size:
      file.truncate(keep)
      os.fsync(file.fileno())


def _numbered(lines: list[int]) -> str:
  if len(lines) == 1:
    return f"line {lines[0]} is"
  if len(lines) <= 5:
    return f"lines {', '.join(map(str, lines))} are"
  return f"{len(lines)} lines, the first of them {lines[0]}, are"


def epoch_to_event(name: str, epoch: Epoch) -> dict:
  """Returns the event by which an epoch is remembered."""
  return {"event": "epoch", "name": name, **dataclasses.asdict(epoch)}


def champion_to_event(champion: ChampionEvent) -> dict:
  """Returns the event by which a champion is remembered."""
  return {"event": "champion", **champion.to_json()}


def event_to_champion(event: dict) -> ChampionEvent:
  """Returns the champion of a `champion` event.

  Raises:
    ConfigError: A field is missing or is of another type.
  """
  return ChampionEvent.from_json(event, "journal.jsonl")


def outcome_to_event(outcome: Outcome) -> dict:
  """Returns the event by which an outcome is remembered.

  Its epochs are rows, in the order of `Epoch`'s fields: half as long to read.
  """
  epochs = [list(dataclasses.astuple(epoch)) for epoch in outcome.epochs]
  return {
    "event": "trained",
    "name": outcome.name,
    "start": outcome.start,
    "stop": outcome.stop,
    "epochs": epochs,
    "error": outcome.error,
    "first_step_seconds": outcome.first_step_seconds,
  }


def event_to_outcome(event: dict) -> Outcome:
  """Returns the outcome of a `trained` event.

  Earlier versions wrote an epoch as an object.
  """
  rows = [
    row.values() if isinstance(row, dict) else row for row in event["epochs"]
  ]
  return Outcome(
    name=event["name"],
    start=event["start"],
    stop=event["stop"],
    epochs=tuple(Epoch(*row) for row in rows),
    error=event["error"],
    first_step_seconds=event["first_step_seconds"],
  )
