"""Builds a program from a graph, operator by operator."""

import dataclasses
from collections.abc import Callable

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.firmware import common, tables
from elite_tf.firmware.graph import Graph, Operator, Tensor
from elite_tf.firmware.ir import ALL_ROWS, SAME_ROW, Program, Rows, Stage, Value


class Builder:
  """Collects the values and the stages of a program."""

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
    """Returns the program that was built so far."""
    return Program(
      values=tuple(self._values),
      stages=tuple(self._stages),
      input=self.input,
      output=self.value(self.graph.output),
    )

  def tensor(self, operator: Operator, index: int) -> Tensor | None:
    """Returns an input of an operator; None if the input is left out."""
    if index >= len(operator.inputs) or operator.inputs[index] == -1:
      return None
    return self.graph.tensors[operator.inputs[index]]

  def constant(self, operator: Operator, index: int) -> np.ndarray:
    """Returns the numbers of an input.

    Raises:
      ConfigError: The input is not a constant.
    """
    tensor = self.tensor(operator, index)
    if tensor is None or tensor.data is None:
      raise ConfigError(f"input {index} must be constant")
    return tensor.data

  def source(self, operator: Operator, index: int = 0) -> Tensor:
    """Returns an input that must be an int8 map."""
    if index >= len(operator.inputs) or operator.inputs[index] == -1:
      raise ConfigError(f"input {index} is missing")
    return self._map_tensor(operator.inputs[index])

  def target(self, operator: Operator) -> Tensor:
    """Returns the only output, which must be an int8 map."""
    if len(operator.outputs) != 1:
      raise ConfigError(
        f"it must have one output. Received: {len(operator.outputs)}"
      )
    return self._map_tensor(operator.outputs[0])

  def value(self, index: int) -> int:
    """Returns the position of the value that holds a tensor."""
    if index not in self._of:  # Constants become values where they are used.
      tensor = self._map_tensor(index)
      self._of[index] = self._add_value(tensor, tensor.data)
    return self._of[index]

  def same(self, operator: Operator) -> None:
    """Gives an operator's output the same value as its first input."""
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
      operator: The stage computes its output from its first inputs.
      kernel: Key of `KERNELS`.
      fields: Numbers of the kernel's structure.
      arrays: Constants of the kernel's structure.
      rows: Rows of each input that a row of the output depends on.
      inputs: Number of the operator's inputs that the stage reads.
      whole: Whether one call computes the whole output.
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
    """Adds a stage that computes row y from row y of each input.

    If an input comes through a RESHAPE, one call computes all rows.

    Args:
      operator: The stage computes its output from its first inputs.
      kernel: Key of `KERNELS`.
      fields: Numbers of the kernel's structure.
      arrays: Constants of the kernel's structure.
      inputs: Number of the operator's inputs that the stage reads.
    """
    whole = not all(self._seen_as_it_is(i) for i in operator.inputs[:inputs])
    if whole and "pixels" in fields:
      height = self._map_of(self.graph.tensors[operator.outputs[0]]).height
      fields = {**fields, "pixels": fields["pixels"] * height}
    rows = ALL_ROWS if whole else SAME_ROW
    self.add(operator, kernel, fields, arrays, rows, inputs, whole)

  def add_table(self, operator: Operator, table: np.ndarray) -> None:
    """Adds a table that maps each number of the first input."""
    root, before = self.as_table(self.value(operator.inputs[0]))
    self._add_table(operator, root, tables.compose(before, table))

  def add_joint_table(
    self, operator: Operator, function: Callable[..., np.ndarray]
  ) -> bool:
    """Adds a function of two maps as a table.

    Both maps must be functions of the same map.

    Returns:
      Whether they are; if not, nothing is added.
    """
    a, b = (self.as_table(self.value(i)) for i in operator.inputs[:2])
    if a[0] != b[0]:
      return False
    table = function(a[1].astype(np.int64), b[1].astype(np.int64))
    self._add_table(operator, a[0], table)
    return True

  def as_table(self, value: int) -> tuple[int, np.ndarray]:
    """Returns a value as (root, table): the value is table[root].

    A value that no table computes is its own root.
    """
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
    """Returns the rows read of a tensor, counted in the rows of its value."""
    value = self._values[self.value(tensor)]
    if not self._seen_as_it_is(tensor) or (value.height == 1 < height):
      return ALL_ROWS
    return rows

  def _seen_as_it_is(self, tensor: int) -> bool:
    """Returns whether a tensor has the same rows as its value."""
    seen = self._map_of(self.graph.tensors[tensor])
    value = self._values[self.value(tensor)]
    return (seen.height, seen.width) == (value.height, value.width)

  def _map_tensor(self, index: int) -> Tensor:
    tensor = self.graph.tensors[index]
    if tensor.dtype != "int8":
      raise ConfigError(
        f"tensor {tensor.name} must be int8. Received: {tensor.dtype}"
      )
    common.one_quantization(tensor)
    self._map_of(tensor)
    return tensor

  def _map_of(self, tensor: Tensor) -> Value:
    height, width, channels = common.map_shape(tensor)
    return Value(height, width, channels)

  def _add_value(self, tensor: Tensor, data: np.ndarray | None = None) -> int:
    value = self._map_of(tensor)
    self._values.append(dataclasses.replace(value, data=data))
    return len(self._values) - 1
