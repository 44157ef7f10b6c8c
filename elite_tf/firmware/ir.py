"""The intermediate representation: a network as calls of kernels.

`lowering` makes it, `passes` changes it; `memory_planner` and `codegen` read it.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Value:
  """A map of int8 numbers.

  Attributes:
    height: Rows.
    width: Pixels per row.
    channels: Numbers per pixel.
    data: Numbers of a constant; None if the map is computed.
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
    """Bytes of the whole map."""
    return self.height * self.row_bytes


class Rows(NamedTuple):
  """The rows of an input that a row of the output depends on.

  Row y depends on `extent` rows from y * stride - pad on, as far as they lie
  inside the input.
  """

  stride: int = 1
  pad: int = 0
  extent: int = 1

  def span(self, y: int, height: int) -> tuple[int, int]:
    """Returns the first row, and the row after the last."""
    first = y * self.stride - self.pad
    return max(0, min(first, height)), max(0, min(first + self.extent, height))


SAME_ROW = Rows()
ALL_ROWS = Rows(0, 0, 1 << 30)  # Every row of the output depends on all rows.


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
  """A kernel and its arguments.

  Attributes:
    name: Unique name, an identifier in C.
    kernel: Key of `kernels.KERNELS`.
    inputs: Positions of the values that it reads.
    output: Position of the value that it computes.
    rows: For each input, the rows that a row of the output depends on.
    height: Number of calls: one per row, or 1 if one call computes the whole
      output.
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
    stages: All stages, in an order in which they can run.
    input: Position of the network's input in `values`.
    output: Position of the network's output in `values`.
  """

  values: tuple[Value, ...]
  stages: tuple[Stage, ...]
  input: int
  output: int
