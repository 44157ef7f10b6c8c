"""Append-only record of a search; resume reads it."""

import dataclasses
import json
import os
import time
from collections.abc import Container
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.spec import Epoch, Outcome

# What is written, in the order of a search.
ALL = ("start", "trained", "champion", "end")


class Journal:
  """Events of a search, one JSON object a line.

  Attributes:
    path: The file.
    events: All events, those of earlier sessions included.
  """

  def __init__(self, path: Path):
    """Opens the file, made if it is missing; mends a last line cut short.

    Raises:
      ConfigError: A line in its middle is damaged.
      OSError: It cannot be read or written.
    """
    self.path = path
    self.events = _read_and_mend(path)
    self._file = open(path, "a", encoding="utf-8")

  def append(self, event: dict) -> None:
    """Adds an event with the time; durable when this returns."""
    event = {**event, "time": time.time()}
    self._file.write(json.dumps(event) + "\n")
    self._file.flush()
    os.fsync(self._file.fileno())
    self.events.append(event)

  def close(self) -> None:
    """Closes the file."""
    self._file.close()

  def of_kind(self, kind: str) -> list[dict]:
    """Returns the events of one kind, in order."""
    return [event for event in self.events if event["event"] == kind]

  def seconds(self, kinds: Container[str] = ALL) -> float:
    """Returns the wall clock of the search, over all of its sessions.

    Args:
      kinds: Only the time up to events of these kinds, each counted from the
        event before it.
    """
    return sum(
        after["time"] - before["time"]
        for before, after in zip(self.events, self.events[1:])
        if after["event"] != "start" and after["event"] in kinds
    )


def _read_and_mend(path: Path) -> list[dict]:
  if not path.exists():
    return []
  data = path.read_bytes()
  whole = data[: data.rfind(b"\n") + 1]
  if len(whole) < len(data):
    # The process died while it wrote this line: nothing was done upon it.
    with open(path, "r+b") as file:
      file.truncate(len(whole))
      os.fsync(file.fileno())
  events = []
  for number, line in enumerate(whole.splitlines(), start=1):
    try:
      event = json.loads(line)
      _check(event)
    except (ValueError, KeyError, TypeError) as error:
      raise ConfigError(
          f"{path}: line {number} is damaged ({error}); restore the file or"
          " choose another --run_dir"
      ) from error
    events.append(event)
  return events


def _check(event: dict) -> None:
  event["event"], event["time"]  # Every event has these two.
  if event["event"] == "trained":
    event_to_outcome(event)


def outcome_to_event(outcome: Outcome) -> dict:
  """Returns the event by which an outcome is remembered."""
  return {"event": "trained", **dataclasses.asdict(outcome)}


def event_to_outcome(event: dict) -> Outcome:
  """Returns the outcome of a `trained` event."""
  return Outcome(
      name=event["name"],
      start=event["start"],
      stop=event["stop"],
      epochs=tuple(Epoch(**epoch) for epoch in event["epochs"]),
      error=event["error"],
      first_step_seconds=event["first_step_seconds"],
  )
