"""Trains candidates on a Ray cluster, or on one started on this machine.

Every worker is an actor that lives as long as the search: a candidate that
survives a round goes on in the actor that has traced it. The driver, this
process, alone writes the journal and decides; actors read the data set and
write checkpoints and champions, so the data and the run folder must have the
same path on every node.
"""

import contextlib
import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ray
from ray.exceptions import RayError, RayTaskError

from elite_tf.data.sources import Description
from elite_tf.engine.runners.base import Lost, PoolRunner, PoolWorker
from elite_tf.engine.runners.capacity import Loads
from elite_tf.engine.runners.ray_cluster import connect, count_slots
from elite_tf.engine.runners.worker import Export, Ready, Setup, Stopped, Worker
from elite_tf.errors import ConfigError, EliteError, SearchFailed
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.plan import Plan
from elite_tf.runs.settings import Settings
from elite_tf.system.text import one_line
from elite_tf.types import Epoch, Job

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
      reason = one_line(error, with_type=True)
      failed = SearchFailed(f"a worker cannot start on node {node}: {reason}")
      return None, Stopped(failed)

  def _tell(self, message) -> None:
    # What was told has arrived, even if this process dies the moment after.
    self._messages.put(message)
    self._heard.acquire()

  def ready(self) -> str:
    """Returns the number of the node, once there is a worker on it."""
    return ray.get_runtime_context().get_node_id()

  def answer(self, request: Job | Export) -> Iterator:
    """Yields the messages on the way to an answer, and the answer."""
    if self._stopped is not None:
      yield self._stopped
      return
    answer = self._thread.submit(self._worker.answer, request)
    answer.add_done_callback(lambda _: self._messages.put(None))
    while (message := self._messages.get()) is not None:
      yield message
      self._heard.release()  # By then the driver has taken it.
    yield answer.result()

  def release(self, name: str) -> None:
    """Frees the memory of a candidate."""
    if self._worker is not None:
      self._thread.submit(self._worker.release, name)


def open_runner(
  settings: Settings,
  folder: RunFolder,
  plan: Plan,
  description: Description,
  on_start: Callable[[Job | Export], None],
  on_epoch: Callable[[str, Epoch], None],
  say: Callable[[str], None],
) -> "RayRunner":
  """Returns the runner of a search, connected to a cluster.

  Args:
    settings: Of the search; `ray_address`, `cpus_per_candidate` and
      `gpus_per_candidate` are this runner's.
    folder: Its run folder.
    plan: What it may train.
    description: Of its data set.
    on_start: Told when a worker begins with a request.
    on_epoch: Told of every epoch.
    say: Told in one line what a person should know.

  Raises:
    ConfigError: There is no such cluster, or none of its nodes has the
      processors that a candidate takes.
  """
  del description  # How much memory the nodes have is Ray's concern.
  macs = {c.name: cost.macs for c, cost in zip(plan.candidates, plan.costs)}
  cluster = connect(settings.ray_address)
  try:
    slots = count_slots(
      [node["Resources"] for node in ray.nodes() if node["Alive"]],
      settings.cpus_per_candidate,
      settings.gpus_per_candidate,
    )
    workers = settings.workers or min(slots, len(plan.candidates))
    runner = RayRunner(
      settings, folder, workers, on_start, on_epoch, say, Loads(macs)
    )
  except BaseException:
    cluster.close()
    raise
  runner.cluster = cluster
  return runner


@dataclasses.dataclass(eq=False)
class _Actor(PoolWorker):
  """An actor.

  Attributes:
    handle: The actor.
    hears: What is waited for: that it is ready, or its next message.
    node: Number of the node it is on; empty until it is ready.
  """

  handle: object
  hears: object
  node: str = ""


class RayRunner(PoolRunner):
  """Actors on the nodes of a cluster.

  One that is lost, with its node or alone, is replaced wherever there is room;
  its work is tried again, from the last checkpoint in the run folder.

  Attributes:
    cluster: Closed with the runner.
  """

  def __init__(
    self,
    settings: Settings,
    folder: RunFolder,
    workers: int,
    on_start: Callable[[Job | Export], None] = lambda request: None,
    on_epoch: Callable[[str, Epoch], None] = lambda name, epoch: None,
    say: Callable[[str], None] = lambda line: None,
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
      say: Told in one line what a person should know.
      loads: What the candidates take, predicted.
      make: Makes a worker in an actor.
    """
    super().__init__(on_start, on_epoch, say, loads, settings.epoch_timeout)
    self.cluster = contextlib.ExitStack()
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

  def close(self):
    """Ends the workers and leaves the cluster."""
    with self.cluster:
      super().close()

  def _start(self):
    handle = self._class.remote(*self._arguments)
    return _Actor(handle, handle.ready.remote())

  def _send(self, worker, message):
    if isinstance(message, (Job, Export)):
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
    self._say_if_nothing_starts()

  def _say_if_nothing_starts(self):
    if any(worker.ready for worker in self._workers):
      self._waits_since = time.monotonic()
    elif time.monotonic() - self._waits_since > PATIENCE:
      self._waits_since = time.monotonic()
      self._say("waits for a node of the cluster to have room for a candidate")

  def _receive(self, worker):
    try:
      if worker.ready:
        return ray.get(next(worker.hears))
      worker.node = ray.get(worker.hears)
      return Ready()
    except RayTaskError:
      raise  # A mistake of this package's.
    except RayError as error:
      if not _alive(worker.node):
        raise Lost("was lost with its node", blameless=True) from error
      if worker.ready:
        raise Lost("died") from error
      *_, reason = str(error).split("\n")  # The others are a traceback.
      raise Lost(f"failed ({reason.strip()})") from error

  def _end(self, worker):
    # What has never started or is gone already can be killed all the same.
    ray.kill(worker.handle)


def _alive(node: str) -> bool:
  return any(n["Alive"] and node in ("", n["NodeID"]) for n in ray.nodes())


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
