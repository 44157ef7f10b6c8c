"""The contents of the page, as frozen dataclasses."""

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
  """State of a search."""

  FINISHED = "finished"
  FAILED = "ended without all champions"
  AT_WORK = "still running"
  STOPPED = "stopped before the end"


@dataclasses.dataclass(frozen=True)
class Group(GroupResult):
  """Current state of one group of the tournament.

  Attributes:
    alive: Names of the remaining candidates.
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
    name: Name of the board.
    title: Full name of the board.
    flash_bytes: Bytes of flash that are missing.
    sram_bytes: Bytes of memory that are missing.
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
  """A champion and the contents of its folder.

  Attributes:
    result: Its entry in result.json.
    labels: Names of the classes; empty if labels.txt is missing.
    confusion: Confusion matrix of the network for a board on the test split:
      rows are true classes, columns are answers. Empty if metrics.json could
      not be read, and for many classes.
    answered_by: Which network gave the answers: "int8", "int16x8" or "float".
    predictions: Single answers; None if predictions.npz is missing or damaged.
    fits: Whether the champion fits each known board; empty if there is no
      .tflite file.
    notes: What is missing from the folder, one line each.
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
    """Name of the champion."""
    return self.result.name


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
  """All contents of a page.

  Attributes:
    path: Path of the run folder, as given.
    state: State of the search.
    stopped: Why the search stopped before the end; "" if that is not known.
    settings: Settings of the search.
    versions: Versions of the packages, by name.
    data: Description of the data set; None if the plan could not be read.
    networks: Planned candidates by name, including those that do not fit;
      empty if the plan could not be read.
    memory: Predicted memory of candidates as int8 networks, by name; only those
      that could be predicted.
    groups: Groups, heaviest first.
    histories: Epochs by candidate name.
    champions: Champions, in the order of result.json.
    result: Contents of result.json; None before the search has ended.
    planned_epochs: Number of epochs of the whole search; None if the plan could
      not be read.
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
    """Number of classes; 0 if not known."""
    if self.data:
      return self.data.classes
    known = [len(champion.labels) for champion in self.champions]
    return max(known, default=0)
