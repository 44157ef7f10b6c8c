"""What a report tells of a search, as frozen records."""

import dataclasses
import enum

from elite_tf.conversion.verify.predictions import Predictions
from elite_tf.hardware.memory import Memory
from elite_tf.tournament.bracket import Round
from elite_tf.types import Epoch


class State(enum.StrEnum):
  """How far a search is."""

  FINISHED = "finished"
  FAILED = "ended without all of its champions"
  AT_WORK = "still at work"
  STOPPED = "stopped before its end"


@dataclasses.dataclass(frozen=True)
class Network:
  """A candidate as it was planned.

  Attributes:
    name: The candidate's name.
    group: Number of its group, from 1; None where it does not fit.
    w: Width level, from 1; likewise `d`, depth, and `r`, resolution.
    width: Width coefficient.
    depth: Depth coefficient.
    resolution: Pixels of the input's side.
    params: Parameters.
    macs: Multiply-accumulates of one inference.
    fits: Whether it keeps the limits that were set.
    flash_bytes: Flash predicted where limits were set, None elsewhere.
    sram_bytes: Arena on a board predicted, likewise.
    memory: What it takes as int8, predicted; None where that is not known.
  """

  name: str
  group: int | None
  w: int
  d: int
  r: int
  width: float
  depth: float
  resolution: int
  params: int
  macs: int
  fits: bool
  flash_bytes: int | None
  sram_bytes: int | None
  memory: Memory | None = None


@dataclasses.dataclass(frozen=True)
class Group:
  """One group of the tournament.

  Attributes:
    number: From 1.
    candidates: Names, heaviest first.
    rounds: That have ended.
    failures: Reason by name.
    champion: Its name; None while there is none.
    alive: Names that are still in.
  """

  number: int
  candidates: tuple[str, ...]
  rounds: tuple[Round, ...]
  failures: dict[str, str]
  champion: str | None
  alive: tuple[str, ...]

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
    row: Its row of result.json.
    labels: Names of the classes, as far as they are known.
    confusion: Rows by truth, columns by answer, of what is deployed; empty
      where it was not kept.
    answered_by: Whose answers these are: int8, int16x8, float.
    predictions: Its answers one by one, None where they were not kept.
    fits: Every board known; empty where there is no file to deploy.
    notes: What is missing of its folder, one line each.
  """

  row: dict
  labels: tuple[str, ...]
  confusion: tuple[tuple[int, ...], ...]
  answered_by: str
  predictions: Predictions | None
  fits: tuple[Fit, ...]
  notes: tuple[str, ...] = ()

  @property
  def name(self) -> str:
    """Its name."""
    return self.row["name"]


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
  """All that a page tells.

  Attributes:
    path: Of the run folder, as it was given.
    state: How far the search is.
    stopped: Why it stopped before its end, as far as that is known.
    settings: As config.json has them.
    versions: Of the packages, likewise.
    data: The data set's description as a dictionary; empty where not known.
    networks: Candidates by name, those that do not fit too; empty where the
      plan is not known.
    groups: In order.
    histories: Epochs by name.
    champions: In the order of result.json.
    unverified: Reason by name of champions that cannot be deployed.
    totals: Times and counts of result.json; empty before it is there.
    planned_epochs: Epochs in all; None where the plan is not known.
    notes: What could not be read, one line each.
  """

  path: str
  state: State
  stopped: str
  settings: dict
  versions: dict[str, str]
  data: dict
  networks: dict[str, Network]
  groups: tuple[Group, ...]
  histories: dict[str, tuple[Epoch, ...]]
  champions: tuple[Champion, ...]
  unverified: dict[str, str]
  totals: dict
  planned_epochs: int | None
  notes: tuple[str, ...] = ()

  @property
  def classes(self) -> int:
    """Number of classes, 0 where not known."""
    known = [len(champion.labels) for champion in self.champions]
    return self.data.get("classes") or max(known, default=0)
