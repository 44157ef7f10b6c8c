"""A network as its .tflite file describes it."""

import dataclasses
from collections.abc import Mapping

import numpy as np

Option = int | float | str


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
  """A tensor of a network.

  Attributes:
    name: Name in the file.
    dtype: Name of the NumPy type.
    shape: Shape with the batch axis.
    scales: real = (stored - zero point) * scale. One for the tensor or one per
      index along `axis`; empty if the tensor is not quantized.
    zero_points: As many as `scales`.
    axis: Axis of the shape that the scales belong to.
    data: Numbers of a constant; None if the tensor is computed.
  """

  name: str
  dtype: str
  shape: tuple[int, ...]
  scales: tuple[float, ...] = ()
  zero_points: tuple[int, ...] = ()
  axis: int = 0
  data: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Operator:
  """An operator of a network.

  Attributes:
    code: Name in TensorFlow Lite's schema.
    inputs: Positions of its input tensors; -1 for one that is left out.
    outputs: Positions of its output tensors.
    options: Options by their names in the schema, in lower case with
      underscores.
  """

  code: str
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]
  options: Mapping[str, Option] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
  """A network with one input and one output.

  Attributes:
    tensors: All tensors.
    operators: All operators in the order of execution.
    input: Position of the network's input in `tensors`.
    output: Position of the network's output in `tensors`.
  """

  tensors: tuple[Tensor, ...]
  operators: tuple[Operator, ...]
  input: int
  output: int
