"""A journal, read without changing it."""

import dataclasses
from pathlib import Path

from elite_tf.runs import journal
from elite_tf.runs.results import ChampionResult
from elite_tf.types import Epoch, Outcome


@dataclasses.dataclass(frozen=True)
class Log:
  """The events of a journal.

  Attributes:
    outcomes: Outcomes by (name, epochs before, epochs afterwards).
    epochs: Epochs by candidate name, without gaps from the first one.
    champions: Champions by name.
  """

  outcomes: dict[tuple[str, int, int], Outcome]
  epochs: dict[str, tuple[Epoch, ...]]
  champions: dict[str, ChampionResult]


def read_log(path: Path) -> Log:
  """Returns the events so far; damaged lines are left out.

  Args:
    path: The journal; a missing file is an empty journal.

  Raises:
    OSError: The file cannot be read.
  """
  outcomes, found, champions = {}, {}, {}
  for event in journal.read(path) if path.exists() else ():
    kind = event["event"]
    if kind == "trained":
      outcome = journal.event_to_outcome(event)
      outcomes[outcome.name, outcome.start, outcome.stop] = outcome
      known = found.setdefault(outcome.name, {})
      known.update({epoch.epoch: epoch for epoch in outcome.epochs})
    elif kind == "epoch":
      fields = {f.name: event[f.name] for f in dataclasses.fields(Epoch)}
      found.setdefault(event["name"], {})[event["epoch"]] = Epoch(**fields)
    elif kind == "champion":
      champion = journal.event_to_champion(event).champion
      champions[champion.name] = champion
  return Log(
    outcomes,
    {name: _from_the_first(known) for name, known in found.items()},
    champions,
  )


def _from_the_first(known: dict[int, Epoch]) -> tuple[Epoch, ...]:
  epochs = []
  while len(epochs) + 1 in known:
    epochs.append(known[len(epochs) + 1])
  return tuple(epochs)
