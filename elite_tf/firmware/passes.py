"""Passes over a program: the result computes the same with fewer stages."""

import dataclasses

import numpy as np

from elite_tf.firmware import tables, weighted
from elite_tf.firmware.ir import ALL_ROWS, Program, Stage
from elite_tf.firmware.kernels import KERNELS


def fuse(program: Program) -> Program:
  """Returns a program with fewer stages.

  Stages that the output does not depend on are dropped. A table becomes part of
  the stage before it and a PAD part of the convolution after it, if no other
  stage reads the value in between.
  """
  for improve in (
    _drop_unused,
    _fold_tables,
    _fold_pads,
    _add_scratch,
    _renumber,
  ):
    program = improve(program)
  return program


def _uses(program: Program) -> dict[int, int]:
  """Returns how many stages read each value; the output has one reader more."""
  uses = {program.output: 1}
  for stage in program.stages:
    for value in stage.inputs:
      uses[value] = uses.get(value, 0) + 1
  return uses


def _drop_unused(program: Program) -> Program:
  needed, kept = {program.output}, []
  for stage in reversed(program.stages):
    if stage.output in needed:
      needed.update(stage.inputs)
      kept.append(stage)
  return dataclasses.replace(program, stages=tuple(reversed(kept)))


def _fold_tables(program: Program) -> Program:
  """Moves each table into the stage that computes its input."""
  uses = _uses(program)
  maker = {stage.output: i for i, stage in enumerate(program.stages)}
  stages: list[Stage | None] = list(program.stages)
  for index, stage in enumerate(program.stages):
    before = maker.get(stage.inputs[0]) if stage.kernel == "table" else None
    if before is None or uses[stage.inputs[0]] != 1:
      continue
    source = stages[before]
    pointers = dict(KERNELS[source.kernel].arrays)
    if "table" not in pointers or stage.rows[0] == ALL_ROWS:
      continue
    table, fields = stage.arrays["table"], dict(source.fields)
    if "table" in source.arrays:
      table = tables.compose(source.arrays["table"], table)
    if "low" in fields:  # The table limits its input instead of the kernel.
      limited = np.clip(tables.CODES, fields["low"], fields["high"])
      table = tables.compose(limited, table)
      fields |= {"low": -128, "high": 127}
    stages[before] = dataclasses.replace(
      source,
      output=stage.output,
      fields=fields,
      arrays={**source.arrays, "table": table},
    )
    stages[index] = None
    maker[stage.output] = before
  return dataclasses.replace(program, stages=tuple(filter(None, stages)))


def _fold_pads(program: Program) -> Program:
  """Moves each PAD into the convolution that reads its output."""
  uses = _uses(program)
  makers = {stage.output: stage for stage in program.stages}
  stages = []
  for stage in program.stages:
    pad = makers.get(stage.inputs[0])
    if (
      stage.kernel in ("convolution", "depthwise")
      and pad is not None
      and pad.kernel == "pad"
      and uses[stage.inputs[0]] == 1
      and pad.fields["zero"] == stage.fields["input_zero"]
      and stage.rows[0] != ALL_ROWS
      and pad.rows[0] != ALL_ROWS
    ):
      fields = {
        **stage.fields,
        "in_height": pad.fields["in_height"],
        "in_width": pad.fields["in_width"],
        "pad_top": stage.fields["pad_top"] + pad.fields["pad_top"],
        "pad_left": stage.fields["pad_left"] + pad.fields["pad_left"],
      }
      rows = stage.rows[0]._replace(
        pad=stage.rows[0].pad + pad.fields["pad_top"]
      )
      stage = dataclasses.replace(
        stage, inputs=pad.inputs, rows=(rows,), fields=fields
      )
    stages.append(stage)
  return _drop_unused(dataclasses.replace(program, stages=tuple(stages)))


def _add_scratch(program: Program) -> Program:
  """Adds the scratch memory in which convolutions gather their inputs."""

  def noted(stage: Stage) -> Stage:
    if stage.kernel != "convolution":
      return stage
    needed = weighted.column_bytes(stage.fields, stage.height)
    return dataclasses.replace(stage, scratch=needed)

  return dataclasses.replace(
    program, stages=tuple(noted(stage) for stage in program.stages)
  )


def _renumber(program: Program) -> Program:
  """Drops the values that no stage reads or computes."""
  kept = {program.input, program.output}
  for stage in program.stages:
    kept.update(stage.inputs, (stage.output,))
  new = {old: i for i, old in enumerate(sorted(kept))}
  return Program(
    values=tuple(program.values[old] for old in sorted(kept)),
    stages=tuple(
      dataclasses.replace(
        stage,
        inputs=tuple(new[i] for i in stage.inputs),
        output=new[stage.output],
      )
      for stage in program.stages
    ),
    input=new[program.input],
    output=new[program.output],
  )
