"""A network as in its .tflite file: operators and tensors."""

import dataclasses
from collections.abc import Mapping

import numpy as np

Option = int | float | str


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
  """A tensor of a network.

  Attributes:
    name: As in the file.
    dtype: Name of the NumPy type.
    shape: With the batch axis.
    scales: real = (stored - zero point) * scale; one for the tensor or one for
      every index along `axis`; empty if it is not quantized.
    zero_points: As many as `scales`.
    axis: Axis of the shape with one scale per index.
    data: Its numbers if it is a constant, otherwise None.
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
    inputs: Positions of its input tensors; -1 for an optional one without.
    outputs: Positions of its output tensors.
    options: By the schema's names, in lower case with underscores.
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
    operators: In the order of execution.
    input: Position of the network's input tensor.
    output: Position of the network's output tensor.
  """

  tensors: tuple[Tensor, ...]
  operators: tuple[Operator, ...]
  input: int
  output: int
