"""A worker process: trains and exports candidates, one request at a time.

    python -m elite_tf.runners.worker DESCRIPTOR PARENT

It is set up once (TensorFlow, the data set) and keeps the networks it has
traced, so that a candidate that survives a round goes on at once.
"""

import dataclasses
import functools
import gc
import sys
from multiprocessing.connection import Connection

from elite_tf import datasets, device, preprocess
from elite_tf.datasets import Dataset, Split
from elite_tf.errors import CandidateFailed, EliteError
from elite_tf.families import get_family
from elite_tf.processes import die_with
from elite_tf.run_folder import RunFolder
from elite_tf.settings import Settings
from elite_tf.spec import Candidate, Epoch, Job, Outcome


@dataclasses.dataclass(frozen=True)
class Setup:
  """The first message to a worker."""

  settings: Settings
  folder: RunFolder
  threads: int


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
class EpochDone:
  """Message: a candidate's epoch ended."""

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
    metrics: As metrics.json holds them; None if there is an error.
    error: Why the champion cannot be deployed.
  """

  name: str
  metrics: dict | None
  error: str | None = None


@dataclasses.dataclass(frozen=True)
class Stopped:
  """Answer to any request: an error that ends the search."""

  error: EliteError | OSError


class Worker:
  """Answers requests; what it needs is loaded once."""

  def __init__(self, connection: Connection, setup: Setup):
    self._connection = connection
    self._settings = setup.settings
    self._folder = setup.folder
    device.prepare(setup.threads)
    self._data = datasets.load(setup.settings.data, setup.settings.seed)
    self._resized = functools.cache(functools.partial(_resized, self._data))
    self._trainers = {}

  def answer(self, request: Job | Export) -> Outcome | Exported | Stopped:
    """Does what is asked; an error that ends the search is an answer too."""
    try:
      return (
          self.train(request)
          if isinstance(request, Job)
          else self.export(request)
      )
    except OSError as error:
      return Stopped(error)

  def train(self, job: Job) -> Outcome:
    """Trains a candidate; whatever that raises, only the candidate has lost.

    Raises:
      OSError: The run folder cannot be written.
    """
    name, error = job.candidate.name, None
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
    except Exception as failure:  # pylint: disable=broad-except
      reason = " ".join(str(failure).split())
      error = f"{type(failure).__name__}: {reason or 'no reason given'}"
    return Outcome(name, job.start, job.stop, epochs, error, first_step_seconds)

  def export(self, request: Export) -> Exported:
    """Converts, verifies and writes a champion.

    Raises:
      OSError: The run folder cannot be written.
    """
    # pylint: disable=g-import-not-at-top
    from elite_tf.champions import write_champion
    from elite_tf.quantize import Options
    from elite_tf.training.trainer import load_trained

    name = request.candidate.name
    path = self._folder.checkpoint(name)
    try:
      model = load_trained(request.candidate, path)
    except ValueError as error:
      self._say(f"{error}; {name} is trained again")
      self._trainer(request.candidate).train(self._settings.epochs)
      model = load_trained(request.candidate, path)
    try:
      metrics = write_champion(
          self._folder.champion(name),
          model,
          self._data,
          self._settings.quantize,
          self._settings.calibration_images,
          self._settings.seed,
          self._form(request.candidate),
          Options(
              self._settings.calibration_balance,
              self._settings.max_drop,
              self._settings.qat_epochs,
          ),
      )
    except EliteError as error:
      return Exported(name, None, str(error))
    return Exported(name, metrics)

  def _form(self, candidate: Candidate):
    """Returns in which form a champion is exported: model -> model."""
    if not self._settings.slices:
      return lambda model: model
    from elite_tf.export.sliced import slice_model

    layers = get_family(candidate.family).plan(candidate)
    return lambda model: slice_model(model, layers)

  def release(self, name: str) -> None:
    """Frees the memory of a candidate that is not trained here again."""
    if self._trainers.pop(name, None):
      gc.collect()  # A traced function and its graph refer to one another.

  def _tell(self, name: str, epoch: Epoch) -> None:
    self._connection.send(EpochDone(name, epoch))

  def _say(self, line: str) -> None:
    self._connection.send(Said(line))

  def _trainer(self, candidate: Candidate):
    # pylint: disable=g-import-not-at-top
    from elite_tf.training.recipe import Recipe
    from elite_tf.training.trainer import Trainer

    if candidate.name not in self._trainers:
      self._trainers[candidate.name] = Trainer(
          candidate,
          self._resized(candidate.resolution),
          self._settings.epochs,
          self._settings.seed,
          Recipe(batch_size=self._settings.batch_size),
          self._folder.checkpoint(candidate.name),
          self._say,
      )
    return self._trainers[candidate.name]


def _resized(data: Dataset, resolution: int) -> Dataset:
  """Returns the training and validation images at another size."""

  def resize(split: Split) -> Split:
    return Split(preprocess.resize(split.images, resolution), split.labels)

  return dataclasses.replace(
      data, train=resize(data.train), val=resize(data.val)
  )


def main(arguments: list[str]) -> None:
  """Serves requests until the connection is closed.

  Args:
    arguments: Descriptor of the connection, number of the parent process.
  """
  descriptor, parent = map(int, arguments)
  die_with(parent)
  with Connection(descriptor) as connection:
    try:
      try:
        worker = Worker(connection, connection.recv())
      except (EliteError, OSError) as error:
        connection.send(Stopped(error))
        return
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
  from elite_tf.runners import worker as this

  this.main(sys.argv[1:])
