"""What result.json of a run folder holds."""

import dataclasses
from dataclasses import field
from typing import Self

from elite_tf.hardware.boards import Limits, Shortfall
from elite_tf.hardware.fit import measured_shortfall
from elite_tf.hardware.memory import Memory
from elite_tf.runs.metrics import Metrics
from elite_tf.system.records import OMIT_EMPTY, Record
from elite_tf.tournament.bracket import Bracket, Round


@dataclasses.dataclass(frozen=True)
class GroupResult:
  """One group of the tournament.

  Attributes:
    group: Its number, from 1.
    candidates: Names, heaviest first.
    rounds: The rounds that ended.
    failures: Why candidates failed, by name.
    champion: Name of the champion; None while there is none, and at the end if
      every candidate failed.
    rejected: Why champions lost their title, by name: as converted they do not
      fit.
  """

  group: int
  candidates: tuple[str, ...]
  rounds: tuple[Round, ...]
  failures: dict[str, str]
  champion: str | None
  rejected: dict[str, str] = field(default_factory=dict, metadata=OMIT_EMPTY)

  @classmethod
  def of(cls, bracket: Bracket) -> Self:
    """Returns where a group stands."""
    return cls(
      bracket.group,
      tuple(bracket.candidates),
      tuple(bracket.rounds),
      dict(bracket.failures),
      bracket.champion,
      dict(bracket.rejected),
    )


@dataclasses.dataclass(frozen=True)
class ChampionResult(Record):
  """The champion of a group.

  Attributes:
    name: Its name.
    group: Number of its group, from 1.
    params: Parameters.
    macs: Multiply-accumulates of one inference.
    val_accuracy: Top-1 accuracy on the validation split, 0 to 1.
    test_accuracy_float: Of the Keras model on the test split, 0 to 1.
    test_accuracy_int8: Of the quantized network, likewise; None where there is
      none.
    test_balanced_accuracy_float: Mean recall of the classes, likewise.
    test_balanced_accuracy_int8: Mean recall of the classes, likewise.
    tflite_bytes: Size of the file for a board: the quantized one, or the float
      one where that is all there is. None where nothing was converted.
    arena_bytes: Arena that TensorFlow Lite Micro took for it on the computer
      that converted; None where nothing was converted.
    kind: Numbers of the quantized network, "int8" or "int16x8"; None where
      there is none.
    estimated_seconds: Of one inference on the board that was named; None
      without a board.
    files: Paths of its files, relative to the run folder, sorted.
  """

  name: str
  group: int
  params: int
  macs: int
  val_accuracy: float
  test_accuracy_float: float
  test_accuracy_int8: float | None
  test_balanced_accuracy_float: float
  test_balanced_accuracy_int8: float | None
  tflite_bytes: int | None
  arena_bytes: int | None
  kind: str | None
  estimated_seconds: float | None
  files: tuple[str, ...]

  def shortfall(self, memory: Memory | None, limits: Limits) -> Shortfall:
    """Returns the bytes by which the champion's file misses limits.

    Args:
      memory: What it was predicted to take as int8; None where that is not
        known: then the arena counts as it was measured on this computer, whose
        pointers are longer than a board's.
      limits: The most that it may take.

    Raises:
      TypeError: There is no file.
    """
    predicted = memory if self.kind == "int8" else None
    return measured_shortfall(
      predicted, limits, self.tflite_bytes, self.arena_bytes
    )

  def misfit(self, memory: Memory | None, limits: Limits) -> str:
    """Returns why the champion does not fit; empty if it does.

    Where nothing was converted, nothing is known to be too large.

    Args:
      memory: As in `shortfall`.
      limits: The most that it may take; none at all by default.
    """
    if limits == Limits() or self.tflite_bytes is None:
      return ""
    missing = self.shortfall(memory, limits)
    if missing == (0, 0):
      return ""
    return (
      f"does not fit: {missing.flash_bytes} bytes of flash and"
      f" {missing.sram_bytes} of memory are missing, as measured"
    )


@dataclasses.dataclass(frozen=True)
class ChampionEvent(Record):
  """A champion, as the journal remembers it.

  Attributes:
    champion: The champion.
    seconds: Wall clock of its conversion and verification.
  """

  champion: ChampionResult
  seconds: float


def figures_of(metrics: Metrics) -> dict:
  """Returns the fields of `ChampionResult` that a network's metrics tell."""
  quantized, deployed = metrics.quantized, metrics.deployed
  return {
    "test_accuracy_float": metrics.test_accuracy_float,
    "test_accuracy_int8": quantized and quantized.accuracy,
    "test_balanced_accuracy_float": metrics.float_.balanced_accuracy,
    "test_balanced_accuracy_int8": quantized and quantized.balanced_accuracy,
    "tflite_bytes": deployed and deployed.tflite_bytes,
    "arena_bytes": deployed and deployed.arena_bytes,
    "kind": metrics.kind,
  }


@dataclasses.dataclass(frozen=True)
class Result(Record):
  """What a search found, and what it took.

  Attributes:
    groups: In order.
    champions: One for each group that has one that could be converted, in the
      order of the groups.
    unverified: Why other champions cannot be deployed, by name.
    seconds: Wall clock of all sessions.
    training_seconds: The part of it until the last epoch ended.
    step_seconds: Seconds in training and validation steps, of all workers.
    first_step_seconds: The part of these in first steps, with their tracing.
    convert_seconds: Conversion and verification, of all champions.
    candidate_epochs: Epochs trained.
    workers: How many trained at a time.
  """

  groups: tuple[GroupResult, ...]
  champions: tuple[ChampionResult, ...]
  unverified: dict[str, str]
  seconds: float
  training_seconds: float
  step_seconds: float
  first_step_seconds: float
  convert_seconds: float
  candidate_epochs: int
  workers: int

  @property
  def failed_groups(self) -> tuple[int, ...]:
    """Numbers of the groups that have no champion."""
    return tuple(g.group for g in self.groups if g.champion is None)
