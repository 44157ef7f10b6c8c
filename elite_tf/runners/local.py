"""Trains candidates in worker processes on this machine.

Networks of this size hardly gain from a second thread, so every core gets a
worker of its own. A pool of the standard library or of joblib would not do: it
breaks as a whole when a worker is killed, and it cannot send a candidate back
to the worker that has traced it.
"""

import dataclasses
import itertools
import os
import socket
import subprocess
from collections.abc import Callable
from multiprocessing import connection as connections
from multiprocessing.connection import Connection

from elite_tf import processes
from elite_tf.run_folder import RunFolder
from elite_tf.runners.worker import (
    EpochDone,
    Export,
    Exported,
    Release,
    Said,
    Setup,
    Stopped,
)
from elite_tf.settings import Settings
from elite_tf.spec import Epoch, Job, Outcome

# A worker that dies may have been killed for its memory while others used
# theirs: its work is tried once more.
TRIES = 2


def default_workers(candidates: int) -> tuple[int, int]:
  """Returns (workers, threads a worker) for this machine's cores."""
  cores = len(os.sched_getaffinity(0))
  workers = max(1, min(cores, candidates))
  return workers, cores // workers


@dataclasses.dataclass(eq=False)
class _Worker:
  """A worker process and what it is doing.

  Attributes:
    process: The process.
    connection: The way to it.
    request: What it is working on, None while it waits.
  """

  process: subprocess.Popen
  connection: Connection
  request: Job | Export | None = None


@dataclasses.dataclass(frozen=True)
class _Speed:
  """What is known of a candidate that was trained here.

  Attributes:
    home: The worker that has traced it.
    first_step_seconds: What tracing it takes.
    epoch_seconds: What an epoch takes.
  """

  home: _Worker
  first_step_seconds: float
  epoch_seconds: float


class LocalRunner:
  """Worker processes, each set up once and kept.

  Work on a lighter group starts only when there is none left for the heavier
  ones, so that few networks are in memory at a time.
  """

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
    self._setup = Setup(settings, folder, threads)
    self._on_start = on_start
    self._on_epoch = on_epoch
    self._say = say
    self._numbers = itertools.count()
    self._queue: list[tuple[int, int, Job | Export]] = []
    self._tries: dict[str, int] = {}
    self._speeds: dict[str, _Speed] = {}
    self._workers = [self._start() for _ in range(workers)]

  def submit(self, request: Job | Export) -> None:
    """Takes a request; it starts as soon as a worker is free."""
    self._queue.append((request.group, next(self._numbers), request))
    self._queue.sort(key=lambda entry: entry[:2])

  def wait(self) -> Outcome | Exported:
    """Returns the answer to one of the requests, in any order.

    Raises:
      EliteError: The data cannot be loaded.
      OSError: The run folder cannot be written.
      RuntimeError: Nothing was submitted.
    """
    while True:
      self._dispatch()
      busy = [w.connection for w in self._workers if w.request is not None]
      if not busy:
        raise RuntimeError("wait() without a request that was submitted")
      for ready in connections.wait(busy):
        worker = next(w for w in self._workers if w.connection is ready)
        answer = self._hear(worker)
        if answer is not None:
          return answer

  def release(self, name: str) -> None:
    """Frees the memory of a candidate that will not be trained again."""
    speed = self._speeds.pop(name, None)
    if speed is not None and speed.home in self._workers:
      self._send(speed.home, Release(name))

  def close(self) -> None:
    """Ends the workers."""
    for worker in self._workers:
      worker.connection.close()
      processes.end(worker.process)

  def __enter__(self):
    return self

  def __exit__(self, *exception):
    self.close()

  def _start(self) -> _Worker:
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

  def _send(self, worker: _Worker, message) -> None:
    try:
      worker.connection.send(message)
    except BrokenPipeError:
      pass  # It has died; `wait` hears of it.

  def _dispatch(self) -> None:
    for worker in self._workers:
      if worker.request is None:
        worker.request = self._take(worker)
        if worker.request is not None:
          self._on_start(worker.request)
          self._send(worker, worker.request)

  def _take(self, worker: _Worker) -> Job | Export | None:
    """Returns the next request for a worker that waits."""
    for entry in self._queue:
      if self._suits(entry[2], worker):
        self._queue.remove(entry)
        return entry[2]
    return None

  def _suits(self, request: Job | Export, worker: _Worker) -> bool:
    speed = self._speeds.get(request.candidate.name)
    if (
        isinstance(request, Export)
        or speed is None
        or speed.home is worker
        or speed.home not in self._workers
    ):
      return True
    if speed.home.request is None:
      return False  # Its own worker is free, too.
    # Moving it costs a tracing; waiting may cost all of its training.
    training = (request.stop - request.start) * speed.epoch_seconds
    return training > 2 * speed.first_step_seconds

  def _hear(self, worker: _Worker) -> Outcome | Exported | None:
    try:
      message = worker.connection.recv()
    except (EOFError, ConnectionResetError):
      return self._replace(worker)
    if isinstance(message, EpochDone):
      self._on_epoch(message.name, message.epoch)
      return None
    if isinstance(message, Said):
      self._say(message.line)
      return None
    worker.request = None
    if isinstance(message, Stopped):
      raise message.error
    if isinstance(message, Outcome) and message.error is None:
      self._note(message, worker)
    return message

  def _note(self, outcome: Outcome, worker: _Worker) -> None:
    known = self._speeds.get(outcome.name)
    if known is not None and known.home is not worker:
      self.release(outcome.name)
    self._speeds[outcome.name] = _Speed(
        worker,
        outcome.first_step_seconds
        or (known.first_step_seconds if known else 0),
        outcome.epochs[-1].seconds if outcome.epochs else 0.0,
    )

  def _replace(self, worker: _Worker) -> Outcome | Exported | None:
    """Starts another worker for one that died; its work is tried again."""
    worker.connection.close()
    reason = processes.how_it_ended(worker.process.wait())
    request = worker.request
    self._workers.remove(worker)
    name = request.candidate.name
    self._tries[name] = self._tries.get(name, 1) + 1
    self._workers.append(self._start())
    if self._tries[name] > TRIES:
      reason = f"its worker {reason} twice"
      if isinstance(request, Export):
        return Exported(name, None, reason)
      return Outcome(name, request.start, request.stop, (), reason)
    self._say(f"{name}: its worker {reason}; tried once more")
    self.submit(request)
    return None
