"""Graph -> program: one stage of a kernel for one operator or several.

What comes of it that is less than the operators:
  - RESHAPE is nothing: the map is the same memory.
  - Functions of one number are tables. Two such functions after each other are
    one table; so is the sum or product of two functions of the same map, which
    is what swish is: x * logistic(x).
  - A table is looked up by the stage that makes its input, if nothing else
    takes that input.
  - PAD is part of the convolution after it, if nothing else takes its output.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.firmware import fixed_point, parameters, tables
from elite_tf.firmware.graph import Graph, Operator, Tensor
from elite_tf.firmware.kernels import KERNELS
from elite_tf.firmware.parameters import one_quantization
from elite_tf.firmware.stages import (
    ALL_ROWS,
    SAME_ROW,
    Program,
    Rows,
    Stage,
    Value,
)


def lower(graph: Graph) -> Program:
  """Makes stages of a network.

  Args:
    graph: The network, as the reader gives it.

  Returns:
    The program; its stages and values are those that the output depends on.

  Raises:
    ConfigError: If an operator is used in a way that has no kernel.
  """
  lowering = _Lowering(graph)
  for index, operator in enumerate(graph.operators):
    lowering.name = f"{operator.code.lower()}_{index}"
    try:
      _OPERATORS[operator.code](lowering, operator)
    except ConfigError as error:
      raise ConfigError(
          f"Operator {index}, {operator.code}: {error}"
      ) from None
  program = lowering.program()
  for improve in (
      _drop_unused,
      _look_up_at_once,
      _pad_at_once,
      _with_scratch,
      _renumber,
  ):
    program = improve(program)
  return program


class _Lowering:
  """Collects values and stages."""

  def __init__(self, graph: Graph):
    self.graph = graph
    self.name = ""
    self._values: list[Value] = []
    self._stages: list[Stage] = []
    self._of: dict[int, int] = {}  # Tensor -> value.
    # Values that are functions of one number: (value, table of 256).
    self._tables: dict[int, tuple[int, np.ndarray]] = {}
    tensor = self._map_tensor(graph.input)
    self.input = self._add_value(tensor)
    self._of[graph.input] = self.input

  def program(self) -> Program:
    """Returns what was collected."""
    return Program(
        values=tuple(self._values),
        stages=tuple(self._stages),
        input=self.input,
        output=self.value(self.graph.output),
    )

  def tensor(self, operator: Operator, index: int) -> Tensor | None:
    """Returns an operator's input, None if it is left out."""
    if index >= len(operator.inputs) or operator.inputs[index] == -1:
      return None
    return self.graph.tensors[operator.inputs[index]]

  def constant(self, operator: Operator, index: int) -> np.ndarray:
    """Returns the numbers of an input that must be known beforehand."""
    tensor = self.tensor(operator, index)
    if tensor is None or tensor.data is None:
      raise ConfigError(f"input {index} must be constant")
    return tensor.data

  def source(self, operator: Operator, index: int = 0) -> Tensor:
    """Returns an input that is a map."""
    if index >= len(operator.inputs) or operator.inputs[index] == -1:
      raise ConfigError(f"input {index} is missing")
    return self._map_tensor(operator.inputs[index])

  def target(self, operator: Operator) -> Tensor:
    """Returns the output, which must be one."""
    if len(operator.outputs) != 1:
      raise ConfigError(
          f"it must have one output. Received: {len(operator.outputs)}"
      )
    return self._map_tensor(operator.outputs[0])

  def value(self, index: int) -> int:
    """Returns the value of a tensor."""
    if index not in self._of:  # Constants become values where they are used.
      tensor = self._map_tensor(index)
      self._of[index] = self._add_value(tensor, tensor.data)
    return self._of[index]

  def same(self, operator: Operator) -> None:
    """Makes an operator's output the same value as its input."""
    value = self.value(operator.inputs[0])
    self._of[operator.outputs[0]] = value

  def add(
      self,
      operator: Operator,
      kernel: str,
      fields: dict[str, int],
      arrays: dict[str, np.ndarray] | None = None,
      rows: Rows = SAME_ROW,
      inputs: int = 1,
      whole: bool = False,
  ) -> None:
    """Adds a stage.

    Args:
      operator: Whose output it makes, and whose first inputs it takes.
      kernel: One of `KERNELS`.
      fields: Numbers of the kernel's structure.
      arrays: Constants of the kernel's structure.
      rows: Which rows of its inputs it takes.
      inputs: How many of the operator's inputs it takes.
      whole: Whether it makes all of its output at once.
    """
    sources = tuple(self.value(i) for i in operator.inputs[:inputs])
    target = self.graph.tensors[operator.outputs[0]]
    output = self._add_value(target)
    self._of[operator.outputs[0]] = output
    height = 1 if whole else self._values[output].height
    self._stages.append(
        Stage(
            name=self.name,
            kernel=kernel,
            inputs=sources,
            output=output,
            rows=tuple(
                self._rows(tensor, rows, height)
                for tensor in operator.inputs[:inputs]
            ),
            height=height,
            fields=fields,
            arrays=arrays or {},
        )
    )

  def add_by_rows(
      self,
      operator: Operator,
      kernel: str,
      fields: dict[str, int],
      arrays: dict[str, np.ndarray],
      inputs: int,
  ) -> None:
    """Adds a stage that makes a row of the same rows of its inputs.

    Where an input is seen through a RESHAPE, it makes all rows at once.

    Args:
      operator: Whose output it makes, and whose first inputs it takes.
      kernel: One of `KERNELS`.
      fields: Numbers of the kernel's structure.
      arrays: Constants of the kernel's structure.
      inputs: How many of the operator's inputs it takes.
    """
    whole = not all(self._seen_as_it_is(i) for i in operator.inputs[:inputs])
    if whole and "pixels" in fields:
      height = self._map_of(self.graph.tensors[operator.outputs[0]]).height
      fields = {**fields, "pixels": fields["pixels"] * height}
    rows = ALL_ROWS if whole else SAME_ROW
    self.add(operator, kernel, fields, arrays, rows, inputs, whole)

  def add_table(self, operator: Operator, table: np.ndarray) -> None:
    """Adds a function of one number, of the first input."""
    root, before = self.as_table(self.value(operator.inputs[0]))
    self._add_table(operator, root, _compose(before, table))

  def add_joint_table(
      self, operator: Operator, function: Callable[..., np.ndarray]
  ) -> bool:
    """Adds a function of two maps, if both are functions of one.

    Returns:
      Whether it did.
    """
    a, b = (self.as_table(self.value(i)) for i in operator.inputs[:2])
    if a[0] != b[0]:
      return False
    table = function(a[1].astype(np.int64), b[1].astype(np.int64))
    self._add_table(operator, a[0], table)
    return True

  def as_table(self, value: int) -> tuple[int, np.ndarray]:
    """Returns a value as a function of another, or of itself."""
    return self._tables.get(value, (value, tables.CODES.astype(np.int8)))

  def _add_table(self, operator, root: int, table: np.ndarray) -> None:
    output = self._add_value(self.graph.tensors[operator.outputs[0]])
    self._of[operator.outputs[0]] = output
    self._tables[output] = (root, table)
    source, target = self._values[root], self._values[output]
    same = source.row_bytes == target.row_bytes
    self._stages.append(
        Stage(
            name=self.name,
            kernel="table",
            inputs=(root,),
            output=output,
            rows=(SAME_ROW if same else ALL_ROWS,),
            height=target.height if same else 1,
            fields={},
            arrays={"table": table},
        )
    )

  def _rows(self, tensor: int, rows: Rows, height: int) -> Rows:
    """Returns the rows taken of a tensor, in the rows of its value."""
    value = self._values[self.value(tensor)]
    if not self._seen_as_it_is(tensor) or (value.height == 1 < height):
      return ALL_ROWS
    return rows

  def _seen_as_it_is(self, tensor: int) -> bool:
    """Returns whether a tensor has the rows of its value."""
    seen = self._map_of(self.graph.tensors[tensor])
    value = self._values[self.value(tensor)]
    return (seen.height, seen.width) == (value.height, value.width)

  def _map_tensor(self, index: int) -> Tensor:
    tensor = self.graph.tensors[index]
    if tensor.dtype != "int8":
      raise ConfigError(
          f"tensor {tensor.name} must be int8. Received: {tensor.dtype}"
      )
    one_quantization(tensor)
    self._map_of(tensor)
    return tensor

  def _map_of(self, tensor: Tensor) -> Value:
    height, width, channels = parameters.map_shape(tensor)
    return Value(height, width, channels)

  def _add_value(self, tensor: Tensor, data: np.ndarray | None = None) -> int:
    value = self._map_of(tensor)
    self._values.append(dataclasses.replace(value, data=data))
    return len(self._values) - 1


