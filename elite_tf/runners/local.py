"""Trains candidates in worker processes on this machine.

Networks of this size hardly gain from a second thread, so every core gets a
worker of its own, where memory allows. A pool of the standard library or of joblib would not do: it
breaks as a whole when a worker is killed, and it cannot send a candidate back
to the worker that has traced it.
"""

import dataclasses
import itertools
import socket
import subprocess
import time
from collections.abc import Callable
from multiprocessing import connection as connections
from multiprocessing.connection import Connection

from elite_tf import processes
from elite_tf.errors import SearchFailed
from elite_tf.run_folder import RunFolder
from elite_tf.runners.capacity import Loads, Need
from elite_tf.runners.worker import (
    EpochDone,
    Exhausted,
    Export,
    Exported,
    Ready,
    Release,
    Said,
    Setup,
    Stopped,
)
from elite_tf.settings import Settings
from elite_tf.spec import Epoch, Job, Outcome

# A worker that dies, hangs or runs out of memory may have done so for what else
# the machine did: its work is tried once more.
TRIES = 2


@dataclasses.dataclass(eq=False)
class _Worker:
  """A worker process and what it is doing.

  Attributes:
    process: The process.
    connection: The way to it.
    ready: Whether it is set up.
    request: What it is working on, None while it waits.
    heard: When it began or last told of one, by the monotonic clock.
    held: Bytes by name of the candidates that it has traced, the one used last
      at the end.
  """

  process: subprocess.Popen
  connection: Connection
  ready: bool = False
  request: Job | Export | None = None
  heard: float = 0.0
  held: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Speed:
  """What is known of a candidate that was trained here.

  Attributes:
    first_step_seconds: What tracing it takes.
    epoch_seconds: What an epoch takes.
  """

  first_step_seconds: float
  epoch_seconds: float


