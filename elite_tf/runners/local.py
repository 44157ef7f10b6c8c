"""Trains candidates in worker processes on this machine.

Networks of this size hardly gain from a second thread, so every core gets a
worker of its own. A pool of the standard library or of joblib would not do: it
breaks as a whole when a worker is killed, and it cannot send a candidate back
to the worker that has traced it.
"""

import contextlib
import dataclasses
import os
import socket
import subprocess
from collections.abc import Callable
from multiprocessing import connection as connections
from multiprocessing.connection import Connection

from elite_tf import processes
from elite_tf.run_folder import RunFolder
from elite_tf.runners.pool import Lost, PoolRunner, PoolWorker
from elite_tf.runners.worker import Export, Setup
from elite_tf.settings import Settings
from elite_tf.spec import Epoch, Job


def default_workers(candidates: int) -> tuple[int, int]:
  """Returns (workers, threads a worker) for this machine's cores."""
  cores = len(os.sched_getaffinity(0))
  workers = max(1, min(cores, candidates))
  return workers, cores // workers


def open_runner(
    settings: Settings, folder: RunFolder, candidates: int, *listeners: Callable
) -> "LocalRunner":
  """Returns the runner of a search.

  Args:
    settings: Of the search.
    folder: Its run folder.
    candidates: How many there are to train.
    *listeners: `on_start`, `on_epoch` and `say` of `LocalRunner`.
  """
  workers, threads = default_workers(candidates)
  return LocalRunner(
      settings, folder, settings.workers or workers, threads, *listeners
  )


@dataclasses.dataclass(eq=False)
class _Worker(PoolWorker):
  """A worker process.

  Attributes:
    process: The process.
    connection: The way to it.
  """

  process: subprocess.Popen
  connection: Connection


class LocalRunner(PoolRunner):
  """Worker processes on this machine."""

  def __init__(
      self,
      settings: Settings,
      folder: RunFolder,
      workers: int,
      threads: int,
      on_start: Callable[[Job | Export], None] = lambda request: None,
      on_epoch: Callable[[str, Epoch], None] = lambda name, epoch: None,
      say: Callable[[str], None] = lambda line: None,
  ):
    """Starts the workers; they load TensorFlow while this process goes on.

    Args:
      settings: Of the search.
      folder: Its run folder.
      workers: Processes.
      threads: Threads of each.
      on_start: Told when a worker begins with a request.
      on_epoch: Told of every epoch.
      say: Told in one line what a person should know.
    """
    super().__init__(on_start, on_epoch, say)
    self._setup = Setup(settings, folder, threads)
    self._workers = [self._start() for _ in range(workers)]

  def _start(self):
    ours, theirs = socket.socketpair()
    with theirs:
      process = processes.start(
          "-m",
          "elite_tf.runners.worker",
          str(theirs.fileno()),
          pass_fds=(theirs.fileno(),),
      )
    worker = _Worker(process, Connection(ours.detach()))
    self._send(worker, self._setup)
    return worker

  def _send(self, worker, message):
    with contextlib.suppress(BrokenPipeError):  # It has died: it is heard of.
      worker.connection.send(message)

  def _heard(self):
    busy = [w.connection for w in self._workers if w.request is not None]
    for ready in connections.wait(busy):
      yield next(w for w in self._workers if w.connection is ready)

  def _receive(self, worker):
    try:
      return worker.connection.recv()
    except (EOFError, ConnectionResetError) as end:
      reason = processes.how_it_ended(worker.process.wait())
      raise Lost(reason) from end

  def _end(self, worker):
    worker.connection.close()
    processes.end(worker.process)
