"""Shared by the comparisons: writes figures with the facts of their measurement."""

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
from elite_tf.errors import EliteError
from elite_tf.runs.metrics import Quantization

PACKAGES = ("tensorflow", "keras", "keras-tuner", "ray")


class PeerMissing(Exception):
  """The packages of a peer are not installed."""


def require(*modules: str) -> None:
  """Checks that the packages of a peer are installed.

  Raises:
    PeerMissing: A package is missing; the error names the extra to install.
  """
  missing = [m for m in modules if importlib.util.find_spec(m) is None]
  if missing:
    raise PeerMissing(
      f"{', '.join(missing)} is not installed: pip install elite-tf[peers]"
    )


def record(measure: Callable[[], dict], out: str | None) -> dict:
  """Measures and writes figures, with the command, its time and the machine.

  Args:
    measure: Returns the figures.
    out: Path of the JSON file; None prints the figures.
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
      # Other jobs on the machine slow down everything measured by the clock.
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


def record_or_exit(measure: Callable[[], dict], out: str | None) -> int:
  """Measures and writes as `record`; an error of the package is one line.

  Returns:
    0, the exit code of the command.

  Raises:
    SystemExit: With the error in one line.
  """
  try:
    record(measure, out)
  except EliteError as error:
    sys.exit(f"error: {error}")
  return 0


def measures(quantization: Quantization) -> str:
  """Returns the measures that quantization took, in words."""
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
