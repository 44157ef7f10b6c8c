"""Kills a search at random moments and checks that nothing is lost.

    tools/kill_search.py [--kills=40] [--seed=0] [--work=DIR] [FLAGS...]

Other flags are passed to the search. --program=FILE runs another program instead
of the search. --faults also runs searches whose exports fail once and whose
champions are too large; the program must know SEARCH_FAULT, as
tests/engine/quick_search.py does.

Runs a small search without kills, then the same search with kills: its whole
process group is killed (SIGKILL) at a random moment, half of the times while a
checkpoint or the journal is being written, and the search is started again. If a
search ends before all kills are done, another one begins, with the next fault.

Prints one JSON object: "kills", "ends" (number of searches that ended),
"by_fault", "moments" (number of kills by moment), "equal" (whether champions,
scores and histories of all searches are those of the search without kills),
"differs" (what is different), "trained_twice" (finished epochs that were trained
again), "epochs", "seconds". Candidates that take the place of a champion too
large have lost their checkpoints and are trained again; these epochs do not
count. The exit code is 1 if anything differs or was trained twice.
"""

import argparse
import collections
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from elite_tf.runs import journal as journals
from elite_tf.runs.folder import RunFolder
from elite_tf.training import checkpoint as checkpoints

SEARCH = (
  "--data=digits",
  "--include=elite-w4-d4-*",
  "--group_size=2",
  "--round_epochs=2",
  "--epochs=5",
  "--base_resolution=16",
  "--quantize=none",
)
# Value of SEARCH_FAULT -> flags of its search.
FAULTS = {
  "": (),
  "export": (),
  "size:2,4": ("--quantize=int8", "--flash=10MB"),
  "size:4": ("--quantize=int8", "--flash=10MB", "--group_size=4"),
}
PATIENCE = 300.0  # Time limit in seconds of a search without kills.


def start(run_dir: Path, command: list[str], fault: str, log):
  """Starts the search as the leader of a process group of its own.

  Returns:
    subprocess.Popen.
  """
  return subprocess.Popen(
      [sys.executable, *command, *FAULTS[fault], f"--run_dir={run_dir}"],
      stdin=subprocess.DEVNULL, stdout=log, stderr=log,
      env={**os.environ, "SEARCH_FAULT": fault}, start_new_session=True,
  )  # fmt: skip


def has_ended(run_dir: Path) -> bool:
  """Returns whether nothing is left to do: every champion is exported."""
  result = RunFolder(run_dir).read_result()
  return result is not None and not result.unverified


def descendants(pid: int) -> list[int]:
  """Returns the process numbers of all descendants of a process."""
  parents = {}
  for stat in Path("/proc").glob("[0-9]*/stat"):
    try:
      fields = stat.read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
      continue
    parents[int(stat.parent.name)] = int(fields[1])
  found = [pid]
  for each in found:
    found += [child for child, parent in parents.items() if parent == each]
  return found[1:]


def kill(process: subprocess.Popen) -> None:
  """Kills a search with its workers, and waits until all are gone."""
  workers = descendants(process.pid)
  for pid in (process.pid, *workers):
    try:
      os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
      pass
  process.wait()
  end = time.monotonic() + 30
  while any(Path(f"/proc/{pid}").exists() for pid in workers):
    if time.monotonic() > end:
      raise TimeoutError(f"still there: {workers}")
    time.sleep(0.01)


def wait_for_a_write(
  run_dir: Path, process: subprocess.Popen, what: str
) -> bool:
  """Waits until a checkpoint is half written, or the journal grows.

  Args:
    run_dir: The run folder.
    process: The search.
    what: "checkpoint" or "journal".

  Returns:
    Whether this happened before the search ended.
  """
  journal = run_dir / "journal.jsonl"
  size = journal.stat().st_size if journal.exists() else 0
  end = time.monotonic() + PATIENCE
  while process.poll() is None:
    if time.monotonic() > end:
      raise TimeoutError("nothing was written")
    if what == "checkpoint":
      if any(run_dir.glob("candidates/*/.checkpoint*")):
        return True
    elif journal.exists() and journal.stat().st_size != size:
      return True
    time.sleep(0.0005)
  return False


def durable_epochs(run_dir: Path, replacing: set[str]) -> dict[str, int]:
  """Returns how many epochs of each candidate the disk holds.

  Args:
    run_dir: The run folder.
    replacing: Candidates that may take the place of a champion. They begin again
      when they do: what is left of them before any export does not count.
  """
  journal = run_dir / "journal.jsonl"
  events = list(journals.read(journal)) if journal.exists() else []
  exported = any(event["event"] == "champion" for event in events)
  found = collections.Counter()
  for path in run_dir.glob("candidates/*/checkpoint.npz"):
    found[path.parent.name] = len(checkpoints.load(path).epochs)
  for event in events:
    if event["event"] == "epoch" and event["name"] not in replacing:
      name = event["name"]
      checkpoint = run_dir / "candidates" / name / "checkpoint.npz"
      if name in replacing and not checkpoint.exists():
        continue
      found[name] = max(found[name], event["epoch"])
  if not exported:
    for name in replacing:
      found.pop(name, None)
  return dict(found)


def trained(run_dir: Path) -> list[tuple[str, int]]:
  """Returns the epochs that were trained, in order, as the journal has them."""
  journal = run_dir / "journal.jsonl"
  return [
    (event["name"], event["epoch"])
    for event in (journals.read(journal) if journal.exists() else ())
    if event["event"] == "epoch"
  ]


