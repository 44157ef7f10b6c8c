"""A network as calls of kernels: what `lowering` makes and the rest works on."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Value:
  """A map of int8 numbers.

  Attributes:
    height: Rows.
    width: Pixels a row.
    channels: Numbers a pixel.
    data: Its numbers, if they are known beforehand.
  """

  height: int
  width: int
  channels: int
  data: np.ndarray | None = None

  @property
  def row_bytes(self) -> int:
    """Bytes of a row."""
    return self.width * self.channels

  @property
  def bytes(self) -> int:
    """Bytes of all of it."""
    return self.height * self.row_bytes


class Rows(NamedTuple):
  """Which rows of an input a row of the output takes.

  Row y takes those from y * stride - pad on, `extent` of them, as far as they
  lie inside the input.
  """

  stride: int = 1
  pad: int = 0
  extent: int = 1

  def span(self, y: int, height: int) -> tuple[int, int]:
    """Returns the first row taken, and the one after the last."""
    first = y * self.stride - self.pad
    return max(0, min(first, height)), max(0, min(first + self.extent, height))


SAME_ROW = Rows()
ALL_ROWS = Rows(0, 0, 1 << 30)  # Every row of the output takes all rows.


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
  """A kernel and what it is called with.

  Attributes:
    name: Unique, and fit for a name in C.
    kernel: One of `kernels.KERNELS`.
    inputs: Positions of the values that it takes.
    output: Position of the value that it makes.
    rows: Of every input, which rows a row of the output takes.
    height: Rows that it computes: one where it makes all of its output at once.
    fields: Numbers of the kernel's structure.
    arrays: Constants of the kernel's structure.
    scratch: Bytes of memory that it needs while it runs.
  """

  name: str
  kernel: str
  inputs: tuple[int, ...]
  output: int
  rows: tuple[Rows, ...]
  height: int
  fields: Mapping[str, int]
  arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
  scratch: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
  """A network as stages.

  Attributes:
    values: All maps.
    stages: In an order in which they can run.
    input: Position of the value that is given.
    output: Position of the value that is asked for.
  """

  values: tuple[Value, ...]
  stages: tuple[Stage, ...]
  input: int
  output: int
