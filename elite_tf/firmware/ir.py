"""Intermediate representation: a network as calls of kernels.

`lowering` makes it; passes, schedule, memory planner and code generation work
on it.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Value:
  """A map of int8 numbers.

  Attributes:
    height: Number of rows.
    width: Pixels per row.
    channels: Numbers per pixel.
    data: Its numbers if it is a constant, otherwise None.
  """

  height: int
  width: int
  channels: int
  data: np.ndarray | None = None

  @property
  def row_bytes(self) -> int:
    """Size of a row."""
    return self.width * self.channels

  @property
  def bytes(self) -> int:
    """Size of the map."""
    return self.height * self.row_bytes


class Rows(NamedTuple):
  """The rows of an input that a row of the output is computed from.

  For row y: `extent` rows from y * stride - pad on, as far as they lie inside
  the input.
  """

  stride: int = 1
  pad: int = 0
  extent: int = 1

  def span(self, y: int, height: int) -> tuple[int, int]:
    """Returns the first row for row y, and the one after the last.

    Args:
      y: Row of the output.
      height: Number of rows of the input.
    """
    first = y * self.stride - self.pad
    return max(0, min(first, height)), max(0, min(first + self.extent, height))


SAME_ROW = Rows()
ALL_ROWS = Rows(0, 0, 1 << 30)  # Every row of the output needs all rows.


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
  """A kernel and its arguments.

  Attributes:
    name: Unique, a valid name in C.
    kernel: One of `kernels.KERNELS`.
    inputs: Positions of the values that it reads.
    output: Position of the value that it computes.
    rows: For every input, the rows that one row of the output needs.
    height: Number of calls: the rows of the output, or 1 if one call computes
      all of them.
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
    input: Position of the network's input value.
    output: Position of the network's output value.
  """

  values: tuple[Value, ...]
  stages: tuple[Stage, ...]
  input: int
  output: int