def outcome(run_dir: Path) -> dict:
  """Returns everything that must be the same in all searches."""
  result = RunFolder(run_dir).read_result()
  histories = {}
  for path in sorted(run_dir.glob("candidates/*/history.csv")):
    with open(path, newline="", encoding="utf-8") as file:
      rows = [dict(row) for row in csv.DictReader(file)]
    for row in rows:
      del row["seconds"]
    histories[path.parent.name] = rows
  return {
    "groups": result.groups,
    "champions": [
      (c.name, c.val_accuracy, c.test_accuracy_float, c.tflite_bytes)
      for c in result.champions
    ],
    "candidate_epochs": result.candidate_epochs,
    "histories": histories,
    "unverified": result.unverified,
    "checkpoints": sorted(
      path.parent.name for path in run_dir.glob("candidates/*/checkpoint.npz")
    ),
    "left": [path.name for path in run_dir.rglob(".*")],
  }


class Killer:
  """Runs searches to their end, killing them on the way."""

  def __init__(self, work: Path, command: list[str], kills: int, seed: int):
    self.work, self.command, self.kills = work, command, kills
    self.random = random.Random(seed)
    self.moments = collections.Counter()
    self.twice = []
    self.span = 1.0  # Seconds of an undisturbed search.
    self.replacing: dict[str, set[str]] = {}  # By fault.

  @property
  def done(self) -> int:
    """Kills so far."""
    return sum(self.moments.values())

  def undisturbed(self, fault: str) -> dict:
    """Runs a search without kills; returns its outcome."""
    run_dir = self.work / f"undisturbed-{fault}"
    path = self.work / f"undisturbed-{fault}.log"
    begun = time.monotonic()
    with open(path, "w", encoding="utf-8") as log:
      for _ in range(2 if fault == "export" else 1):
        code = start(run_dir, self.command, fault, log).wait(PATIENCE)
        if code not in self._codes(fault):
          raise RuntimeError(path.read_text())
    self.span = time.monotonic() - begun
    found = outcome(run_dir)
    self.replacing[fault] = {
      name
      for group in found["groups"]
      if group.rejected
      for played in group.rounds
      for name in played.eliminated
    }
    return found

  def disturbed(self, number: int, fault: str) -> dict:
    """Runs a search with the kills that are left; returns its outcome."""
    run_dir = self.work / f"run{number}"
    path = self.work / f"run{number}.log"
    with open(path, "w", encoding="utf-8") as log:
      while not has_ended(run_dir):
        before = durable_epochs(run_dir, self.replacing[fault])
        told = len(trained(run_dir))
        process = start(run_dir, self.command, fault, log)
        if self.done < self.kills:
          self._disturb(process, run_dir)
        else:
          process.wait(PATIENCE)
        if process.returncode not in (*self._codes(fault), -signal.SIGKILL):
          raise RuntimeError(path.read_text())
        self.twice += [
          (name, epoch)
          for name, epoch in trained(run_dir)[told:]
          if epoch <= before.get(name, 0)
        ]
    return outcome(run_dir)

  def _codes(self, fault: str) -> tuple[int, ...]:
    return (0, 1) if fault == "export" else (0,)

  def _disturb(self, process: subprocess.Popen, run_dir: Path) -> None:
    moment = self.random.choice(["any", "any", "checkpoint", "journal"])
    if moment != "any":
      for _ in range(self.random.randrange(1, 7)):  # Not always the first one.
        wait_for_a_write(run_dir, process, moment)
      time.sleep(self.random.random() * 0.01)
    else:
      try:
        process.wait(self.random.random() * self.span)
      except subprocess.TimeoutExpired:
        pass
    if process.poll() is None:
      kill(process)
      self.moments[moment] += 1
      print(
        f"kill {self.done} of {self.kills}: {moment}",
        file=sys.stderr,
        flush=True,
      )


def main() -> int:
  """Prints the findings; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--kills", type=int, default=40)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument(
    "--work", type=Path, help="folder for the runs; default: a temporary one"
  )
  parser.add_argument(
    "--program", default="", help="Python file to run instead of the search"
  )
  parser.add_argument(
    "--faults", action="store_true", help="also searches with faults"
  )
  options, flags = parser.parse_known_args()
  program = [options.program] if options.program else ["-m", "elite_tf.search"]
  begun = time.monotonic()
  with tempfile.TemporaryDirectory() as temporary:
    work = options.work or Path(temporary)
    work.mkdir(parents=True, exist_ok=True)
    killer = Killer(
      work, [*program, *SEARCH, *flags], options.kills, options.seed
    )
    faults = list(FAULTS) if options.faults else [""]
    expected = {fault: killer.undisturbed(fault) for fault in faults}
    differs, ends, number = set(), collections.Counter(), 0
    while killer.done < options.kills:
      fault = faults[number % len(faults)]
      found = killer.disturbed(number, fault)
      there = expected[fault]
      differs |= {
        f"{fault} {key}".strip() for key in there if found[key] != there[key]
      }
      ends[fault or "none"] += 1
      number += 1
  print(
    json.dumps(
      {
        "kills": killer.done,
        "ends": number,
        "by_fault": dict(ends),
        "moments": dict(killer.moments),
        "equal": not differs,
        "differs": sorted(differs),
        "trained_twice": killer.twice,
        "epochs": {
          n or "none": e["candidate_epochs"] for n, e in expected.items()
        },
        "seconds": round(time.monotonic() - begun, 1),
      }
    )
  )
  return 0 if not differs and not killer.twice else 1


if __name__ == "__main__":
  sys.exit(main())
