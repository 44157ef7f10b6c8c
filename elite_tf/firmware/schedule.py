"""The order in which rows are computed, and how long each row is needed.

A stage computes its rows in order. Usually it computes all of them at its place
in the program. If its value is *streamed*, the stages that read its rows run it
on demand, as far as they need, and a ring of the latest rows is enough memory.
No row is computed twice. The C sources do the same; this module simulates them,
with one tick of the clock per call of a kernel.
"""

import dataclasses

import numpy as np

from elite_tf.firmware.ir import Program


@dataclasses.dataclass(frozen=True, eq=False)
class Schedule:
  """The lifetime of all rows.

  Attributes:
    births: For each value that is not a constant, the tick at which each row is
      written: int (height,). A row that is never computed has -1.
    deaths: Likewise, the tick of the last read; not before the birth.
    rings: For each such value, the number of rows to keep.
    spans: For each stage, the ticks of its first and of its last call.
  """

  births: dict[int, np.ndarray]
  deaths: dict[int, np.ndarray]
  rings: dict[int, int]
  spans: dict[int, tuple[int, int]]


def streamable(program: Program) -> tuple[int, ...]:
  """Returns the values that can be streamed."""
  return tuple(
    stage.output
    for stage in program.stages
    if stage.output != program.output
    and stage.height == program.values[stage.output].height > 1
  )


def simulate(program: Program, streamed: frozenset[int]) -> Schedule:
  """Returns the schedule of a program.

  Args:
    program: The program.
    streamed: Values whose rows are computed on demand.
  """
  simulator = _Simulator(program, streamed)
  for index, stage in enumerate(program.stages):
    if stage.output not in streamed:
      simulator.run(index, stage.height)
  return simulator.schedule()


class _Simulator:
  """State of the simulation."""

  def __init__(self, program: Program, streamed: frozenset[int]):
    self._program = program
    self._streamed = streamed
    self._makers = {s.output: i for i, s in enumerate(program.stages)}
    self._done = [0] * len(program.stages)
    self._tick = 0
    self._spans: dict[int, tuple[int, int]] = {}
    live = [program.input, *self._makers]
    heights = {value: program.values[value].height for value in live}
    self._births = {v: np.full(h, -1) for v, h in heights.items()}
    self._deaths = {v: np.full(h, -1) for v, h in heights.items()}
    self._births[program.input][:] = 0

  def run(self, index: int, last: int) -> None:
    """Computes the rows of a stage up to `last` - 1."""
    stage = self._program.stages[index]
    while self._done[index] < last:
      y = self._done[index]
      spans = []
      for value, rows in zip(stage.inputs, stage.rows):
        if value in self._births:
          span = rows.span(y, len(self._births[value]))
          spans.append((value, span))
          if value in self._streamed:
            self.run(self._makers[value], span[1])
      self._tick += 1
      for value, (first, end) in spans:
        self._deaths[value][first:end] = self._tick
      births = self._births[stage.output]
      if stage.height == len(births):
        births[y] = self._tick
      else:
        births[:] = self._tick
      first, _ = self._spans.get(index, (self._tick, 0))
      self._spans[index] = first, self._tick
      self._done[index] += 1

  def schedule(self) -> Schedule:
    """Returns the lifetimes of the rows computed so far."""
    self._deaths[self._program.output][:] = self._tick + 1
    deaths = {
      value: np.maximum(deaths, self._births[value])
      for value, deaths in self._deaths.items()
    }
    return Schedule(
      births=self._births,
      deaths=deaths,
      rings={
        value: _ring(self._births[value], deaths[value])
        if value in self._streamed
        else len(deaths[value])
        for value in deaths
      },
      spans=self._spans,
    )


def _ring(births: np.ndarray, deaths: np.ndarray) -> int:
  """Returns how many rows to keep so that none is overwritten too early."""
  needed = 1
  for row, birth in enumerate(births):
    if birth >= 0:
      alive = np.flatnonzero(deaths[: row + 1] >= birth)
      needed = max(needed, row - int(alive[0]) + 1)
  return needed
