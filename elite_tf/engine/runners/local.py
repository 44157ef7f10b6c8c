"""Trains candidates in worker processes on this machine.

Networks of this size gain little from a second thread, so every core has its own
worker, as far as memory allows. The process pools of the standard library and of
joblib cannot be used: they break as a whole when a worker is killed, and cannot
send a candidate back to the worker that has traced it.
"""

import contextlib
import dataclasses
import logging
import subprocess
from collections.abc import Callable, Sequence
from multiprocessing import connection as connections
from multiprocessing.connection import Connection

from elite_tf.engine.runners.base import Runner
from elite_tf.engine.runners.capacity import (
  Loads,
  default_workers,
  free_bytes,
  size,
)
from elite_tf.engine.runners.gpus import Gpu, gpus, least_used
from elite_tf.engine.runners.messages import Request, Setup
from elite_tf.engine.runners.scheduling import Lost, WorkerHandle, Workers
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings
from elite_tf.system import processes
from elite_tf.types import Epoch

logger = logging.getLogger(__name__)


class LocalRunner(Runner):
  """Worker processes on this machine, as many as cores and memory allow."""

  name = "local"

  def open(self, settings, folder, plan, description, on_start, on_epoch):
    """See `Runner.open`."""
    free, cards = free_bytes(), gpus()
    count, threads, loads = size(settings, plan, description, free, cards)
    heaviest = max(map(sum, loads.needs.values()))
    wanted, _ = default_workers(len(plan.candidates), cards, heaviest)
    if count < wanted and not settings.workers:
      logger.info(
        f"{free / 2**30:.1f} GiB of memory are free: {count} instead of"
        f" {wanted} workers"
      )
    return LocalWorkers(
      settings, folder, count, threads, on_start, on_epoch, loads, cards
    )


@dataclasses.dataclass(eq=False)
class _Worker(WorkerHandle):
  """A worker process.

  Attributes:
    process: The process.
    connection: To the process.
    gpu: Name of the GPU that it uses; empty without GPUs.
  """

  process: subprocess.Popen
  connection: Connection
  gpu: str = ""


class LocalWorkers(Workers):
  """Worker processes on this machine."""

  def __init__(
    self,
    settings: Settings,
    folder: RunFolder,
    workers: int,
    threads: int,
    on_start: Callable[[Request], None] = lambda request: None,
    on_epoch: Callable[[str, Epoch], None] = lambda name, epoch: None,
    loads: Loads = Loads(),
    cards: Sequence[Gpu] = (),
  ):
    """Starts the workers, which load TensorFlow while this process continues.

    Args:
      settings: Of the search.
      folder: Its run folder.
      workers: Number of processes.
      threads: Threads per process.
      on_start: Called when a worker begins with a request.
      on_epoch: Called with the name of a candidate and each epoch that ended.
      loads: Predicted operations and memory of the candidates.
      cards: GPUs, which the workers share evenly.
    """
    super().__init__(on_start, on_epoch, loads, settings.epoch_timeout)
    self._setup = Setup(settings, folder, threads)
    self._cards = cards
    for _ in range(workers):
      self._workers.append(self._start())

  def _start(self):
    process, connection = processes.start_connected(
      "elite_tf.engine.runners.worker"
    )
    taken = [worker.gpu for worker in self._workers]
    gpu = least_used(self._cards, taken)
    worker = _Worker(process, connection, gpu=gpu)
    self._send(worker, dataclasses.replace(self._setup, gpu=gpu))
    return worker

  def _send(self, worker, message):
    # A dead worker does not get the message; `_receive` finds out.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
      worker.connection.send(message)

  def _heard(self, timeout):
    by_connection = {worker.connection: worker for worker in self._workers}
    for ready in connections.wait(by_connection, timeout):
      yield by_connection[ready]

  def _receive(self, worker):
    try:
      return worker.connection.recv()
    except (EOFError, ConnectionResetError) as end:
      reason = processes.how_it_ended(worker.process.wait())
      raise Lost(reason) from end

  def _end(self, worker):
    worker.connection.close()
    processes.end(worker.process)
