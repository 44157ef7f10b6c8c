"""Contents of result.json in a run folder."""

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
    group: Number of the group, from 1.
    candidates: Names of the candidates, heaviest first.
    rounds: Rounds that have ended.
    failures: Reasons why candidates failed, by name.
    champion: Name of the champion; None while it is not decided, and if no
      candidate is left.
    rejected: Reasons why champions were rejected, by name: as converted, they
      do not fit the limits. Not written if empty.
  """

  group: int
  candidates: tuple[str, ...]
  rounds: tuple[Round, ...]
  failures: dict[str, str]
  champion: str | None
  rejected: dict[str, str] = field(default_factory=dict, metadata=OMIT_EMPTY)

  @classmethod
  def of(cls, bracket: Bracket) -> Self:
    """Returns the current state of a bracket."""
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
    name: Name of the candidate.
    group: Number of the group, from 1.
    params: Number of parameters.
    macs: Multiply-accumulates of one inference.
    val_accuracy: Top-1 accuracy of the Keras model on the val split, 0 to 1.
    test_accuracy_float: Top-1 accuracy of the Keras model on the test split,
      0 to 1.
    test_accuracy_int8: Top-1 accuracy of the quantized network, of whatever
      kind, on the test split, 0 to 1; None without a quantized network.
    test_balanced_accuracy_float: Mean recall of the classes, as
      `test_accuracy_float`.
    test_balanced_accuracy_int8: Mean recall of the classes, as
      `test_accuracy_int8`.
    tflite_bytes: Size of the .tflite file for a board: the quantized network,
      or the float network if there is no other. None if nothing was converted.
    arena_bytes: Arena that TensorFlow Lite Micro used for that file on the
      computer that converted it; None if nothing was converted.
    kind: Numbers of the quantized network, "int8" or "int16x8"; None without a
      quantized network.
    estimated_seconds: Estimated seconds of one inference on the board of the
      search; None without a board.
    files: Paths of the files, relative to the run folder, sorted.
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
    """Returns the bytes by which the .tflite file exceeds limits.

    Args:
      memory: Predicted memory as an int8 network; None if not known. With a
        prediction, the arena is corrected for the shorter pointers of a board.
      limits: Limits of flash and arena.

    Raises:
      TypeError: There is no .tflite file.
    """
    predicted = memory if self.kind == "int8" else None
    return measured_shortfall(
      predicted, limits, self.tflite_bytes, self.arena_bytes
    )

  def misfit(self, memory: Memory | None, limits: Limits) -> str:
    """Returns why the champion does not fit; "" if it fits or has no file.

    Args:
      memory: As in `shortfall`.
      limits: Limits of flash and arena; `Limits()` means no limits.
    """
    if limits == Limits() or self.tflite_bytes is None:
      return ""
    return shortfall_text(self.shortfall(memory, limits))


def shortfall_text(missing: Shortfall) -> str:
  """Returns in words by how much a network exceeds limits; "" if it does not.

  Args:
    missing: As `elite_tf.hardware.fit.measured_shortfall` returns it.
  """
  if missing == (0, 0):
    return ""
  return (
    f"does not fit: {missing.flash_bytes} bytes of flash and"
    f" {missing.sram_bytes} of memory are missing, as measured"
  )


@dataclasses.dataclass(frozen=True)
class ChampionEvent(Record):
  """Event of the journal: a champion was converted and written.

  Attributes:
    champion: The champion.
    seconds: Wall-clock seconds of conversion and verification.
  """

  champion: ChampionResult
  seconds: float


def figures_of(metrics: Metrics) -> dict:
  """Returns the fields of `ChampionResult` that follow from metrics."""
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
  """Result of a search.

  Attributes:
    groups: Groups, heaviest first.
    champions: Champions that were written, in the order of the groups.
    unverified: Reasons why other champions cannot be deployed, by name.
    seconds: Wall-clock seconds of all sessions of the search.
    training_seconds: Wall-clock seconds of training, without conversion.
    step_seconds: Seconds in training and validation steps, sum over workers.
    first_step_seconds: Part of `step_seconds` spent in first steps, which
      include tracing.
    convert_seconds: Seconds of conversion and verification, sum over champions.
    candidate_epochs: Number of epochs that were trained.
    workers: Number of workers.
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
