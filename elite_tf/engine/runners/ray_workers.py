"""The workers of the Ray runner: actors on the nodes of a cluster.

Every worker is an actor that lives as long as the search: a candidate that
survives a round goes on in the actor that has traced it. The driver, this
process, alone writes the journal and decides; actors read the data set and
write checkpoints and champions, so the data and the run folder must have the
same path on every node.
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

# A person hears of it when no worker has started for so many seconds.
PATIENCE = 30.0


class Slot:
  """The actor: answers requests in one thread, and tells of them meanwhile.

  TensorFlow is loaded, and all networks are built and trained, in that thread.
  """

  def __init__(
    self, make: Callable[[Callable[[object], None], Setup], Worker], setup
  ):
    """Makes the worker.

    Args:
      make: Makes it, from where it tells its messages and its setup.
      setup: Of the worker.
    """
    self._messages = queue.SimpleQueue()
    self._heard = threading.Semaphore(0)
    self._thread = ThreadPoolExecutor(1)
    made = self._thread.submit(self._make, make, setup)
    self._worker, self._stopped = made.result()

  def _make(self, make, setup):
    # Not waited for: nobody asks before the worker is made.
    forward_log(self._messages.put)
    node = ray.util.get_node_ip_address()
    try:
      if not setup.folder.config.exists():
        raise ConfigError(
          f"--run_dir={setup.folder.path} is not there on node {node}: all"
          " nodes must share it"
        )
      return make(self._tell, setup), None
    except (EliteError, OSError) as error:
      return None, Stopped(error)
    except Exception as error:
      reason = " ".join(f"{type(error).__name__}: {error}".split())
      failed = SearchFailed(f"a worker cannot start on node {node}: {reason}")
      return None, Stopped(failed)

  def _tell(self, message) -> None:
    # What was told has arrived, even if this process dies the moment after.
    self._messages.put(message)
    self._heard.acquire()

  def ready(self) -> str:
    """Returns the number of the node, once there is a worker on it."""
    return ray.get_runtime_context().get_node_id()

  def answer(self, request: Request) -> Iterator:
    """Yields the messages on the way to an answer, and the answer."""
    if self._stopped is not None:
      yield self._stopped
      return
    answer = self._thread.submit(self._worker.answer, request)
    answer.add_done_callback(lambda _: self._messages.put(None))
    while (message := self._messages.get()) is not None:
      yield message
      if not isinstance(message, logging.LogRecord):
        self._heard.release()  # By then the driver has taken it.
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
    hears: What is waited for: that it is ready, or its next message.
    node: Number of the node it is on; empty until it is ready.
  """

  handle: object
  hears: object
  node: str = ""


class RayWorkers(Workers):
  """Actors on the nodes of a cluster.

  One that is lost, with its node or alone, is replaced wherever there is room;
  its work is tried again, from the last checkpoint in the run folder.
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
    """Starts the actors; Ray is connected.

    Args:
      settings: Of the search.
      folder: Its run folder, at this path on every node.
      workers: Actors; those that the cluster has no room for wait until it
        has.
      on_start: Told when a worker begins with a request.
      on_epoch: Told of every epoch.
      loads: What the candidates take, predicted.
      make: Makes a worker in an actor.
    """
    super().__init__(on_start, on_epoch, loads, settings.epoch_timeout)
    folder = RunFolder(folder.path.absolute())
    settings = _absolute(settings, folder)
    # Networks of this size hardly gain from a second thread.
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
        "waits for a node of the cluster to have room for a candidate"
      )

  def _receive(self, worker):
    try:
      if worker.ready:
        return ray.get(next(worker.hears))
      worker.node = ray.get(worker.hears)
      return Ready()
    except RayTaskError:
      raise  # A mistake of this package's.
    except RayError as error:
      if not is_alive(worker.node):
        raise Lost("was lost with its node", blameless=True) from error
      if worker.ready:
        raise Lost("died") from error
      *_, reason = str(error).split("\n")  # The others are a traceback.
      raise Lost(f"failed ({reason.strip()})") from error

  def _end(self, worker):
    # What has never started or is gone already can be killed all the same.
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
