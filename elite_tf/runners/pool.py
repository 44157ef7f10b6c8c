"""What every runner with workers does alike: who trains what, and where.

How a worker is started, spoken to and ended is the runner's own.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

from elite_tf.runners.worker import (
    EpochDone,
    Export,
    Exported,
    Release,
    Said,
    Stopped,
)
from elite_tf.spec import Epoch, Job, Outcome

# A worker that dies may have been killed for its memory while others used
# theirs: its work is tried once more.
TRIES = 2


@dataclasses.dataclass(eq=False, kw_only=True)
class PoolWorker:
  """A worker and what it is doing.

  Attributes:
    request: What it is working on, None while it waits.
    ready: Whether it can be given work.
  """

  request: Job | Export | None = None
  ready: bool = True


class Lost(Exception):
  """A worker is gone, in the middle of its request or while it waited.

  Attributes:
    reason: What became of it, as a predicate: "died of SIGKILL".
    blameless: Whether that cannot have come of its work.
  """

  def __init__(self, reason: str, blameless: bool = False):
    super().__init__(reason)
    self.reason = reason
    self.blameless = blameless


@dataclasses.dataclass(frozen=True)
class _Speed:
  """What is known of a candidate that was trained here.

  Attributes:
    home: The worker that has traced it.
    first_step_seconds: What tracing it takes.
    epoch_seconds: What an epoch takes.
  """

  home: PoolWorker
  first_step_seconds: float
  epoch_seconds: float


class PoolRunner:
  """Workers, each set up once and kept.

  Work on a lighter group starts only when there is none left for the heavier
  ones, so that few networks are in memory at a time.
  """

  def __init__(
      self,
      on_start: Callable[[Job | Export], None],
      on_epoch: Callable[[str, Epoch], None],
      say: Callable[[str], None],
  ):
    """Makes a runner without workers.

    Args:
      on_start: Told when a worker begins with a request.
      on_epoch: Told of every epoch.
      say: Told in one line what a person should know.
    """
    self._on_start = on_start
    self._on_epoch = on_epoch
    self._say = say
    self._numbers = itertools.count()
    self._queue: list[tuple[int, int, Job | Export]] = []
    self._tries: dict[str, int] = {}
    self._speeds: dict[str, _Speed] = {}
    self._workers: list[PoolWorker] = []

  @property
  def workers(self) -> int:
    """Number of workers."""
    return len(self._workers)

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
      if not self._queue and not any(w.request for w in self._workers):
        raise RuntimeError("wait() without a request that was submitted")
      for worker in self._heard():
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
      self._end(worker)

  def __enter__(self):
    return self

  def __exit__(self, *exception):
    self.close()

  def _start(self) -> PoolWorker:
    """Starts a worker."""
    raise NotImplementedError

  def _send(self, worker: PoolWorker, message: Job | Export | Release) -> None:
    """Sends a worker a message; one that is gone does not hear it."""
    raise NotImplementedError

  def _heard(self) -> Iterator[PoolWorker]:
    """Waits until a worker has something to tell, and yields those that do."""
    raise NotImplementedError

  def _receive(self, worker: PoolWorker):
    """Returns a message of a worker that has something to tell.

    Returns:
      An `EpochDone`, `Said`, `Stopped` or an answer; None if there is nothing
      to pass on after all.

    Raises:
      Lost: It is gone.
    """
    raise NotImplementedError

  def _end(self, worker: PoolWorker) -> None:
    """Ends a worker, whatever it is doing."""
    raise NotImplementedError

  def _dispatch(self) -> None:
    for worker in self._workers:
      if worker.ready and worker.request is None:
        worker.request = self._take(worker)
        if worker.request is not None:
          self._on_start(worker.request)
          self._send(worker, worker.request)

  def _take(self, worker: PoolWorker) -> Job | Export | None:
    """Returns the next request for a worker that waits."""
    for entry in self._queue:
      if self._suits(entry[2], worker):
        self._queue.remove(entry)
        return entry[2]
    return None

  def _suits(self, request: Job | Export, worker: PoolWorker) -> bool:
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

  def _hear(self, worker: PoolWorker) -> Outcome | Exported | None:
    try:
      message = self._receive(worker)
    except Lost as lost:
      return self._replace(worker, lost)
    if message is None:
      return None
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

  def _note(self, outcome: Outcome, worker: PoolWorker) -> None:
    known = self._speeds.get(outcome.name)
    if known is not None and known.home is not worker:
      self.release(outcome.name)
    self._speeds[outcome.name] = _Speed(
        worker,
        outcome.first_step_seconds
        or (known.first_step_seconds if known else 0),
        outcome.epochs[-1].seconds if outcome.epochs else 0.0,
    )

  def _replace(
      self, worker: PoolWorker, lost: Lost
  ) -> Outcome | Exported | None:
    """Starts another worker for one that is gone; its work is tried again."""
    self._workers.remove(worker)
    self._end(worker)
    self._workers.append(self._start())
    request = worker.request
    if request is None:
      return None
    name = request.candidate.name
    if not lost.blameless:
      self._tries[name] = self._tries.get(name, 1) + 1
    if self._tries.get(name, 1) > TRIES:
      reason = f"its worker {lost.reason} twice"
      if isinstance(request, Export):
        return Exported(name, None, reason)
      return Outcome(name, request.start, request.stop, (), reason)
    self._say(f"{name}: its worker {lost.reason}; tried once more")
    self.submit(request)
    return None