class LocalRunner:
  """Worker processes, each set up once and kept.

  Work on a lighter group starts only when there is none left for the heavier
  ones, so that few networks are in memory at a time; within a group the
  heaviest candidate comes first.
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
      loads: Loads = Loads(),
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
      loads: What the candidates take, predicted.
    """
    self._setup = Setup(settings, folder, threads)
    self._on_start = on_start
    self._on_epoch = on_epoch
    self._say = say
    self._loads = loads
    self._numbers = itertools.count()
    self._queue: list[tuple[int, int, int, Job | Export]] = []
    self._lost: dict[tuple, int] = {}
    self._epochs: dict[str, list[Epoch]] = {}
    self._speeds: dict[str, _Speed] = {}
    self._failed_starts = 0
    self._workers = [self._start() for _ in range(workers)]

  def submit(self, request: Job | Export) -> None:
    """Takes a request; it starts as soon as a worker is free."""
    macs = self._loads.macs.get(request.candidate.name, 0)
    self._queue.append((request.group, -macs, next(self._numbers), request))
    self._queue.sort(key=lambda entry: entry[:3])

  def wait(self) -> Outcome | Exported:
    """Returns the answer to one of the requests, in any order.

    Raises:
      EliteError: The data cannot be loaded, or no worker can be started.
      OSError: The run folder cannot be written.
      RuntimeError: Nothing was submitted.
    """
    patience: float | None = 0.0  # First of all, who has died meanwhile?
    while True:
      by_connection = {w.connection: w for w in self._workers}
      for ready in connections.wait(by_connection, patience):
        answer = self._hear(by_connection[ready])
        if answer is not None:
          return answer
      for worker in self._hanging():
        limit = self._setup.settings.epoch_timeout
        answer = self._replace(
            worker, f"ended no epoch for {limit} s (--epoch_timeout)"
        )
        if answer is not None:
          return answer
      self._dispatch()
      if not self._queue and not any(w.request for w in self._workers):
        raise RuntimeError("wait() without a request that was submitted")
      patience = self._patience()

  def release(self, name: str) -> None:
    """Frees the memory of a candidate that will not be trained again."""
    home = self._home(name)
    if home is not None:
      del home.held[name]
      self._send(home, Release(name))

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
    except (BrokenPipeError, ConnectionResetError):
      pass  # It has died; `wait` hears of it.

  def _home(self, name: str) -> _Worker | None:
    """Returns the worker that has traced a candidate."""
    return next((w for w in self._workers if name in w.held), None)

  def _dispatch(self) -> None:
    for worker in self._workers:
      if worker.ready and worker.request is None:
        worker.request = self._take(worker)
        if worker.request is not None:
          self._make_room(worker, worker.request)
          worker.heard = time.monotonic()
          self._on_start(worker.request)
          self._send(worker, worker.request)

  def _take(self, worker: _Worker) -> Job | Export | None:
    """Returns the next request for a worker that waits."""
    for entry in self._queue:
      if self._suits(entry[-1], worker):
        self._queue.remove(entry)
        return entry[-1]
    return None

  def _suits(self, request: Job | Export, worker: _Worker) -> bool:
    home = self._home(request.candidate.name)
    if isinstance(request, Export) or home is None or home is worker:
      return True
    if home.request is None:
      return False  # Its own worker is free, too.
    # Moving it costs a tracing; waiting may cost all of its training.
    speed = self._speeds[request.candidate.name]
    training = (request.stop - request.start) * speed.epoch_seconds
    return training > 2 * speed.first_step_seconds

  def _make_room(self, worker: _Worker, request: Job | Export) -> None:
    """Has a worker forget what it used least lately, if memory is short."""
    if isinstance(request, Export):
      return
    name = request.candidate.name
    if name not in worker.held:
      self.release(name)  # It moves here.
    need = self._loads.needs.get(name, Need())
    worker.held.pop(name, None)
    for other in list(worker.held):
      if sum(worker.held.values()) + sum(need) <= self._loads.room:
        break
      self.release(other)
    worker.held[name] = need.held

  def _patience(self) -> float | None:
    """Returns the seconds until the next worker has to be taken to hang."""
    limit = self._setup.settings.epoch_timeout
    since = [w.heard for w in self._workers if isinstance(w.request, Job)]
    if not limit or not since:
      return None
    return max(0.0, min(since) + limit - time.monotonic())

  def _hanging(self) -> list[_Worker]:
    limit = self._setup.settings.epoch_timeout
    return [
        worker
        for worker in self._workers
        if limit
        and isinstance(worker.request, Job)
        and time.monotonic() >= worker.heard + limit
    ]

  def _hear(self, worker: _Worker) -> Outcome | Exported | None:
    try:
      message = worker.connection.recv()
    except (EOFError, ConnectionResetError):
      return self._replace(worker)
    if isinstance(message, Ready):
      worker.ready = True
      self._failed_starts = 0
    elif isinstance(message, EpochDone):
      worker.heard = time.monotonic()
      self._epochs.setdefault(message.name, []).append(message.epoch)
      self._on_epoch(message.name, message.epoch)
    elif isinstance(message, Said):
      self._say(message.line)
    elif isinstance(message, Exhausted):
      return self._replace(worker, f"ran out of memory ({message.reason})")
    elif isinstance(message, Stopped):
      raise message.error
    else:
      return self._finish(worker, message)
    return None

  def _finish(
      self, worker: _Worker, answer: Outcome | Exported
  ) -> Outcome | Exported:
    self._lost.pop(_identity(worker.request), None)
    self._epochs.pop(answer.name, None)
    worker.request = None
    if isinstance(answer, Outcome) and answer.epochs:
      known = self._speeds.get(answer.name)
      self._speeds[answer.name] = _Speed(
          answer.first_step_seconds
          or (known.first_step_seconds if known else 0.0),
          answer.epochs[-1].seconds,
      )
    return answer

  def _replace(
      self, worker: _Worker, reason: str = ""
  ) -> Outcome | Exported | None:
    """Starts another worker for one that is lost; its work is tried again.

    Args:
      worker: Has died, or is ended here.
      reason: Why it is ended; empty if it has died.

    Returns:
      The answer to its work, if that has cost a worker before.
    """
    if reason:
      processes.end(worker.process)
    reason = reason or processes.how_it_ended(worker.process.wait())
    worker.connection.close()
    self._workers.remove(worker)
    if not worker.ready:
      self._failed_starts += 1
      if self._failed_starts >= TRIES:
        if self._workers:
          self._say(f"a worker {reason}: {len(self._workers)} are left")
          return None
        raise SearchFailed(f"no worker can be started: it {reason}")
    self._workers.append(self._start())
    request = worker.request
    if request is None:
      return None
    name, key = request.candidate.name, _identity(request)
    self._lost[key] = self._lost.get(key, 0) + 1
    if self._lost[key] < TRIES:
      self._say(f"{name}: its worker {reason}; tried once more")
      self.submit(request)
      return None
    reason = f"its worker {reason} twice"
    if isinstance(request, Export):
      return Exported(name, None, reason)
    told = self._epochs.pop(name, [])
    epochs = tuple(e for e in told if request.start < e.epoch <= request.stop)
    return Outcome(name, request.start, request.stop, epochs, reason)


def _identity(request: Job | Export) -> tuple:
  if isinstance(request, Export):
    return (request.candidate.name,)
  return request.candidate.name, request.start, request.stop
