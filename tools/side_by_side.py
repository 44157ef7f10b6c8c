"""What the comparisons share: how a figure is written down."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import elite_tf
from elite_tf.runs.metrics import Quantization

PACKAGES = ("tensorflow", "keras", "keras-tuner", "ray")


class PeerMissing(Exception):
  """What is compared with is not installed."""


def require(*modules: str) -> None:
  """Checks that a peer's packages are there.

  Raises:
    PeerMissing: They are not; names the extra that has them.
  """
  missing = [m for m in modules if importlib.util.find_spec(m) is None]
  if missing:
    raise PeerMissing(
      f"{', '.join(missing)} is not installed: pip install elite-tf[peers]"
    )


def record(measure: Callable[[], dict], out: str | None) -> dict:
  """Writes what was measured, with the command and the time that it took.

  Args:
    measure: Returns the figures.
    out: The JSON file; None prints.
  """
  load, began = os.getloadavg(), time.monotonic()
  figures = measure()
  whole = {
    "command": shlex.join([os.path.relpath(sys.argv[0]), *sys.argv[1:]]),
    "seconds": round(time.monotonic() - began, 1),
    "machine": {
      "cores": len(os.sched_getaffinity(0)),
      "processor": _processor(),
      "python": platform.python_version(),
      # Others at work: what is measured by the clock suffers from it.
      "load_before": load,
      "load_after": os.getloadavg(),
      "niceness": os.nice(0),
    },
    "elite_tf": elite_tf.__version__,
    "packages": {name: _version(name) for name in PACKAGES},
    **figures,
  }
  text = json.dumps(whole, indent=2) + "\n"
  if out:
    Path(out).write_text(text)
  else:
    print(text, end="")
  return whole


def measures(quantization: Quantization) -> str:
  """Returns what the export did to a network, of its report, in words."""
  return quantization.tried[0].details["measures"]


def _version(package: str) -> str | None:
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return None


def _processor() -> str:
  try:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
  except OSError:
    return platform.processor()
  names = (line.partition(":")[2] for line in lines if "model name" in line)
  return next(names, platform.processor()).strip()
