"""The process that builds a custom family's networks to count their costs.

    python -m elite_tf.networks.custom_worker DESCRIPTOR PARENT

So the search plans without TensorFlow, and survives whatever the user's code
does.
"""

import dataclasses
import hashlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

from elite_tf.errors import ConfigError, EliteError
from elite_tf.system import backend
from elite_tf.system.processes import connection_to_parent
from elite_tf.system.text import one_line
from elite_tf.types import Candidate, Cost, Size


@dataclasses.dataclass(frozen=True)
class Request:
  """What is to be priced.

  Attributes:
    candidates: Of one custom family.
    known_layers: Whether the networks must consist of the kinds of layers in
      `elite_tf.networks.layers.LAYER_KINDS`.
    trial: Full name of a module whose `check(model, quantize)` refuses a
      network that cannot be deployed; empty checks nothing. The last candidate
      is tried.
    quantize: Way of quantizing for `trial`.
  """

  candidates: tuple[Candidate, ...]
  known_layers: bool
  trial: str = ""
  quantize: str = ""


@dataclasses.dataclass(frozen=True)
class Source:
  """First answer: the file of the function's module.

  Attributes:
    path: Of the file; empty if there is none.
    digest: Its SHA-256; empty if it cannot be read.
  """

  path: str
  digest: str


@dataclasses.dataclass(frozen=True)
class Price:
  """Answer for each candidate: its cost, and its size in training."""

  cost: Cost
  size: Size


def digest(path: str) -> str:
  """Returns the SHA-256 of a file; empty if it cannot be read."""
  try:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
  except OSError:
    return ""


def prices(request: Request) -> Iterator[Source | Price]:
  """Yields the answers to a request.

  Raises:
    ConfigError: The user's function, or a network of it, is refused.
  """
  keras = backend.load_keras()
  from elite_tf.networks import custom
  from elite_tf.networks.from_keras import read_layers
  from elite_tf.networks.keras_cost import count

  pool = request.candidates[0].family
  module = custom.load(pool).__module__
  path = getattr(sys.modules.get(module), "__file__", None) or ""
  yield Source(path, digest(path))
  for number, candidate in enumerate(request.candidates):
    model = custom.build(candidate)
    try:
      if number == 0:
        custom.check_answers(model)
      if request.known_layers:
        read_layers(model)
      price = Price(*count(model))
      if request.trial and number == len(request.candidates) - 1:
        _try(request, model)
    except Exception as error:
      # A user's layer may raise anything when it is called.
      known = isinstance(error, ConfigError)
      line = str(error) if known else one_line(error, with_type=True)
      raise ConfigError(f"--pool={pool}: {line}") from error
    yield price
    keras.backend.clear_session()


def _try(request: Request, model) -> None:
  """Raises ConfigError if a network cannot be deployed."""
  # By name: what a champion goes through is above the rooms of this module.
  trial = importlib.import_module(request.trial)
  try:
    trial.check(model, request.quantize)
  except EliteError as error:
    raise ConfigError(
      f"{model.name}, untrained, cannot be converted with"
      f" --quantize={request.quantize}: {error}"
    ) from error


def main(arguments: list[str]) -> None:
  """Answers one request.

  Args:
    arguments: Descriptor of the connection, process id of the parent.
  """
  with connection_to_parent(arguments) as connection:
    try:
      for answer in prices(connection.recv()):
        connection.send(answer)
    except ConfigError as error:
      connection.send(error)


if __name__ == "__main__":
  # Messages are pickled by class name: this module must not be __main__ in it.
  from elite_tf.networks import custom_worker as this

  this.main(sys.argv[1:])
