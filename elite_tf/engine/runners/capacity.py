"""How many workers fit the cores and the memory of this machine, predicted.

A worker takes memory for TensorFlow, for the training state and the graph of
every candidate that it has traced, and for the feature maps that the gradient of
the candidate in training needs.
"""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from elite_tf.data import sources
from elite_tf.data.sources import Description
from elite_tf.engine.runners.gpus import Gpu, workers_for
from elite_tf.runs.plan import Plan
from elite_tf.runs.settings import Settings
from elite_tf.training.recipe import PAPER_BATCH
from elite_tf.types import Size

MIB = 1 << 20

# Measured with tools/check_worker_memory.py: a worker that has loaded
# TensorFlow; the share of a layer in the graphs; copies of the training state
# and of the feature maps of a batch in memory at the same time.
WORKER_BYTES = 750 * MIB
LAYER_BYTES = 1 * MIB
STATES = 3
MAPS = 1.6

STATE_BYTES = 20  # Per parameter: five float32 vectors.


class Need(NamedTuple):
  """Memory of a candidate in a worker, in bytes.

  Attributes:
    held: From its first step until it is released.
    training: In addition, while it trains.
  """

  held: int = 0
  training: int = 0


@dataclasses.dataclass(frozen=True)
class Loads:
  """Predicted operations and memory of candidates.

  Attributes:
    macs: Multiply-accumulates per inference, by name.
    needs: Memory in a worker, by name.
    room: Memory of a worker for its candidates, in bytes.
  """

  macs: Mapping[str, int] = dataclasses.field(default_factory=dict)
  needs: Mapping[str, Need] = dataclasses.field(default_factory=dict)
  room: float = math.inf


def predict_need(size: Size, params: int, batch_size: int) -> Need:
  """Returns the memory of a candidate in a worker.

  Args:
    size: Of its network.
    params: Number of parameters.
    batch_size: Images per step.
  """
  maps = size.numbers * batch_size * 4
  held = LAYER_BYTES * size.layers + STATES * STATE_BYTES * params
  return Need(held, round(MAPS * maps))


def size(
  settings: Settings,
  plan: Plan,
  data: Description,
  free: float,
  cards: Sequence[Gpu] = (),
) -> tuple[int, int, Loads]:
  """Returns (workers, threads per worker, loads of the candidates).

  Args:
    settings: `workers` is taken as it is, unless it is 0.
    plan: Of the search.
    data: The data set, which every worker holds in memory, as loaded and
      resized; decoded images lie in files that all workers map.
    free: Free memory, in bytes.
    cards: The GPUs; several workers share one if its memory allows.
  """
  needs = {
    candidate.name: predict_need(
      extent, cost.params, settings.batch_size or PAPER_BATCH
    )
    for candidate, cost, extent in zip(plan.candidates, plan.costs, plan.sizes)
  }
  workers, threads = default_workers(
    len(plan.candidates), cards, max(sum(need) for need in needs.values())
  )
  side = max(candidate.resolution for candidate in plan.candidates)
  pixels = data.height * data.width + side**2
  if sources.is_decoded(settings.data):
    pixels = 0
  base = WORKER_BYTES + data.images * data.channels * pixels
  workers = settings.workers or workers_in_memory(
    workers, [sum(need) for need in needs.values()], base, free
  )
  macs = {c.name: cost.macs for c, cost in zip(plan.candidates, plan.costs)}
  return workers, threads, Loads(macs, needs, free / workers - base)


def default_workers(
  candidates: int, cards: Sequence[Gpu] = (), need: int = 0
) -> tuple[int, int]:
  """Returns (workers, threads per worker) for the cores and GPUs.

  Args:
    candidates: Number of candidates, the most workers that have work.
    cards: The GPUs.
    need: Memory of the heaviest candidate on a GPU, in bytes.
  """
  cores = len(os.sched_getaffinity(0))
  least = min((card.free_bytes for card in cards), default=0)
  workers = min(workers_for(cores, len(cards), least, need), candidates)
  return workers, cores // workers


def workers_in_memory(
  workers: int, needs: Sequence[int], base: int, free: float
) -> int:
  """Returns how many workers fit the memory; at least one.

  Args:
    workers: The most workers, for which there are cores.
    needs: Memory of the candidates, in bytes; the heaviest ones may train at
      the same time.
    base: Memory of a worker without candidates, in bytes.
    free: Free memory, in bytes.
  """
  heaviest = sorted(needs, reverse=True)
  for count in range(workers, 1, -1):
    if count * base + sum(heaviest[:count]) <= free:
      return count
  return 1


def free_bytes() -> float:
  """Returns the free memory in bytes, infinite if it is not known.

  The smaller one of the free memory of the machine and of what the control
  group of this process has left.
  """
  return min(_free_in_machine(), _free_in_group())


def _free_in_machine() -> float:
  try:
    text = Path("/proc/meminfo").read_text("utf-8")
  except OSError:
    return math.inf
  fields = dict(line.split(":", 1) for line in text.splitlines())
  return int(fields["MemAvailable"].split()[0]) * 1024


def _free_in_group() -> float:
  try:
    own = Path("/proc/self/cgroup").read_text("utf-8")
    path = own.strip().rpartition("::")[2].lstrip("/")
    folder = Path("/sys/fs/cgroup", path)
    limit = (folder / "memory.max").read_text("utf-8").strip()
    used = (folder / "memory.current").read_text("utf-8")
  except OSError:
    return math.inf
  return math.inf if limit == "max" else int(limit) - int(used)
