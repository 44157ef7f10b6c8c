"""A worker process: trains and exports candidates, one request at a time.

    python -m elite_tf.engine.runners.worker DESCRIPTOR PARENT

It is set up once (TensorFlow, the data set) and keeps the networks it has
traced, so that a candidate that survives a round goes on at once.
"""

import dataclasses
import functools
import gc
import logging
import os
import sys
from collections.abc import Callable

from elite_tf.data import sources
from elite_tf.data.batches import prepare
from elite_tf.errors import CandidateFailed, ConfigError, EliteError
from elite_tf.runs.folder import RunFolder, store_of
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.system.processes import connection_to_parent
from elite_tf.types import Candidate, Epoch, Job, Outcome


@dataclasses.dataclass(frozen=True)
class Setup:
  """The first message to a worker.

  Attributes:
    settings: Of the search.
    folder: Its run folder.
    threads: Threads to compute with.
    gpu: Name of the GPU to use, as CUDA has it; empty leaves that open.
  """

  settings: Settings
  folder: RunFolder
  threads: int
  gpu: str = ""


@dataclasses.dataclass(frozen=True)
class Export:
  """Request: convert, verify and write a champion."""

  candidate: Candidate
  group: int


@dataclasses.dataclass(frozen=True)
class Release:
  """Request: forget a candidate; not answered."""

  name: str


@dataclasses.dataclass(frozen=True)
class Ready:
  """Message: the worker is set up and waits for requests."""


@dataclasses.dataclass(frozen=True)
class EpochDone:
  """Message: a candidate's epoch ended, and is saved."""

  name: str
  epoch: Epoch


@dataclasses.dataclass(frozen=True)
class Said:
  """Message: a line for the person."""

  line: str


@dataclasses.dataclass(frozen=True)
class Exported:
  """Answer to `Export`.

  Attributes:
    name: The champion.
    metrics: What metrics.json holds; None if there is an error.
    error: Why the champion cannot be deployed.
  """

  name: str
  metrics: Metrics | None
  error: str | None = None


@dataclasses.dataclass(frozen=True)
class Stopped:
  """Answer to any request: an error that ends the search."""

  error: EliteError | OSError


@dataclasses.dataclass(frozen=True)
class Exhausted:
  """Answer to any request: memory ran out; a new worker may do better."""

  reason: str


