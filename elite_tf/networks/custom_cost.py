"""Costs of a custom family's networks, counted by a child process.

The run folder keeps them, so that a resumed search does not build the networks
again for its plan.
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

# Seconds for loading Keras, or for building and counting one network.
PATIENCE = 600.0

UNPREDICTED = (
  "flash and arena of a custom family's networks cannot be predicted: those of"
  " champions are measured; a champion that does not fit is replaced by the"
  " next candidate of its group"
)


@dataclasses.dataclass(frozen=True)
class Prices:
  """Costs of the candidates of a custom family.

  Attributes:
    key: What they depend on besides the source: pool, classes and channels.
    source: The file of the function's module.
    found: Price by candidate name.
  """

  key: str
  source: Source
  found: dict[str, Price]

  def to_json(self) -> str:
    """Returns the text of a file that `read` reads."""
    return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

  @classmethod
  def read(cls, path: Path) -> "Prices | None":
    """Returns the prices in a file; None if it is missing or damaged."""
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
  trial: str = "",
  quantize: str = "",
) -> Prices:
  """Returns the costs of candidates of a custom family.

  Args:
    candidates: All of one family.
    trainable: Whether the networks must consist of the kinds of layers in
      `elite_tf.networks.layers.LAYER_KINDS`, for quantization-aware training.
    known: Prices found before; returned if the module's file is unchanged.
    patience: Seconds that one network may take.
    trial: As in `Request`; not used for prices found before.
    quantize: As in `Request`.

  Raises:
    ConfigError: The function fails, hangs or returns something else than it
      must; its networks differ from the known ones; they have layers of other
      kinds although `trainable`; or the trial fails.
  """
  pool = candidates[0].family
  names = [candidate.name for candidate in candidates]
  if known and known.key != _key(candidates[0]):
    known = None
  if known and known.found.keys() >= set(names):
    if digest(known.source.path) == known.source.digest != "":
      return known
  logger.info(f"--pool={pool}: {len(names)} networks are built to be priced")
  found = _ask(Request(tuple(candidates), trainable, trial, quantize), patience)
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
    stdout=2,  # What the user's code prints goes to stderr.
    env=processes.WITHOUT_ACCELERATOR,
  )
  with connection:

    def receive(what: str):
      if not connection.poll(patience):
        raise ConfigError(
          f"--pool={pool}: {what} has not finished after {patience:g} s"
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
