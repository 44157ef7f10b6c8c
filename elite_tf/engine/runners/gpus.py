"""The GPUs of this machine, and how many workers share them."""

import csv
import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

# Memory on a GPU per process before any network: the CUDA context, its libraries
# and the framework. Assumed, not measured.
CONTEXT_BYTES = 600 << 20


class Gpu(NamedTuple):
  """A GPU.

  Attributes:
    name: Its name in CUDA_VISIBLE_DEVICES.
    free_bytes: Its free memory.
  """

  name: str
  free_bytes: int


def gpus() -> tuple[Gpu, ...]:
  """Returns the GPUs that this process may use; none without nvidia-smi."""
  command = ["nvidia-smi", "--query-gpu=index,uuid,memory.free"]
  try:
    text = subprocess.run(
      [*command, "--format=csv,noheader,nounits"],
      capture_output=True,
      text=True,
      timeout=20,
      check=True,
    ).stdout
  except (OSError, subprocess.SubprocessError):
    return ()
  return parse_gpus(text, os.environ.get("CUDA_VISIBLE_DEVICES"))


def parse_gpus(text: str, visible: str | None) -> tuple[Gpu, ...]:
  """Reads the table of nvidia-smi.

  Args:
    text: Lines of index, UUID and free memory in MiB.
    visible: CUDA_VISIBLE_DEVICES; None means all GPUs, empty none.
  """
  lines = csv.reader(text.splitlines(), skipinitialspace=True)
  rows = [[field.strip() for field in row] for row in lines]
  table = {row[0]: row for row in rows if len(row) == 3 and row[2].isdigit()}
  if visible is None:
    chosen = list(table)
  else:
    chosen = [name.strip() for name in visible.split(",") if name.strip()]
  found = []
  for name in chosen:
    for index, uuid, free in table.values():
      if name == index or (name and uuid.startswith(name)):
        found.append(Gpu(name, int(free) << 20))
  return tuple(found)


def workers_for(cores: int, gpus: int, gpu_memory: int, need: int) -> int:
  """Returns how many workers fit the cores and GPUs; at least one.

  Args:
    cores: Number of cores; without a GPU each has one worker.
    gpus: Number of GPUs; several workers share one if its memory allows.
    gpu_memory: Free memory per GPU, in bytes.
    need: Memory of the heaviest candidate in training, activations and state,
      in bytes; without `CONTEXT_BYTES`.
  """
  if not gpus:
    return cores
  each = max(1, gpu_memory // (need + CONTEXT_BYTES))
  return max(1, min(cores, gpus * each))


def least_used(gpus: Sequence[Gpu], taken: Sequence[str]) -> str:
  """Returns the CUDA_VISIBLE_DEVICES of a new worker; empty without GPUs.

  Args:
    gpus: All GPUs.
    taken: The name of the GPU of each worker so far.
  """
  names = [gpu.name for gpu in gpus]
  return min(names, key=taken.count) if names else ""
