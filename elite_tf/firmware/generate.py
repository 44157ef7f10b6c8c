"""A .tflite file -> the C sources of its network, and their sizes."""

import dataclasses

import numpy as np

from elite_tf.data.crop import CROP_EIGHTHS
from elite_tf.data.preprocess import quantize_input, scale
from elite_tf.errors import ConfigError
from elite_tf.firmware import codegen, lowering, memory_planner, parse_tflite
from elite_tf.firmware.common import one_quantization
from elite_tf.firmware.ir import Program
from elite_tf.firmware.kernels import KERNELS


@dataclasses.dataclass(frozen=True)
class Generated:
  """The C sources of a network.

  Attributes:
    files: Text by file name.
    layers: Names of the stages, in their order.
    constant_bytes: Size of weights, scales, tables and the structures that
      point to them, with pointers of 32 bits.
    buffer_bytes: Size of the buffer of all maps, the input included.
    streamed: Number of maps whose rows are computed only when needed.
  """

  files: dict[str, str]
  layers: tuple[str, ...]
  constant_bytes: int
  buffer_bytes: int
  streamed: int


def generate(
  model: bytes, labels: tuple[str, ...], origin: str, crop: bool = False
) -> Generated:
  """Returns the C sources of a network.

  Args:
    model: The .tflite file, int8 throughout.
    labels: Names of the classes; empty: their numbers.
    origin: What it was made from, for a comment.
    crop: Whether pictures are cropped as by
      `elite_tf.data.crop.central_square`.

  Raises:
    ConfigError: It is not a .tflite file, it has an operator without a kernel,
      or there are not as many labels as outputs.
  """
  graph = parse_tflite.parse(model)
  program = lowering.lower(graph)
  layout = memory_planner.find_layout(program)
  outputs = program.values[program.output].bytes
  if labels and len(labels) != outputs:
    raise ConfigError(
      f"{outputs} outputs need as many labels. Received: {len(labels)}"
    )
  source = one_quantization(graph.tensors[graph.input])
  description = codegen.Description(
    origin=origin.replace("*/", "* /"),
    input=source,
    output=one_quantization(graph.tensors[graph.output]),
    labels=labels or tuple(str(i) for i in range(outputs)),
    input_codes=input_codes(source.scale, source.zero_point),
    crop_eighths=CROP_EIGHTHS if crop else 8,
  )
  return Generated(
    files=codegen.generate_sources(program, layout, description),
    layers=tuple(stage.name for stage in program.stages),
    constant_bytes=_constant_bytes(program),
    buffer_bytes=layout.bytes,
    streamed=len(layout.streamed),
  )


def input_codes(input_scale: float, zero_point: int) -> np.ndarray:
  """Returns the input for each value of a pixel, int8 (256,)."""
  pixels = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)
  return quantize_input(scale(pixels), input_scale, zero_point).ravel()


def _constant_bytes(program: Program) -> int:
  total = 256 + sum(v.data.nbytes for v in program.values if v.data is not None)
  for stage in program.stages:
    total += sum(array.nbytes for array in stage.arrays.values())
    kernel = KERNELS[stage.kernel]
    total += 4 * (len(kernel.arrays) + len(kernel.fields))
  return total