def _compose(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  return second[first.astype(np.int64) + 128]


def _convolution(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  weights = lowering.tensor(operator, 1)
  lowering.constant(operator, 1)
  fields, arrays, rows = parameters.convolution(
      operator, source, weights, lowering.tensor(operator, 2), target
  )
  lowering.add(operator, "convolution", fields, arrays, rows)


def _depthwise(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  weights = lowering.tensor(operator, 1)
  lowering.constant(operator, 1)
  fields, arrays, rows = parameters.depthwise(
      operator, source, weights, lowering.tensor(operator, 2), target
  )
  lowering.add(operator, "depthwise", fields, arrays, rows)


def _fully_connected(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  weights = lowering.tensor(operator, 1)
  lowering.constant(operator, 1)
  fields, arrays = parameters.fully_connected(
      operator, source, weights, lowering.tensor(operator, 2), target
  )
  lowering.add(operator, "convolution", fields, arrays, ALL_ROWS, whole=True)


def _mean(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  axes = lowering.constant(operator, 1)
  fields = parameters.mean(source, axes, target)
  lowering.add(operator, "mean", fields, rows=ALL_ROWS, whole=True)


def _average_pool(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  fields, rows = parameters.average_pool(operator, source, target)
  lowering.add(operator, "average_pool", fields, rows=rows)


def _sum(lowering: _Lowering, operator: Operator) -> None:
  _elementwise(lowering, operator, "sum", parameters.sum_of, _table_of_sum)


def _product(lowering: _Lowering, operator: Operator) -> None:
  _elementwise(
      lowering, operator, "product", parameters.product_of, _table_of_product
  )


def _elementwise(lowering, operator, kernel, describe, table) -> None:
  a, b = lowering.source(operator), lowering.source(operator, 1)
  fields = describe(operator, a, b, lowering.target(operator))
  same = a.shape == b.shape
  if same and lowering.add_joint_table(
      operator, lambda left, right: table(fields, left, right)
  ):
    return
  lowering.add_by_rows(operator, kernel, fields, {}, 2)


def _table_of_sum(fields, a: np.ndarray, b: np.ndarray) -> np.ndarray:
  def scaled(x, which):
    return fixed_point.scale(
        (x + fields[f"offset_{which}"]) << 20,
        fields[f"multiplier_{which}"],
        fields[f"shift_{which}"],
    )

  return _finish(fields, scaled(a, "a") + scaled(b, "b"))


def _table_of_product(fields, a: np.ndarray, b: np.ndarray) -> np.ndarray:
  return _finish(fields, (a + fields["offset_a"]) * (b + fields["offset_b"]))


def _finish(fields, x: np.ndarray) -> np.ndarray:
  x = fixed_point.scale(x, fields["multiplier"], fields["shift"])
  x = np.clip(x + fields["output_zero"], fields["low"], fields["high"])
  return x.astype(np.int8)


def _logistic(lowering: _Lowering, operator: Operator) -> None:
  target = one_quantization(lowering.target(operator))
  if target != tables.Quantization(1 / 256, -128):
    raise ConfigError(
        "its output must have scale 1/256 and zero point -128. Received:"
        f" {target.scale}, {target.zero_point}"
    )
  source = one_quantization(lowering.source(operator))
  lowering.add_table(operator, tables.logistic(source))


def _relu6(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  parameters.require_same_quantization(source, target)
  lowering.add_table(operator, tables.relu6(one_quantization(source)))


def _function(table: Callable[..., np.ndarray]):
  def add(lowering: _Lowering, operator: Operator) -> None:
    source = one_quantization(lowering.source(operator))
    target = one_quantization(lowering.target(operator))
    lowering.add_table(operator, table(source, target))

  return add


def _softmax(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  fields, arrays = parameters.softmax(operator, source, target)
  lowering.add(operator, "softmax", fields, arrays)


def _pad(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  fields, rows = parameters.pad(
      source, lowering.constant(operator, 1), target
  )
  lowering.add(operator, "pad", fields, rows=rows)


def _concatenation(lowering: _Lowering, operator: Operator) -> None:
  sources = [lowering.source(operator, i) for i in range(len(operator.inputs))]
  fields, arrays = parameters.concatenation(
      operator, sources, lowering.target(operator)
  )
  lowering.add_by_rows(
      operator, "concatenation", fields, arrays, len(sources)
  )


def _reshape(lowering: _Lowering, operator: Operator) -> None:
  source, target = lowering.source(operator), lowering.target(operator)
  if np.prod(source.shape) != np.prod(target.shape):
    raise ConfigError(
        f"{list(source.shape)} cannot become {list(target.shape)}"
    )
  parameters.require_same_quantization(source, target)
  lowering.same(operator)


_OPERATORS = {
    "ADD": _sum,
    "AVERAGE_POOL_2D": _average_pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "HARD_SWISH": _function(tables.hard_swish),
    "LOGISTIC": _logistic,
    "MEAN": _mean,
    "MUL": _product,
    "PAD": _pad,
    "QUANTIZE": _function(tables.requantize),
    "RELU": _function(tables.relu),
    "RELU6": _relu6,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
}


def _uses(program: Program) -> dict[int, int]:
  """Returns how many stages take each value; the output counts as taken."""
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


def _look_up_at_once(program: Program) -> Program:
  """Has stages look up in the table of the one stage after them."""
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
      table = _compose(source.arrays["table"], table)
    if "low" in fields:  # What the kernel limits, the table does.
      limited = np.clip(tables.CODES, fields["low"], fields["high"])
      table = _compose(limited, table)
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


def _pad_at_once(program: Program) -> Program:
  """Has convolutions pad as the one PAD before them does."""
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


def _with_scratch(program: Program) -> Program:
  """Notes the memory that convolutions gather their inputs in."""

  def noted(stage: Stage) -> Stage:
    if stage.kernel != "convolution":
      return stage
    needed = parameters.column_bytes(stage.fields, stage.height)
    return dataclasses.replace(stage, scratch=needed)

  return dataclasses.replace(
      program, stages=tuple(noted(stage) for stage in program.stages)
  )


def _renumber(program: Program) -> Program:
  """Leaves out the values that no stage has."""
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
