"""Rows in time and memory: nothing is written over what is still needed."""

import numpy as np
import pytest

from elite_tf.firmware import memory_planner, schedule
from elite_tf.firmware.ir import ALL_ROWS, SAME_ROW, Program, Rows, Stage, Value


def _stage(index, source, rows, height, kernel="convolution", scratch=0):
  sources = source if isinstance(source, tuple) else (source,)
  return Stage(
      name=f"s{index}", kernel=kernel, inputs=sources, output=index,
      rows=tuple(rows for _ in sources), height=height, fields={},
      scratch=scratch,
  )  # fmt: skip


def _bottleneck(stride=1, size=24, skip=False):
  """Expansion to six times the channels, depthwise, projection."""
  small = -(-size // stride)
  values = [Value(size, size, 8), Value(size, size, 48)]
  values += [Value(small, small, 48), Value(small, small, 8)]
  window = Rows(stride, 1, 3)
  stages = [
    _stage(1, 0, SAME_ROW, size),
    _stage(2, 1, window, small),
    _stage(3, 2, SAME_ROW, small, scratch=50),
  ]
  if skip:
    values.append(Value(size, size, 8))
    stages.append(_stage(4, (3, 0), SAME_ROW, size, kernel="sum"))
  return Program(tuple(values), tuple(stages), 0, len(values) - 1)


def _replay(program, plan):
  """Plays through a layout and looks at every byte: whose is it?"""
  owner = np.full((plan.bytes, 2), -1)
  makers = {stage.output: i for i, stage in enumerate(program.stages)}
  done = [0] * len(program.stages)

  def place(value, row):
    size = program.values[value].row_bytes
    start = plan.offsets[value] + row % plan.schedule.rings[value] * size
    return slice(start, start + size)

  def run(index, end):
    stage = program.stages[index]
    while done[index] < end:
      y = done[index]
      taken = []
      for value, rows in zip(stage.inputs, stage.rows):
        first, last = rows.span(y, program.values[value].height)
        if value in plan.streamed:
          run(makers[value], last)
        taken += [(value, row) for row in range(first, last)]
      for value, row in taken:
        assert (owner[place(value, row)] == (value, row)).all(), (value, row)
      if index in plan.scratch:
        start = plan.scratch[index]
        owner[start : start + stage.scratch] = -2
        for value, row in taken:
          assert (owner[place(value, row)] == (value, row)).all(), "scratch"
      output = place(stage.output, y)
      assert output.stop <= plan.bytes
      if (
        stage.kernel not in memory_planner.IN_PLACE
      ):  # Still read while written.
        owner[output] = -3
        for value, row in taken:
          assert (owner[place(value, row)] == (value, row)).all(), "written"
      owner[output] = stage.output, y
      done[index] += 1

  for row in range(program.values[program.input].height):
    owner[place(program.input, row)] = program.input, row
  for index, stage in enumerate(program.stages):
    if stage.output not in plan.streamed:
      run(index, stage.height)
  for row in range(program.values[program.output].height):
    assert (owner[place(program.output, row)] == (program.output, row)).all()


@pytest.mark.parametrize(
  "stride, skip",
  [(1, False), (2, False), (1, True)],  # Skips keep sizes.
)
@pytest.mark.parametrize("streamed", [(), (1,), (2,), (1, 2), (1, 2, 3)])
def test_no_row_is_overwritten(stride, skip, streamed):
  program = _bottleneck(stride, skip=skip)
  kept = frozenset(streamed) & frozenset(schedule.streamable(program))
  for trials in (0, 20):
    _replay(program, memory_planner.place(program, kept, trials))


def test_random_programs():
  random = np.random.default_rng(0)
  for _ in range(60):
    values, stages = [Value(int(random.integers(1, 12)), 4, 3)], []
    for index in range(1, int(random.integers(2, 9))):
      source = int(random.integers(max(0, index - 3), index))
      height = values[source].height
      extent, stride = (int(x) for x in random.integers(1, 4, 2))
      rows = random.choice([0, 1, 2])
      if rows == 0:
        taken, out = ALL_ROWS, 1
      elif rows == 1:
        taken, out = SAME_ROW, height
      else:
        out = -(-height // stride)
        around = max((out - 1) * stride + extent - height, 0)
        taken = Rows(stride, around // 2, extent)
      kernel = "table" if rows == 1 and random.random() < 0.5 else "convolution"
      width = 12 if kernel == "table" else int(random.integers(1, 30))
      if kernel == "table":
        width = values[source].row_bytes
      values.append(Value(out, width, 1))
      scratch = int(random.choice([0, 0, 17]))
      stages.append(_stage(index, source, taken, out, kernel, scratch))
    program = Program(tuple(values), tuple(stages), 0, len(values) - 1)
    _replay(program, memory_planner.arrange(program, trials=5))


def test_expanded_map_is_never_there_as_a_whole():
  program = _bottleneck(stride=2)
  plan = memory_planner.arrange(program)
  assert 1 in plan.streamed
  # Three rows of it are: a kernel of three.
  assert plan.schedule.rings[1] == 3
  whole = program.values[1].bytes
  assert memory_planner.place(program, frozenset(), 50).bytes > whole
  assert plan.bytes < whole / 2


def test_rows_wait_in_a_ring_for_the_skip():
  program = _bottleneck(skip=True)
  played = schedule.simulate(program, frozenset({1, 2, 3}))
  assert [played.rings[value] for value in (1, 2, 3)] == [3, 1, 1]
  # The output is written over the input, row by row: beside that there are
  # three rows of the expanded map, one of each other, and the scratch memory.
  plan = memory_planner.arrange(program)
  assert plan.offsets[4] == plan.offsets[0]
  assert plan.bytes == 24 * (24 * 8 + 3 * 48 + 48 + 8) + 52


def test_same_program_same_layout():
  plans = [memory_planner.arrange(_bottleneck(skip=True)) for _ in range(2)]
  assert plans[0].offsets == plans[1].offsets
