"""What a runner is: a place where candidates train, chosen by `--runner`."""

import abc
import importlib.util
from collections.abc import Callable
from contextlib import AbstractContextManager

from elite_tf.data.sources import Description
from elite_tf.engine.runners.messages import Request
from elite_tf.engine.runners.scheduling import Workers
from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.plan import Plan
from elite_tf.runs.settings import Settings
from elite_tf.types import Epoch


class Runner(abc.ABC):
  """A kind of workers.

  Attributes:
    name: The value of `--runner`.
    package: A package that it needs, which the extra of the same name installs;
      empty for none. It is imported by `open` only: a dry run must not load it.
  """

  name: str
  package: str = ""

  def check(self) -> None:
    """Checks that the package is there.

    Raises:
      ConfigError: It is not installed.
    """
    if self.package and importlib.util.find_spec(self.package) is None:
      raise ConfigError(
        f"--runner={self.name} needs the package {self.package}, which is not"
        f" installed: pip install 'elite-tf[{self.package}]'"
      )

  @abc.abstractmethod
  def open(
    self,
    settings: Settings,
    folder: RunFolder,
    plan: Plan,
    description: Description,
    on_start: Callable[[Request], None],
    on_epoch: Callable[[str, Epoch], None],
  ) -> AbstractContextManager[Workers]:
    """Starts the workers of a search; they end with the context.

    Args:
      settings: Of the search.
      folder: Its run folder.
      plan: What it may train.
      description: Of its data set.
      on_start: Called when a worker begins with a request.
      on_epoch: Called with a candidate's name and each epoch that ended.

    Raises:
      ConfigError: The workers that the settings ask for cannot be had.
    """
