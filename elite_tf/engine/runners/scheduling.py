"""Which worker trains what, and when: the same for every runner.

Subclasses start and end workers, and send and receive the messages.
"""

import abc
import dataclasses
import itertools
import logging
import time
from collections.abc import Callable, Iterator

from elite_tf.engine.runners.capacity import Loads, Need
from elite_tf.engine.runners.messages import (
  EpochDone,
  Exhausted,
  Export,
  Exported,
  Ready,
  Release,
  Request,
  Stopped,
  log_again,
)
from elite_tf.errors import SearchFailed
from elite_tf.types import Epoch, Job, Outcome

logger = logging.getLogger(__name__)

# A worker may die, hang or run out of memory because of something else on the
# machine: its work is tried a second time.
TRIES = 2


@dataclasses.dataclass(eq=False, kw_only=True)
class WorkerHandle:
  """A worker and what it is doing.

  Attributes:
    ready: Whether it is set up.
    request: The request that it works on; None while it waits.
    heard: Time of the last sign of life, by the monotonic clock, in seconds.
    held: Bytes per candidate that it has traced, by name; the candidate used
      last comes last.
  """

  ready: bool = False
  request: Request | None = None
  heard: float = 0.0
  held: dict[str, int] = dataclasses.field(default_factory=dict)


class Lost(Exception):
  """A worker is gone, while it worked or while it waited.

  Attributes:
    reason: What happened to it, as a predicate: "died of SIGKILL".
    blameless: Whether its work cannot be the cause.
  """

  def __init__(self, reason: str, blameless: bool = False):
    super().__init__(reason)
    self.reason = reason
    self.blameless = blameless


@dataclasses.dataclass(frozen=True)
class _Speed:
  """How long a candidate takes that was trained before.

  Attributes:
    first_step_seconds: The first steps, with their tracing.
    epoch_seconds: The last epoch.
  """

  first_step_seconds: float
  epoch_seconds: float


