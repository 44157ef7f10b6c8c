"""Measures the speedup of two workers, and the overhead of a search.

    tools/benchmark_search.py [--data=digits] [--repeat=1] [FLAGS...]

Runs the same search of eight candidates with one worker and with two workers,
in turn. Other flags are passed to the search. Prints one JSON object:

"seconds": wall clock of the whole command, by number of workers; "speedup": one
worker's seconds divided by two workers' (the machine needs two free cores);
"parts": seconds until the first epoch, until the end of training, and of the
conversion; "overhead": with one worker, the wall clock from the start of the
first candidate to the end of training, divided by the sum of step seconds, first
steps included; "checkpoint_ms": milliseconds to write one checkpoint of
elite-w4-d4 durably.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from elite_tf.runs import journal as journals
from elite_tf.runs.results import Result
from elite_tf.training.checkpoint import Checkpoint, save
from elite_tf.types import Epoch

SEARCH = ("--preset=quick", "--quantize=none")


def run(run_dir: Path, flags: list[str]) -> tuple[float, dict]:
  """Runs a search; returns its seconds and its result."""
  begun = time.perf_counter()
  done = subprocess.run(
      [sys.executable, "-m", "elite_tf.search", *SEARCH, *flags,
       f"--run_dir={run_dir}", "--format=json"],
      capture_output=True, text=True, check=False,
  )  # fmt: skip
  if done.returncode:
    raise RuntimeError(done.stderr)
  return time.perf_counter() - begun, Result.from_json(
    json.loads(done.stdout), "stdout"
  )


def parts(run_dir: Path, seconds: float, result: Result) -> dict[str, float]:
  """Returns the parts of the wall clock of a search, in seconds."""
  events = list(journals.read(run_dir / "journal.jsonl"))
  begun = events[0]["time"]
  first = next(event for event in events if event["event"] == "epoch")
  trained = [event for event in events if event["event"] == "trained"][-1]
  return {
    "first_epoch": round(first["time"] - begun, 1),
    "training": round(trained["time"] - begun, 1),
    "steps": round(result.step_seconds, 1),
    "first_steps": round(result.first_step_seconds, 1),
    "until_set_up": round(first["time"] - begun - first["seconds"], 1),
    "conversion": round(events[-1]["time"] - trained["time"], 1),
    "outside": round(seconds - (events[-1]["time"] - begun), 1),
  }


def checkpoint_ms(params: int = 692_000, count: int = 15) -> float:
  """Returns the median time of writing a checkpoint, in milliseconds."""
  names = ("weights", "square", "momentum", "average")
  arrays = {name: np.ones(params, np.float32) for name in names}
  epochs = (Epoch(1, 1.0, 1.0, 1.0, 1.0, 1.0),)
  times = []
  with tempfile.TemporaryDirectory(dir=".") as folder:
    for _ in range(count):
      begun = time.perf_counter()
      save(Path(folder, "checkpoint.npz"), Checkpoint(arrays, epochs))
      times.append(time.perf_counter() - begun)
  return round(1000 * statistics.median(times), 1)


def main() -> None:
  """Prints the figures."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--repeat", type=int, default=1)
  options, flags = parser.parse_known_args()
  seconds, found = {1: [], 2: []}, {}
  with tempfile.TemporaryDirectory() as folder:
    for turn in range(options.repeat):
      for workers in (1, 2):
        run_dir = Path(folder, f"{workers}-{turn}")
        spent, result = run(run_dir, [*flags, f"--workers={workers}"])
        seconds[workers].append(round(spent, 1))
        found[workers] = parts(run_dir, spent, result)
  one = found[1]
  print(
    json.dumps(
      {
        "seconds": seconds,
        "speedup": round(min(seconds[1]) / min(seconds[2]), 2),
        "parts": found,
        "overhead": round(
          (one["training"] - one["until_set_up"]) / one["steps"], 3
        ),
        "checkpoint_ms": checkpoint_ms(),
      }
    )
  )


if __name__ == "__main__":
  main()
