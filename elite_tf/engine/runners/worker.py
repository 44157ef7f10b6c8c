"""A worker process: trains and exports candidates, one request at a time.

    python -m elite_tf.engine.runners.worker DESCRIPTOR PARENT

A worker loads TensorFlow and the data set once. It keeps the networks that it has
traced, so that a candidate that survives a round continues at once.
"""

import functools
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from elite_tf.data import sources
from elite_tf.data.batches import make_inputs
from elite_tf.data.sources import Description
from elite_tf.engine.runners.messages import (
  Answer,
  EpochDone,
  Exhausted,
  Export,
  Exported,
  Ready,
  Release,
  Request,
  Setup,
  Stopped,
  forward_log,
)
from elite_tf.errors import CandidateFailed, ConfigError, EliteError
from elite_tf.runs.config import check_same_starts
from elite_tf.runs.folder import store_of
from elite_tf.runs.recipe import recipe_of
from elite_tf.runs.settings import Settings
from elite_tf.runs.starts import starts_of
from elite_tf.system import backend
from elite_tf.system.processes import connection_to_parent
from elite_tf.system.text import one_line
from elite_tf.types import Candidate, Epoch, Job, Outcome

logger = logging.getLogger("elite_tf.engine.runners.worker")


class Worker:
  """Answers requests."""

  def __init__(self, tell: Callable[[EpochDone], None], setup: Setup):
    """Loads TensorFlow and the data.

    Args:
      tell: Called with the messages on the way to an answer.
      setup: The search that the worker is for.

    Raises:
      EliteError: The data set or the file of first weights is wrong.
      OSError: The data set cannot be read.
    """
    self._send = tell
    self._settings = setup.settings
    self._folder = setup.folder
    if setup.gpu:
      os.environ["CUDA_VISIBLE_DEVICES"] = setup.gpu
    backend.load_keras(setup.threads)
    # TensorFlow warns of many tracings: every candidate needs one.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    store = store_of(setup.settings)
    self._data = sources.load(setup.settings.data, setup.settings.seed, store)
    # All candidates of one resolution share their inputs.
    self._inputs = functools.cache(
      lambda resolution: make_inputs(
        self._data,
        resolution,
        setup.settings.augment,
        setup.threads,
        store.root,
        setup.settings.flip,
      )
    )
    self._starts = starts_of(setup.settings)
    if self._folder.config.exists():
      config = self._folder.read_config()
      check_same_starts(self._folder.path, config, self._starts)
    self._trainers = {}
    self._teacher = _load_teacher(setup.settings, self._data.description)

  def answer(self, request: Request) -> Answer:
    """Answers a request; an error that ends the search is an answer too."""
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
      return Exhausted(one_line(error, with_type=True))

  def train(self, job: Job) -> Outcome:
    """Trains a candidate; an error in its training is a failed outcome.

    Raises:
      ConfigError: The cache of resized images cannot be written.
      OSError: The run folder cannot be written.
      Exception: Memory ran out.
    """
    name, error = job.candidate.name, None
    # Outside of try: what is wrong here is not the fault of the candidate.
    self._inputs(job.candidate.resolution)
    epochs: tuple[Epoch, ...] = ()
    first_step_seconds = 0.0
    try:
      trainer = self._trainer(job.candidate, taught=job.round == 0)
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
      error = one_line(failure, with_type=True)
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
      logger.warning(f"{error}; {name} is trained again")
      self.release(name)
      self._trainer(request.candidate, taught=True).train(self._settings.epochs)
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
      return Exported(name, None, one_line(error, with_type=True))
    return Exported(name, metrics)

  def release(self, name: str) -> None:
    """Frees the memory of a candidate that this worker trains no more."""
    found = [key for key in self._trainers if key[0] == name]
    for key in found:
      del self._trainers[key]
    if found:
      gc.collect()  # A traced function and its graph are a reference cycle.

  def _tell(self, name: str, epoch: Epoch) -> None:
    self._send(EpochDone(name, epoch))

  def _trainer(self, candidate: Candidate, taught: bool):
    """Returns what trains a candidate.

    Args:
      candidate: The candidate.
      taught: Whether it learns from the teacher, if there is one: a champion on
        its way to the end does.
    """
    from elite_tf.training.trainer import Trainer

    key = candidate.name, taught and self._teacher is not None
    if key not in self._trainers:
      self.release(candidate.name)
      self._trainers[key] = Trainer(
        candidate,
        self._inputs(candidate.resolution),
        self._settings.epochs,
        self._settings.seed,
        recipe_of(self._settings),
        self._folder.checkpoint(candidate.name),
        self._starts.get(candidate.family),
        self._teacher if taught else None,
      )
    return self._trainers[key]


def _load_teacher(settings: Settings, description: Description):
  """Returns the Teacher of the settings, None if they name none.

  Raises:
    ConfigError: The file is not a network for the data set.
  """
  if not settings.teacher:
    return None
  from elite_tf.conversion.model_file import check_shape, load_model
  from elite_tf.training.distillation import Teacher

  path = Path(settings.teacher)
  model = load_model(path, settings.pool, "teacher")
  check_shape(path, model, description, "teacher")
  return Teacher(model)


def _is_memory(error: Exception) -> bool:
  # By name, because neither TensorFlow nor JAX has to be loaded.
  return isinstance(error, MemoryError) or (
    "ResourceExhausted" in type(error).__name__
    or "RESOURCE_EXHAUSTED" in str(error)
  )


def main(arguments: list[str]) -> None:
  """Serves requests until the connection is closed.

  Args:
    arguments: Descriptor of the connection, and the parent's process number.
  """
  lock = threading.Lock()  # Threads may log while an answer is sent.
  with connection_to_parent(arguments) as connection:

    def send(message) -> None:
      with lock:
        connection.send(message)

    forward_log(send)
    try:
      try:
        worker = Worker(send, connection.recv())
      except (EliteError, OSError) as error:
        send(Stopped(error))
        return
      send(Ready())
      while True:
        request = connection.recv()
        if isinstance(request, Release):
          worker.release(request.name)
        else:
          send(worker.answer(request))
    except (EOFError, ConnectionError):  # The parent has ended, or was killed.
      return


if __name__ == "__main__":
  main(sys.argv[1:])
