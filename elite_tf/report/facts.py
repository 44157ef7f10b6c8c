"""What a report tells of a search, as frozen records."""

import dataclasses
import enum

from elite_tf.conversion.verify.predictions import Predictions
from elite_tf.data.sources import Description
from elite_tf.hardware.memory import Memory
from elite_tf.runs.metrics import Confusion
from elite_tf.runs.plan_json import PlannedCandidate
from elite_tf.runs.results import ChampionResult, GroupResult, Result
from elite_tf.runs.settings import Settings
from elite_tf.types import Epoch


class State(enum.StrEnum):
  """How far a search is."""

  FINISHED = "finished"
  FAILED = "ended without all of its champions"
  AT_WORK = "still at work"
  STOPPED = "stopped before its end"


@dataclasses.dataclass(frozen=True)
class Group(GroupResult):
  """One group of the tournament, as far as it has come.

  Attributes:
    alive: Names that are still in.
  """

  alive: tuple[str, ...] = ()

  def out_in(self, name: str) -> int | None:
    """Returns the round that eliminated a candidate; None if none did."""
    for played in self.rounds:
      if name in played.eliminated:
        return played.round
    return None


@dataclasses.dataclass(frozen=True)
class Fit:
  """Whether a champion fits a board.

  Attributes:
    name: Of the board.
    title: In full.
    flash_bytes: Flash that is missing.
    sram_bytes: Memory that is missing.
  """

  name: str
  title: str
  flash_bytes: int
  sram_bytes: int

  @property
  def fits(self) -> bool:
    """Whether nothing is missing."""
    return not (self.flash_bytes or self.sram_bytes)


@dataclasses.dataclass(frozen=True, eq=False)
class Champion:
  """A champion and what its folder holds.

  Attributes:
    result: What result.json says of it.
    labels: Names of the classes, as far as they are known.
    confusion: Rows by truth, columns by answer, of what is deployed; empty
      where it was not kept.
    answered_by: Whose answers these are: int8, int16x8, float.
    predictions: Its answers one by one, None where they were not kept.
    fits: Every board known; empty where there is no file to deploy.
    notes: What is missing of its folder, one line each.
  """

  result: ChampionResult
  labels: tuple[str, ...]
  confusion: Confusion
  answered_by: str
  predictions: Predictions | None
  fits: tuple[Fit, ...]
  notes: tuple[str, ...] = ()

  @property
  def name(self) -> str:
    """Its name."""
    return self.result.name


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
  """All that a page tells.

  Attributes:
    path: Of the run folder, as it was given.
    state: How far the search is.
    stopped: Why it stopped before its end, as far as that is known.
    settings: Of the search.
    versions: Of the packages.
    data: Description of the data set; None where the plan is not known.
    networks: Candidates by name, those that do not fit too; empty where the
      plan is not known.
    memory: What candidates take as int8, predicted, by name; those of which it
      is not known are missing.
    groups: In order.
    histories: Epochs by name.
    champions: In the order of result.json.
    result: What result.json holds; None before it is there.
    planned_epochs: Epochs in all; None where the plan is not known.
    notes: What could not be read, one line each.
  """

  path: str
  state: State
  stopped: str
  settings: Settings
  versions: dict[str, str]
  data: Description | None
  networks: dict[str, PlannedCandidate]
  memory: dict[str, Memory]
  groups: tuple[Group, ...]
  histories: dict[str, tuple[Epoch, ...]]
  champions: tuple[Champion, ...]
  result: Result | None
  planned_epochs: int | None
  notes: tuple[str, ...] = ()

  @property
  def classes(self) -> int:
    """Number of classes, 0 where not known."""
    if self.data:
      return self.data.classes
    known = [len(champion.labels) for champion in self.champions]
    return max(known, default=0)
