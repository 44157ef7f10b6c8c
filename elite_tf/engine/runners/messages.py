"""What the search and its workers say to one another, and the log of workers.

A worker is set up by `Setup` and answers `Ready`. After that it gets requests:
`Job` and `Export`, each answered once, and `Release`, which has no answer. On
the way to an answer it sends `EpochDone` and the records of its log.
"""

import dataclasses
import logging
import logging.handlers
from collections.abc import Callable

from elite_tf.errors import EliteError
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings
from elite_tf.types import Candidate, Epoch, Job, Outcome


@dataclasses.dataclass(frozen=True)
class Setup:
  """The first message to a worker.

  Attributes:
    settings: Of the search.
    folder: Its run folder.
    threads: Threads to compute with.
    gpu: Name of the GPU to use, as CUDA_VISIBLE_DEVICES has it; empty leaves
      the choice to the framework.
  """

  settings: Settings
  folder: RunFolder
  threads: int
  gpu: str = ""


@dataclasses.dataclass(frozen=True)
class Ready:
  """Message: the worker is set up and waits for requests."""


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
  """Message: an epoch of a candidate ended, and is saved."""

  name: str
  epoch: Epoch


@dataclasses.dataclass(frozen=True)
class Exported:
  """Answer to `Export`.

  Attributes:
    name: The champion.
    metrics: What metrics.json holds; None if there is an error.
    error: Why the champion cannot be deployed.
  """

  name: str
  metrics: dict | None
  error: str | None = None


@dataclasses.dataclass(frozen=True)
class Stopped:
  """Answer to any request: an error that ends the search."""

  error: EliteError | OSError


@dataclasses.dataclass(frozen=True)
class Exhausted:
  """Answer to any request: memory ran out; a new worker may do better."""

  reason: str


Request = Job | Export
Answer = Outcome | Exported | Exhausted | Stopped


class _Forward(logging.handlers.QueueHandler):
  """Hands records on in a form that another process can read."""

  def enqueue(self, record):
    self.queue(record)


def forward_log(send: Callable[[logging.LogRecord], None]) -> None:
  """Makes this process send what the package logs, instead of printing it.

  Args:
    send: Takes the records; the process of the search logs them by `log_again`.
  """
  package = logging.getLogger("elite_tf")
  package.handlers = [_Forward(send)]
  package.setLevel(logging.INFO)
  package.propagate = False


def log_again(record: logging.LogRecord) -> None:
  """Logs a record of a worker here, if this process logs its level."""
  logger = logging.getLogger(record.name)
  if logger.isEnabledFor(record.levelno):
    logger.handle(record)
