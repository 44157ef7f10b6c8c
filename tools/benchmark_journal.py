"""Measures the time and the memory that reading a long journal takes.

    tools/benchmark_journal.py [--candidates=10000] [--events=100]

Writes the journal of a search with so many candidates in groups of eight. Each
candidate has `events` lines; all lines of a round are epochs except the last.
Then opens the journal, and replays the search from it up to the first job that
is not in it. Opening and replaying run in a process of their own.

Prints one JSON object: "lines", "bytes", and for "open" and "replay" (which
includes opening) "..._seconds", "..._cpu_seconds" and "..._mib" (growth of the
process's memory).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from elite_tf.engine.runners.replay import RecordedRunner
from elite_tf.runs import journal as journals
from elite_tf.runs.journal import Journal
from elite_tf.tournament.bracket import Bracket, Observer, Rules, play
from elite_tf.tournament.criteria import rounds_needed
from elite_tf.types import Candidate, Epoch, Outcome

GROUP = 8


class Writer:
  """A runner that trains nothing and writes a journal of invented epochs."""

  def __init__(self, file):
    self._file = file
    self._jobs = []
    self.lines = 0

  def submit(self, job):
    """Takes a job."""
    self._jobs.append(job)

  def release(self, name):
    """Nothing is kept."""

  def wait(self) -> Outcome:
    """Returns the invented outcome of a job."""
    job = self._jobs.pop()
    name = job.candidate.name
    epochs = tuple(
      Epoch(n, 1 / n, 1 / (n + job.candidate.d), 1 / n, 1 - 1 / (n + 1), 9.87)
      for n in range(job.start + 1, job.stop + 1)
    )
    outcome = Outcome(name, job.start, job.stop, epochs, None, 1.5)
    for epoch in epochs:
      self._write(journals.epoch_to_event(name, epoch))
    self._write(journals.outcome_to_event(outcome))
    return outcome

  def _write(self, event):
    self.lines += 1
    self._file.write(journals.sealed({**event, "time": float(self.lines)}))


class Stop(Exception):
  """The replay has come to a job that is not in the journal."""


class Nothing:
  """A runner that ends the replay when it is asked for an outcome."""

  def submit(self, job):
    """Takes a job."""

  def release(self, name):
    """Nothing is kept."""

  def wait(self):
    """Ends the replay."""
    raise Stop


def brackets(candidates: int, events: int) -> list[Bracket]:
  """Returns groups whose candidates have about as many events each."""
  rounds = rounds_needed(GROUP)
  # A group trains 8 + 4 + 2 candidates for a round, and then the champion to the
  # end. The epochs per round follow from `events` per candidate.
  played = sum(GROUP >> n for n in range(rounds))
  epochs = max(1, (GROUP * events - played - 1) // (played + 2))
  rules = Rules(epochs, (rounds + 2) * epochs)
  return [
    Bracket(
      group,
      [
        Candidate("elite", group, d, 1, 1.0, 1.0, 32)
        for d in range(1, GROUP + 1)
      ],
      rules,
    )
    for group in range(1, candidates // GROUP + 1)
  ]


def _memory(field: str) -> float:
  """Returns VmRSS (now) or VmHWM (largest so far) of this process, in MiB."""
  lines = Path("/proc/self/status").read_text("utf-8").splitlines()
  values = dict(line.split(":", 1) for line in lines)
  return int(values[field].split()[0]) / 1024


def measure(path: Path, candidates: int, events: int, replay: bool) -> dict:
  """Opens the journal and may replay it; returns seconds and MiB."""
  groups = brackets(candidates, events)
  before, begun = _memory("VmRSS"), time.perf_counter()
  worked = time.process_time()
  journal = Journal(path)
  if replay:
    try:
      play(groups, RecordedRunner(Nothing(), journal), Observer())
    except Stop:
      pass
  seconds = time.perf_counter() - begun
  journal.close()
  return {
    "seconds": round(seconds, 2),
    "cpu_seconds": round(time.process_time() - worked, 2),
    "mib": round(_memory("VmHWM") - before, 1),
  }


def main() -> None:
  """Prints the figures."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--candidates", type=int, default=10_000)
  parser.add_argument("--events", type=int, default=100)
  parser.add_argument("--measure", nargs=2, metavar=("FILE", "HOW"))
  options = parser.parse_args()
  size = options.candidates, options.events
  if options.measure:
    path, how = options.measure
    print(json.dumps(measure(Path(path), *size, how == "replay")))
    return
  with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "journal.jsonl")
    with open(path, "wb") as file:
      writer = Writer(file)
      play(brackets(*size), writer, Observer())
    found = {"lines": writer.lines, "bytes": path.stat().st_size}
    for how in ("open", "replay"):
      done = subprocess.run(
          [sys.executable, __file__, "--measure", str(path), how,
           f"--candidates={size[0]}", f"--events={size[1]}"],
          stdout=subprocess.PIPE, check=True,
      )  # fmt: skip
      for key, value in json.loads(done.stdout).items():
        found[f"{how}_{key}"] = value
  print(json.dumps(found))


if __name__ == "__main__":
  main()
