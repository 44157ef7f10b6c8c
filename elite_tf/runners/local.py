"""Trains candidates one after the other in this process."""

import dataclasses
import functools
import heapq
import itertools
from collections.abc import Callable

from elite_tf import preprocess
from elite_tf.datasets import Dataset, Split
from elite_tf.errors import CandidateFailed
from elite_tf.run_folder import RunFolder
from elite_tf.settings import Settings
from elite_tf.spec import Epoch, Job, Outcome
from elite_tf.training.recipe import Recipe
from elite_tf.training.trainer import Trainer


class LocalRunner:
  """One training at a time, on all cores.

  A group is played to its end before the next one is begun, so that only its
  own survivors are kept in memory, compiled: none is traced twice.
  """

  def __init__(
      self,
      settings: Settings,
      data: Dataset,
      folder: RunFolder,
      on_start: Callable[[Job], None],
      on_epoch: Callable[[str, Epoch], None],
      warn: Callable[[str], None],
  ):
    self._settings = settings
    self._folder = folder
    self._on_start = on_start
    self._on_epoch = on_epoch
    self._warn = warn
    self._recipe = Recipe(batch_size=settings.batch_size)
    self._queue: list[tuple[int, int, Job]] = []
    self._numbers = itertools.count()
    self._trainers: dict[str, Trainer] = {}
    self._resized = functools.cache(functools.partial(_resized, data))

  def submit(self, job: Job) -> None:
    """Takes a job; `wait` trains it."""
    heapq.heappush(self._queue, (job.group, next(self._numbers), job))

  def wait(self) -> Outcome:
    """Trains the next job and returns its outcome.

    Raises:
      OSError: The run folder cannot be written.
    """
    _, _, job = heapq.heappop(self._queue)
    self._on_start(job)
    trainer, epochs, error = None, (), None
    try:
      trainer = self._trainer(job)
      before = trainer.first_step_seconds
      epochs = trainer.train(job.stop, self._on_epoch)
    except OSError:
      raise
    except CandidateFailed as failure:
      error = str(failure)
    except Exception as failure:  # pylint: disable=broad-except
      # Whatever a training raises, only its candidate has lost.
      error = f"{type(failure).__name__}: {' '.join(str(failure).split())}"
    if trainer is None:
      return Outcome(job.candidate.name, job.start, job.stop, (), error)
    return Outcome(
        name=job.candidate.name,
        start=job.start,
        stop=job.stop,
        epochs=trainer.epochs[job.start : job.stop],
        error=error,
        first_step_seconds=trainer.first_step_seconds - before,
    )

  def release(self, name: str) -> None:
    """Frees the memory of a candidate that will not be trained again."""
    self._trainers.pop(name, None)

  def _trainer(self, job: Job) -> Trainer:
    name = job.candidate.name
    if name not in self._trainers:
      self._trainers[name] = Trainer(
          job.candidate,
          self._resized(job.candidate.resolution),
          self._settings.epochs,
          self._settings.seed,
          self._recipe,
          self._folder.checkpoint(name),
          self._warn,
      )
    return self._trainers[name]


def _resized(data: Dataset, resolution: int) -> Dataset:
  """Returns the training and validation images at another size."""

  def resize(split: Split) -> Split:
    return Split(preprocess.resize(split.images, resolution), split.labels)

  return dataclasses.replace(
      data, train=resize(data.train), val=resize(data.val)
  )
