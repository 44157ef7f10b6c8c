"""Compares the time of planning a search with the time of building all networks.

    tools/benchmark_plan.py --out=plan.json

Planning is measured as `python -m elite_tf.search --dry_run`, a whole process,
and as `elite_tf.plan` in a running process. For comparison, all networks of the
same pool are built in Keras and counted by `count_params()`, in one process of
their own. (Keras does not count multiply-accumulates.) Both must have the same
parameters.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from side_by_side import record  # noqa: E402

import elite_tf  # noqa: E402
from elite_tf.networks.pool import make_pool  # noqa: E402


def whole_process(pool: str, base: int, repeat: int) -> dict:
  """Returns the times of the command that prints the plan."""
  command = [
      sys.executable, "-m", "elite_tf.search", "--data=digits", "--dry_run",
      "--format=json", f"--pool={pool}", f"--base_resolution={base}",
  ]  # fmt: skip
  times, used = [], []
  for _ in range(repeat):
    began, before = time.perf_counter(), _children_seconds()
    done = subprocess.run(
      command, capture_output=True, text=True, check=True, cwd=ROOT
    )
    times.append(time.perf_counter() - began)
    used.append(_children_seconds() - before)
  priced = json.loads(done.stdout)["candidates"]
  return {"candidates": len(priced), **_times(times, used)}


def in_process(pool: str, base: int, repeat: int) -> tuple[dict, dict]:
  """Returns the times of `elite_tf.plan`, and parameters by name."""
  times, used = [], []
  for _ in range(repeat):
    began, before = time.perf_counter(), time.process_time()
    plan = elite_tf.plan(
      pool=pool, classes=10, channels=1, base_resolution=base
    )
    times.append(time.perf_counter() - began)
    used.append(time.process_time() - before)
  params = {c["name"]: c["params"] for c in plan["candidates"]}
  return {"candidates": len(params), **_times(times, used)}, params


def _times(times: Sequence[float], used: Sequence[float]) -> dict:
  return {
    "repeated": len(times),
    "seconds_median": statistics.median(times),
    "seconds_first": times[0],
    "seconds_least": min(times),
    # Other jobs on the machine hardly change processor time.
    "processor_seconds_median": statistics.median(used),
  }


def _children_seconds() -> float:
  used = resource.getrusage(resource.RUSAGE_CHILDREN)
  return used.ru_utime + used.ru_stime


def build_networks(pool: str, base: int, most: int | None) -> dict:
  """Builds the networks in this process; returns seconds and parameters."""
  began = time.perf_counter()
  from elite_tf.system import backend

  keras = backend.load_keras()
  from elite_tf.networks import to_keras as models

  loaded = time.perf_counter() - began
  params, seconds = {}, {}
  for candidate in make_pool(pool, 10, 1, base)[:most]:
    start = time.perf_counter()
    params[candidate.name] = models.build(candidate).count_params()
    seconds[candidate.name] = time.perf_counter() - start
    keras.utils.clear_session()
  return {"loading": loaded, "seconds": seconds, "params": params}


def time_building(pool: str, base: int, most: int | None) -> tuple[dict, dict]:
  """Returns the times of building in a fresh process, and parameters."""
  command = [sys.executable, __file__, "--build", f"--pool={pool}",
             f"--base_resolution={base}"]  # fmt: skip
  if most:
    command.append(f"--built={most}")
  began, before = time.perf_counter(), _children_seconds()
  done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
  whole = time.perf_counter() - began
  used = _children_seconds() - before
  found = json.loads(done.stdout.splitlines()[-1])
  each = list(found["seconds"].values())
  return {
    "built": len(each),
    "whole_process_seconds": whole,
    "whole_process_processor_seconds": used,
    "loading_seconds": found["loading"],
    "building_seconds": sum(each),
    "seconds_per_network": statistics.mean(each),
  }, found["params"]


def compare(pool: str, base: int, repeat: int, most: int | None) -> dict:
  """Returns the figures of both ways, and their ratio."""
  process = whole_process(pool, base, repeat)
  inside, planned = in_process(pool, base, repeat)
  keras, counted = time_building(pool, base, most)
  wrong = [name for name, count in counted.items() if planned[name] != count]
  figures = {
    "plan_process": process,
    "plan_in_process": inside,
    "keras": keras,
    "parameters_equal": len(counted) - len(wrong),
    "parameters_unequal": wrong,
  }
  if len(counted) == len(planned):  # Nothing is extrapolated from a sample.
    figures["times_faster_whole_process"] = (
      keras["whole_process_seconds"] / process["seconds_median"]
    )
    figures["times_faster_in_process"] = (
      keras["building_seconds"] / inside["seconds_median"]
    )
  return figures


def main(arguments: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--pool", default="elite")
  parser.add_argument("--base_resolution", type=int, default=224)
  parser.add_argument("--repeat", type=int, default=10)
  parser.add_argument(
    "--built", type=int, help="number of networks to build; default: all"
  )
  parser.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
  parser.add_argument("--out", help="JSON file; default: stdout")
  flags = parser.parse_args(arguments)
  if flags.build:
    figures = build_networks(flags.pool, flags.base_resolution, flags.built)
    print(json.dumps(figures))
    return 0
  record(
    lambda: compare(
      flags.pool, flags.base_resolution, flags.repeat, flags.built
    ),
    flags.out,
  )
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