class Worker:
  """Answers requests; what it needs is loaded once."""

  def __init__(self, tell: Callable[[EpochDone | Said], None], setup: Setup):
    """Loads TensorFlow and the data.

    Args:
      tell: Takes the messages on the way to an answer.
      setup: What the worker works on.

    Raises:
      EliteError: The data cannot be loaded.
      OSError: They cannot be read.
    """
    self._send = tell
    self._settings = setup.settings
    self._folder = setup.folder
    if setup.gpu:
      os.environ["CUDA_VISIBLE_DEVICES"] = setup.gpu
    backend.prepare(setup.threads)
    # It warns of many tracings: every candidate is one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    store = store_of(setup.settings)
    self._data = sources.load(setup.settings.data, setup.settings.seed, store)
    # Read by all candidates of one resolution.
    self._inputs = functools.cache(
      lambda resolution: prepare(
        self._data,
        resolution,
        setup.settings.augment,
        setup.threads,
        store.root,
      )
    )
    self._trainers = {}

  def answer(
    self, request: Job | Export
  ) -> Outcome | Exported | Exhausted | Stopped:
    """Does what is asked; an error that ends the search is an answer too."""
    try:
      return (
        self.train(request)
        if isinstance(request, Job)
        else self.export(request)
      )
    except (ConfigError, OSError) as error:
      return Stopped(error)
    except Exception as error:
      if not _is_memory(error):
        raise
      return Exhausted(_reason(error))

  def train(self, job: Job) -> Outcome:
    """Trains a candidate; whatever that raises, only the candidate has lost.

    Raises:
      ConfigError: The cache of resized images cannot be written.
      OSError: The run folder cannot be written.
      Exception: Memory ran out.
    """
    name, error = job.candidate.name, None
    # Not the candidate's fault, whatever is wrong here.
    self._inputs(job.candidate.resolution)
    epochs: tuple[Epoch, ...] = ()
    first_step_seconds = 0.0
    try:
      trainer = self._trainer(job.candidate)
      before = trainer.first_step_seconds
      try:
        trainer.train(job.stop, self._tell)
      finally:
        epochs = trainer.epochs[job.start : job.stop]
        first_step_seconds = trainer.first_step_seconds - before
    except OSError:
      raise
    except CandidateFailed as failure:
      error = str(failure)
    except Exception as failure:
      if _is_memory(failure):
        raise
      error = _reason(failure)
    return Outcome(name, job.start, job.stop, epochs, error, first_step_seconds)

  def export(self, request: Export) -> Exported:
    """Converts, verifies and writes a champion.

    Raises:
      OSError: The run folder cannot be written.
    """
    from elite_tf.conversion.champion import write_champion
    from elite_tf.training.trainer import load_trained

    name = request.candidate.name
    path = self._folder.checkpoint(name)
    try:
      model = load_trained(request.candidate, path)
    except ValueError as error:
      self._say(f"{error}; {name} is trained again")
      self.release(name)
      self._trainer(request.candidate).train(self._settings.epochs)
      model = load_trained(request.candidate, path)
    try:
      metrics = write_champion(
        self._folder.champion(name),
        model,
        request.candidate,
        self._data,
        self._settings,
      )
    except EliteError as error:
      return Exported(name, None, str(error))
    except OSError:
      raise
    except Exception as error:
      if _is_memory(error):
        raise
      return Exported(name, None, _reason(error))
    return Exported(name, metrics)

  def release(self, name: str) -> None:
    """Frees the memory of a candidate that is not trained here again."""
    if self._trainers.pop(name, None):
      gc.collect()  # A traced function and its graph refer to one another.

  def _tell(self, name: str, epoch: Epoch) -> None:
    self._send(EpochDone(name, epoch))

  def _say(self, line: str) -> None:
    self._send(Said(line))

  def _trainer(self, candidate: Candidate):
    from elite_tf.training.recipe import Recipe
    from elite_tf.training.trainer import Trainer

    if candidate.name not in self._trainers:
      self._trainers[candidate.name] = Trainer(
        candidate,
        self._inputs(candidate.resolution),
        self._settings.epochs,
        self._settings.seed,
        Recipe(
          batch_size=self._settings.batch_size,
          class_weights=self._settings.class_weights,
        ),
        self._folder.checkpoint(candidate.name),
        self._say,
      )
    return self._trainers[candidate.name]


def _is_memory(error: Exception) -> bool:
  # TensorFlow's and JAX's errors are told by name: neither need be loaded.
  return isinstance(error, MemoryError) or (
    "ResourceExhausted" in type(error).__name__
    or "RESOURCE_EXHAUSTED" in str(error)
  )


def _reason(error: Exception) -> str:
  text = " ".join(str(error).split())
  return f"{type(error).__name__}: {text or 'no reason given'}"


def main(arguments: list[str]) -> None:
  """Serves requests until the connection is closed.

  Args:
    arguments: Descriptor of the connection, number of the parent process.
  """
  with connection_to_parent(arguments) as connection:
    try:
      try:
        worker = Worker(connection.send, connection.recv())
      except (EliteError, OSError) as error:
        connection.send(Stopped(error))
        return
      connection.send(Ready())
      while True:
        request = connection.recv()
        if isinstance(request, Release):
          worker.release(request.name)
        else:
          connection.send(worker.answer(request))
    except EOFError:
      return


if __name__ == "__main__":
  # Under the name by which the parent knows the classes of messages.
  from elite_tf.engine.runners import worker as this

  this.main(sys.argv[1:])