class Workers(abc.ABC):
  """The workers of a search, each set up once and kept until the end.

  Requests of a heavier group come first, so that few networks are in memory at
  a time; within a group the heaviest candidate comes first.
  """

  def __init__(
    self,
    on_start: Callable[[Request], None],
    on_epoch: Callable[[str, Epoch], None],
    loads: Loads,
    epoch_timeout: float,
  ):
    """Prepares to schedule; subclasses start the workers.

    Args:
      on_start: Called when a worker begins with a request.
      on_epoch: Called with the name of a candidate and each epoch that ended.
      loads: Predicted operations and memory of the candidates.
      epoch_timeout: Seconds without an epoch after which a worker counts as
        hanging; 0 means never.
    """
    self._on_start = on_start
    self._on_epoch = on_epoch
    self._loads = loads
    self._epoch_timeout = epoch_timeout
    self._numbers = itertools.count()
    self._queue: list[tuple[int, int, int, Request]] = []
    self._losses: dict[tuple, int] = {}
    self._epochs: dict[str, list[Epoch]] = {}
    self._speeds: dict[str, _Speed] = {}
    self._failed_starts = 0
    self._workers: list[WorkerHandle] = []

  def __len__(self) -> int:
    """The number of workers."""
    return len(self._workers)

  def submit(self, request: Request) -> None:
    """Adds a request, which starts as soon as a worker is free."""
    macs = self._loads.macs.get(request.candidate.name, 0)
    self._queue.append((request.group, -macs, next(self._numbers), request))
    self._queue.sort(key=lambda entry: entry[:3])

  def wait(self) -> Outcome | Exported:
    """Returns the answer to one of the requests, in any order.

    Raises:
      EliteError: The data cannot be loaded, or no worker can be started.
      OSError: The run folder cannot be written.
      RuntimeError: No request is left.
    """
    patience: float | None = 0.0  # First, learn who has died meanwhile.
    while True:
      for worker in self._heard(patience):
        answer = self._hear(worker)
        if answer is not None:
          return answer
      for worker in self._hanging():
        reason = f"ended no epoch for {self._epoch_timeout} s (--epoch_timeout)"
        answer = self._replace(worker, Lost(reason))
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
      self._end(worker)

  def __enter__(self):
    return self

  def __exit__(self, *exception):
    self.close()

  @abc.abstractmethod
  def _start(self) -> WorkerHandle:
    """Starts a worker, which sends `Ready` when it is set up."""

  @abc.abstractmethod
  def _send(self, worker: WorkerHandle, message: Request | Release) -> None:
    """Sends a message to a worker; nothing happens if the worker is gone."""

  @abc.abstractmethod
  def _heard(self, timeout: float | None) -> Iterator[WorkerHandle]:
    """Waits for messages and yields the workers that sent one.

    Args:
      timeout: Seconds to wait at most; None waits without a limit.
    """

  @abc.abstractmethod
  def _receive(self, worker: WorkerHandle):
    """Returns the next message of a worker that sent one.

    Raises:
      Lost: The worker is gone.
    """

  @abc.abstractmethod
  def _end(self, worker: WorkerHandle) -> None:
    """Ends a worker, whatever it is doing; it may be dead already."""

  def _home(self, name: str) -> WorkerHandle | None:
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

  def _take(self, worker: WorkerHandle) -> Request | None:
    """Returns the next request for a free worker; None if there is none."""
    for entry in self._queue:
      if self._suits(entry[-1], worker):
        self._queue.remove(entry)
        return entry[-1]
    return None

  def _suits(self, request: Request, worker: WorkerHandle) -> bool:
    """Returns whether a free worker should take a request."""
    home = self._home(request.candidate.name)
    if isinstance(request, Export) or home is None or home is worker:
      return True
    if home.request is None:
      return False  # The worker that has traced it is free, too.
    # A move costs a tracing; waiting costs up to the time of the training.
    speed = self._speeds[request.candidate.name]
    training = (request.stop - request.start) * speed.epoch_seconds
    return training > 2 * speed.first_step_seconds

  def _make_room(self, worker: WorkerHandle, request: Request) -> None:
    """Releases the candidates used least recently, if memory is short."""
    if isinstance(request, Export):
      return
    name = request.candidate.name
    if name not in worker.held:
      self.release(name)  # The candidate moves to this worker.
    need = self._loads.needs.get(name, Need())
    worker.held.pop(name, None)
    for other in list(worker.held):
      if sum(worker.held.values()) + sum(need) <= self._loads.room:
        break
      self.release(other)
    worker.held[name] = need.held

  def _patience(self) -> float | None:
    """Returns the seconds until the next worker counts as hanging."""
    since = [w.heard for w in self._workers if isinstance(w.request, Job)]
    if not self._epoch_timeout or not since:
      return None
    return max(0.0, min(since) + self._epoch_timeout - time.monotonic())

  def _hanging(self) -> list[WorkerHandle]:
    now = time.monotonic()
    return [
      worker
      for worker in self._workers
      if self._epoch_timeout
      and isinstance(worker.request, Job)
      and now >= worker.heard + self._epoch_timeout
    ]

  def _hear(self, worker: WorkerHandle) -> Outcome | Exported | None:
    try:
      message = self._receive(worker)
    except Lost as lost:
      return self._replace(worker, lost)
    if isinstance(message, Ready):
      worker.ready = True
      self._failed_starts = 0
    elif isinstance(message, EpochDone):
      worker.heard = time.monotonic()
      self._epochs.setdefault(message.name, []).append(message.epoch)
      self._on_epoch(message.name, message.epoch)
    elif isinstance(message, logging.LogRecord):
      log_again(message)
    elif isinstance(message, Exhausted):
      lost = Lost(f"ran out of memory ({message.reason})")
      return self._replace(worker, lost)
    elif isinstance(message, Stopped):
      raise message.error
    else:
      return self._finish(worker, message)
    return None

  def _finish(
    self, worker: WorkerHandle, answer: Outcome | Exported
  ) -> Outcome | Exported:
    self._losses.pop(_identity(worker.request), None)
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
    self, worker: WorkerHandle, lost: Lost
  ) -> Outcome | Exported | None:
    """Replaces a lost worker and submits its request again.

    Returns:
      A failure as the answer to its request, if that has cost a worker before.
    """
    self._end(worker)
    self._workers.remove(worker)
    if not worker.ready and not lost.blameless:
      self._failed_starts += 1
      if self._failed_starts >= TRIES:
        if self._workers:
          logger.warning(
            f"a worker {lost.reason}: {len(self._workers)} are left"
          )
          return None
        raise SearchFailed(f"no worker can be started: it {lost.reason}")
    self._workers.append(self._start())
    request = worker.request
    if request is None:
      return None
    name, key = request.candidate.name, _identity(request)
    if not lost.blameless:
      self._losses[key] = self._losses.get(key, 0) + 1
    if self._losses.get(key, 0) < TRIES:
      logger.warning(f"{name}: its worker {lost.reason}; trying once more")
      self.submit(request)
      return None
    reason = f"its worker {lost.reason} twice"
    if isinstance(request, Export):
      return Exported(name, None, reason)
    told = self._epochs.pop(name, [])
    epochs = tuple(e for e in told if request.start < e.epoch <= request.stop)
    return Outcome(name, request.start, request.stop, epochs, reason)


def _identity(request: Request) -> tuple:
  if isinstance(request, Export):
    return (request.candidate.name,)
  return request.candidate.name, request.start, request.stop
