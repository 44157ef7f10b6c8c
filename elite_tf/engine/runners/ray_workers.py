"""The workers of the Ray runner: actors on the nodes of a cluster.

Every worker is an actor that lives as long as the search, so that a candidate
that survives a round continues in the actor that has traced it. Only the driver,
the process of the search, writes the journal and decides. Actors read the data
set and write checkpoints and champions: data and run folder must have the same
path on every node.
"""

import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ray
from ray.exceptions import RayError, RayTaskError

from elite_tf.engine.runners.capacity import Loads
from elite_tf.engine.runners.messages import (
  Ready,
  Release,
  Request,
  Setup,
  Stopped,
  forward_log,
)
from elite_tf.engine.runners.ray_cluster import is_alive
from elite_tf.engine.runners.scheduling import Lost, WorkerHandle, Workers
from elite_tf.engine.runners.worker import Worker
from elite_tf.errors import ConfigError, EliteError, SearchFailed
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings
from elite_tf.types import Epoch

logger = logging.getLogger(__name__)

# A warning is logged when no worker has started for so many seconds.
PATIENCE = 30.0


class Slot:
  """The actor: answers requests in one thread and sends messages meanwhile.

  That thread loads TensorFlow and builds and trains all networks.
  """

  def __init__(
    self, make: Callable[[Callable[[object], None], Setup], Worker], setup
  ):
    """Makes the worker.

    Args:
      make: Makes the worker from a function that sends its messages, and its
        setup.
      setup: Of the worker.
    """
    self._messages = queue.SimpleQueue()
    self._heard = threading.Semaphore(0)
    self._thread = ThreadPoolExecutor(1)
    made = self._thread.submit(self._make, make, setup)
    self._worker, self._stopped = made.result()

  def _make(self, make, setup):
    # Does not wait for the driver, which reads nothing before `answer`.
    forward_log(self._messages.put)
    node = ray.util.get_node_ip_address()
    try:
      if not setup.folder.config.exists():
        raise ConfigError(
          f"--run_dir must be a folder that all nodes share. Received:"
          f" {setup.folder.path}, which node {node} does not have"
        )
      return make(self._tell, setup), None
    except (EliteError, OSError) as error:
      return None, Stopped(error)
    except Exception as error:
      reason = " ".join(f"{type(error).__name__}: {error}".split())
      failed = SearchFailed(f"a worker cannot start on node {node}: {reason}")
      return None, Stopped(failed)

  def _tell(self, message) -> None:
    self._messages.put(message)
    self._heard.acquire()  # The message arrives even if this process dies now.

  def ready(self) -> str:
    """Returns the number of this node, once the worker is set up."""
    return ray.get_runtime_context().get_node_id()

  def answer(self, request: Request) -> Iterator:
    """Yields the messages on the way to the answer, then the answer."""
    if self._stopped is not None:
      yield self._stopped
      return
    answer = self._thread.submit(self._worker.answer, request)
    answer.add_done_callback(lambda _: self._messages.put(None))
    while (message := self._messages.get()) is not None:
      yield message
      if not isinstance(message, logging.LogRecord):
        self._heard.release()  # Resumed: the driver has the message.
    yield answer.result()

  def release(self, name: str) -> None:
    """Frees the memory of a candidate."""
    if self._worker is not None:
      self._thread.submit(self._worker.release, name)


@dataclasses.dataclass(eq=False)
class _Actor(WorkerHandle):
  """An actor.

  Attributes:
    handle: The actor.
    hears: The reference to wait for: that it is ready, or its next message.
    node: Number of its node; empty until it is ready.
  """

  handle: object
  hears: object
  node: str = ""


class RayWorkers(Workers):
  """Actors on the nodes of a cluster.

  An actor that is lost, alone or with its node, is replaced wherever there is
  room. Its work is tried again, from the last checkpoint in the run folder.
  """

  def __init__(
    self,
    settings: Settings,
    folder: RunFolder,
    workers: int,
    on_start: Callable[[Request], None] = lambda request: None,
    on_epoch: Callable[[str, Epoch], None] = lambda name, epoch: None,
    loads: Loads = Loads(),
    make: Callable[[Callable[[object], None], Setup], Worker] = Worker,
  ):
    """Starts the actors; Ray must be connected.

    Args:
      settings: Of the search.
      folder: Its run folder, at this path on every node.
      workers: Number of actors; those without room on the cluster wait for it.
      on_start: Called when a worker begins with a request.
      on_epoch: Called with the name of a candidate and each epoch that ended.
      loads: Predicted operations and memory of the candidates.
      make: Makes the worker of an actor.
    """
    super().__init__(on_start, on_epoch, loads, settings.epoch_timeout)
    folder = RunFolder(folder.path.absolute())
    settings = _absolute(settings, folder)
    # Networks of this size gain little from a second thread.
    threads = max(1, int(settings.cpus_per_candidate))
    self._arguments = ray.put(make), Setup(settings, folder, threads)
    self._class = ray.remote(Slot).options(
      num_cpus=settings.cpus_per_candidate,
      num_gpus=settings.gpus_per_candidate,
      max_restarts=0,
      max_task_retries=0,
    )
    self._waits_since = time.monotonic()
    self._workers = [self._start() for _ in range(workers)]

  def _start(self):
    handle = self._class.remote(*self._arguments)
    return _Actor(handle, handle.ready.remote())

  def _send(self, worker, message):
    if not isinstance(message, Release):
      method = worker.handle.answer.options(
        num_returns="streaming", _generator_backpressure_num_objects=1
      )
      worker.hears = method.remote(message)
    else:
      worker.handle.release.remote(message.name)

  def _heard(self, timeout):
    waiting = {
      worker.hears: worker
      for worker in self._workers
      if worker.request is not None or not worker.ready
    }
    if not waiting:
      return
    seconds = 1.0 if timeout is None else min(timeout, 1.0)
    ready, _ = ray.wait(list(waiting), num_returns=1, timeout=seconds)
    for hears in ready:
      yield waiting[hears]
    self._warn_if_nothing_starts()

  def _warn_if_nothing_starts(self):
    if any(worker.ready for worker in self._workers):
      self._waits_since = time.monotonic()
    elif time.monotonic() - self._waits_since > PATIENCE:
      self._waits_since = time.monotonic()
      logger.warning(
        "waiting until a node of the cluster has room for a candidate"
      )

  def _receive(self, worker):
    try:
      if worker.ready:
        return ray.get(next(worker.hears))
      worker.node = ray.get(worker.hears)
      return Ready()
    except RayTaskError:
      raise  # A bug in this package.
    except RayError as error:
      if not is_alive(worker.node):
        raise Lost("was lost with its node", blameless=True) from error
      if worker.ready:
        raise Lost("died") from error
      *_, reason = str(error).split("\n")  # The lines before: a traceback.
      raise Lost(f"failed ({reason.strip()})") from error

  def _end(self, worker):
    # Also of an actor that has never started, or is gone.
    ray.kill(worker.handle)


def _absolute(settings: Settings, folder: RunFolder) -> Settings:
  """Returns settings that mean the same in any working directory."""
  scheme, colon, argument = settings.data.partition(":")
  if argument and Path(argument).exists():
    argument = str(Path(argument).absolute())
  folders = {
    name: str(Path(getattr(settings, name)).absolute())
    for name in ("cache_dir", "tfds_dir")
    if getattr(settings, name)
  }
  return dataclasses.replace(
    settings,
    data=f"{scheme}{colon}{argument}",
    run_dir=str(folder.path),
    **folders,
  )
