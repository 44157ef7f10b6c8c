"""The journal: the append-only record from which a search is resumed.

    {"event": "trained", "name": ..., ..., "time": 1763893062.5, "crc": "0f3c..."}

One JSON object per line, with `event` first, `time` and `crc` last. `crc` is the
CRC-32 of the line before `, "crc"`. Lines whose checksum is wrong are ignored:
their content is in the checkpoints, or is trained again with the same result.
"""

import dataclasses
import json
import logging
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import time

from elite_tf.runs.results import ChampionEvent
from elite_tf.system.atomic_files import sync
from elite_tf.types import Epoch, Outcome

logger = logging.getLogger(__name__)

# The kinds of events, in the order of a search.
ALL = ("start", "epoch", "trained", "champion", "end")

# The journal of a search with many candidates is long, and a resumed search needs
# little of it: most lines are scanned, but not parsed.
_EPOCH = b'{"event": "epoch"'
_KIND = slice(len('{"event": "'), None)
_TIME = b', "time": '
_CRC = b', "crc": "%08x"}\n'
_CRC_BYTES = len(_CRC % 0)
_TRAINED = re.compile(
  rb'\{"event": "trained", "name": ("[^"]*"), "start": (\d+), "stop": (\d+),'
)


class Journal:
  """The events of a search, from its beginning on.

  Memory holds the positions of the outcomes in the file, not the outcomes, and
  nothing of the epochs.

  Attributes:
    path: The file.
    epochs: Number of `epoch` events.
    last: Name of the candidate of the last outcome; None if there is none.
    champions: The `champion` events, in order.
    damaged: Numbers of the damaged lines, from 1.
  """

  def __init__(self, path: Path):
    """Opens or creates the file; removes an incomplete last line.

    Raises:
      OSError: The file cannot be read or written.
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
      sync(path.parent)
    try:
      _drop_incomplete_line(path)
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
      logger.warning(
        f"{path}: {_numbered(self.damaged)} damaged; what is missing is taken"
        " from the checkpoints, or trained again"
      )

  def append(self, event: dict) -> None:
    """Appends an event with the time; it is on the disk on return.

    Raises:
      OSError: The file cannot be written.
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
    """Returns whether the journal holds the outcome of a job."""
    return (start, stop) in self._places.get(name, ())

  def outcome(self, name: str, start: int, stop: int) -> Outcome:
    """Returns the outcome of a job, read from the file.

    Raises:
      KeyError: The journal does not hold it.
    """
    self._file.seek(self._places[name][start, stop])
    with open(self._file.fileno(), "rb", closefd=False) as file:
      return event_to_outcome(json.loads(file.readline()))

  def epochs_of(self, name: str) -> list[Epoch]:
    """Returns the epochs of all outcomes of a candidate, read from the file."""
    epochs = []
    # In the order of training: a job whose line was damaged comes later.
    for start, stop in sorted(self._places.get(name, ())):
      epochs[start:] = self.outcome(name, start, stop).epochs
    return epochs

  def seconds(self, kinds: Iterable[str] = ALL) -> float:
    """Returns the time that the search has run, in seconds.

    An event for which the clock was set back counts nothing.

    Args:
      kinds: Kinds of events whose time counts: the time from the event before.
    """
    self._settle()
    return sum(self._seconds[kind] for kind in kinds)

  def _note(self, line: bytes) -> None:
    if line.startswith(_EPOCH):
      # Only the time of the last epoch before another event is needed.
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
      self._seconds[kind] += max(0.0, seconds - self._last)
    self._last = seconds
    if kind == "champion":
      self.champions.append(json.loads(line))
    elif kind == "trained":
      name, start, stop = _TRAINED.match(line).groups()
      self.last = json.loads(name)
      places = self._places.setdefault(self.last, {})
      places[int(start), int(stop)] = self._end

  def _settle(self) -> None:
    """Adds the time of the epochs since the last other event."""
    if self._epoch:
      seconds = _time(self._epoch)
      self._seconds["epoch"] += max(0.0, seconds - self._last)
      self._last, self._epoch = seconds, b""


def _time(line: bytes) -> float:
  return float(line[line.rindex(_TIME) + len(_TIME) : -_CRC_BYTES])


def read(path: Path) -> Iterator[dict]:
  """Yields the events of a journal, without damaged lines.

  Raises:
    OSError: The file cannot be read.
  """
  for line in _lines(path):
    if _is_whole(line):
      yield json.loads(line)


def _lines(path: Path) -> Iterator[bytes]:
  with open(path, "rb", buffering=1 << 20) as file:
    yield from file


def sealed(event: dict) -> bytes:
  """Returns the line of an event, with its checksum."""
  body = json.dumps(event).encode()[:-1]
  return body + _CRC % zlib.crc32(body)


def _is_whole(line: bytes) -> bool:
  return line[-_CRC_BYTES:] == _CRC % zlib.crc32(line[:-_CRC_BYTES])


def _drop_incomplete_line(path: Path) -> None:
  """Removes an incomplete last line, which nothing was based on."""
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
  """Returns the `epoch` event of an epoch."""
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
  """Returns the `trained` event of an outcome.

  An epoch is a list of values in the order of the fields of `Epoch`, which is
  half as long as an object.
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
  """Returns the outcome of a `trained` event."""
  return Outcome(
    name=event["name"],
    start=event["start"],
    stop=event["stop"],
    epochs=tuple(Epoch(*values) for values in event["epochs"]),
    error=event["error"],
    first_step_seconds=event["first_step_seconds"],
  )
