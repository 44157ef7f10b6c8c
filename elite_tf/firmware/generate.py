"""A .tflite file -> the C sources of its network, with what they will take."""

import dataclasses

import numpy as np

from elite_tf.data.preprocess import CROP_MARGIN, quantize_input, scale
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
    constant_bytes: Weights, scales and tables, and the structures that name
      them, on a core with 32-bit pointers.
    buffer_bytes: The one buffer, the input in it.
    streamed: How many maps are computed row by row as they are needed.
  """

  files: dict[str, str]
  layers: tuple[str, ...]
  constant_bytes: int
  buffer_bytes: int
  streamed: int


def generate(
  model: bytes, labels: tuple[str, ...], origin: str, crop: bool = False
) -> Generated:
  """Makes C sources of a network.

  Args:
    model: The .tflite file, int8 throughout.
    labels: Names of the classes; empty means their numbers.
    origin: What it was made from, for a comment.
    crop: Whether pictures are cropped, as `elite_tf.data.preprocess.central_square`
      has it.

  Raises:
    ConfigError: It is no such file, or holds what has no kernel, or there are
      not as many labels as outputs.
  """
  graph = parse_tflite.parse(model)
  program = lowering.lower(graph)
  plan = memory_planner.arrange(program)
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
    crop_margin=CROP_MARGIN if crop else 0,
  )
  return Generated(
    files=codegen.sources(program, plan, description),
    layers=tuple(stage.name for stage in program.stages),
    constant_bytes=_constant_bytes(program),
    buffer_bytes=plan.bytes,
    streamed=len(plan.streamed),
  )


def input_codes(input_scale: float, zero_point: int) -> np.ndarray:
  """Returns what each of the 256 values of a pixel is as an input, int8."""
  pixels = np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)
  return quantize_input(scale(pixels), input_scale, zero_point).ravel()


def _constant_bytes(program: Program) -> int:
  total = 256 + sum(v.data.nbytes for v in program.values if v.data is not None)
  for stage in program.stages:
    total += sum(array.nbytes for array in stage.arrays.values())
    kernel = KERNELS[stage.kernel]
    total += 4 * (len(kernel.arrays) + len(kernel.fields))
  return total
