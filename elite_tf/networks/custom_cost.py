"""What the networks of a user's own family cost, asked of a child process.

What was found is kept in the run folder, so that a search that is resumed
builds nothing to be planned.
"""

import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.networks.custom_worker import Price, Request, Source, digest
from elite_tf.system import processes
from elite_tf.types import Candidate, Cost, Size

logger = logging.getLogger(__name__)

# For Keras to be loaded and one network to be built and counted.
PATIENCE = 600.0

UNPREDICTED = (
  "flash and arena of your own networks cannot be predicted: the champions'"
  " are measured, one that does not fit is replaced by the next of its group"
)


@dataclasses.dataclass(frozen=True)
class Prices:
  """What the candidates of a user's own family cost.

  Attributes:
    key: What else decides them: pool, classes and channels.
    source: The file of the function's module.
    found: Price by candidate's name.
  """

  key: str
  source: Source
  found: dict[str, Price]

  def to_json(self) -> str:
    """Returns them as the text of a file."""
    return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

  @classmethod
  def read(cls, path: Path) -> "Prices | None":
    """Returns what a file has; None if it is not there, or damaged."""
    try:
      read = json.loads(path.read_text("utf-8"))
      return cls(
        read["key"],
        Source(**read["source"]),
        {
          name: Price(Cost(**price["cost"]), Size(**price["size"]))
          for name, price in read["found"].items()
        },
      )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
      return None


def price(
  candidates: Sequence[Candidate],
  trainable: bool = False,
  known: Prices | None = None,
  patience: float = PATIENCE,
) -> Prices:
  """Returns what candidates of a family of the user's own cost.

  Args:
    candidates: All of one family.
    trainable: Whether the networks must have the built-in families' layers, to
      be trained anew for quantization.
    known: What was found before; taken if the module's file is the same.
    patience: Seconds that one of them may take.

  Raises:
    ConfigError: The function fails, hangs or returns something else than it
      should; its networks are others than those that are known; or they have
      other layers than the built-in families'.
  """
  pool = candidates[0].family
  names = [candidate.name for candidate in candidates]
  if known and known.key != _key(candidates[0]):
    known = None
  if known and known.found.keys() >= set(names):
    if digest(known.source.path) == known.source.digest != "":
      return known
  logger.info(f"--pool={pool}: {len(names)} networks are built to be priced")
  found = _ask(Request(tuple(candidates), trainable), patience)
  for name in names if known else ():
    before, now = known.found.get(name), found.found[name]
    if before not in (None, now):
      raise ConfigError(
        f"--pool={pool} must build the networks with which the search in this"
        f" --run_dir began: {name} had {before.cost.params} parameters and"
        f" {before.cost.macs} multiply-accumulates. Received:"
        f" {now.cost.params} and {now.cost.macs}"
      )
  return found


def _key(one: Candidate) -> str:
  return f"{one.family}, {one.classes} classes, {one.channels} channels"


def _ask(request: Request, patience: float) -> Prices:
  pool = request.candidates[0].family
  process, connection = processes.start_connected(
    "elite_tf.networks.custom_worker",
    stdout=2,  # What is printed there is no result.
    env=processes.WITHOUT_ACCELERATOR,
  )
  with connection:

    def receive(what: str):
      if not connection.poll(patience):
        raise ConfigError(
          f"--pool={pool}: {what} has not come back after {patience:g} s"
        )
      try:
        answer = connection.recv()
      except (EOFError, ConnectionResetError) as error:
        reason = processes.how_it_ended(process.wait())
        raise ConfigError(
          f"--pool={pool}: the process of {what} {reason}"
        ) from error
      if isinstance(answer, ConfigError):
        raise answer
      return answer

    try:
      connection.send(request)
      source = receive("the module's import")
      return Prices(
        _key(request.candidates[0]),
        source,
        {c.name: receive(f"building {c.name}") for c in request.candidates},
      )
    finally:
      processes.end(process)
