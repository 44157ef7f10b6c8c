"""How many workers the machine's cores and memory hold, predicted.

A worker is TensorFlow, and of every candidate that it has traced the state of
its training and its graph; while one trains, the maps that the gradient needs.
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
from elite_tf.types import Size

MIB = 1 << 20

# Measured with tools/check_worker_memory.py: a worker that has loaded
# TensorFlow; a layer's part in the graphs; how many times the state and the
# maps of a batch are there at a time.
WORKER_BYTES = 750 * MIB
LAYER_BYTES = 1 * MIB
STATES = 3
MAPS = 1.6

STATE_BYTES = 20  # A parameter's part in five float32 vectors.


class Need(NamedTuple):
  """Memory that a candidate takes in a worker, in bytes.

  Attributes:
    held: From its first step until it is forgotten.
    training: Besides, while it trains.
  """

  held: int = 0
  training: int = 0


@dataclasses.dataclass(frozen=True)
class Loads:
  """What candidates take, predicted.

  Attributes:
    macs: Multiply-accumulates of an inference by name.
    needs: Memory in a worker by name.
    room: Bytes that a worker has for its candidates.
  """

  macs: Mapping[str, int] = dataclasses.field(default_factory=dict)
  needs: Mapping[str, Need] = dataclasses.field(default_factory=dict)
  room: float = math.inf


def predict_need(size: Size, params: int, batch_size: int) -> Need:
  """Returns the memory that a candidate takes in a worker.

  Args:
    size: Of its network.
    params: Its parameters.
    batch_size: Images a step.
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
  """Returns (workers, threads a worker, what the candidates take).

  Args:
    settings: A number of workers in them is taken as it is.
    plan: Of the search.
    data: Its data set, which every worker has in memory, resized too; decoded
      pictures are files that all of them map.
    free: Memory that is free, in bytes.
    cards: The machine's GPUs; several workers share one if its memory allows.
  """
  needs = {
    candidate.name: predict_need(extent, cost.params, settings.batch_size)
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
  """Returns (workers, threads a worker) for this machine's cores and GPUs.

  Args:
    candidates: More workers than these have nothing to do.
    cards: The machine's GPUs.
    need: Bytes of a GPU that the heaviest candidate takes.
  """
  cores = len(os.sched_getaffinity(0))
  least = min((card.free_bytes for card in cards), default=0)
  workers = min(workers_for(cores, len(cards), least, need), candidates)
  return workers, cores // workers


def workers_in_memory(
  workers: int, needs: Sequence[int], base: int, free: float
) -> int:
  """Returns how many of the workers the memory holds; at least one.

  Args:
    workers: As many as there are cores for.
    needs: Memory of the candidates; the heaviest may train at a time.
    base: Memory of a worker without any.
    free: Memory that is free.
  """
  heaviest = sorted(needs, reverse=True)
  for count in range(workers, 1, -1):
    if count * base + sum(heaviest[:count]) <= free:
      return count
  return 1


def free_bytes() -> float:
  """Returns the memory that is free, infinite where that is not known.

  What the machine has, or what is left of this process's control group.
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
