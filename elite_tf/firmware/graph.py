"""A network as its .tflite file has it."""

import dataclasses
from collections.abc import Mapping

import numpy as np

Option = int | float | str


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
  """A tensor of a network.

  Attributes:
    name: As the file has it.
    dtype: Name of the NumPy type.
    shape: With the batch axis.
    scales: real = (stored - zero point) * scale; one for the tensor or one for
      every index along `axis`; empty where it is not quantized.
    zero_points: As many as `scales`.
    axis: Which axis of the shape the scales are for.
    data: Its numbers, if they stand in the file.
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
    code: Its name in TensorFlow Lite's schema.
    inputs: Positions of the tensors that it takes; -1 for one left out.
    outputs: Positions of the tensors that it gives.
    options: As the schema names them, in lower case with underscores.
  """

  code: str
  inputs: tuple[int, ...]
  outputs: tuple[int, ...]
  options: Mapping[str, Option] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
  """A network with one input and one output.

  Attributes:
    tensors: All of them.
    operators: In the order of execution.
    input: Position of the tensor that is given.
    output: Position of the tensor that is asked for.
  """

  tensors: tuple[Tensor, ...]
  operators: tuple[Operator, ...]
  input: int
  output: int
