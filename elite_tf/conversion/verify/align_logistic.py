"""LOGISTIC in int8: finds scales at which all kernels round the same way.

TensorFlow Lite's reference kernel and TensorFlow Lite Micro's compute the
sigmoid with different precision. A result close to the middle between two codes
may be rounded differently. The results depend only on the scale and the zero
point of the input, so all 256 codes can be tried. A scale changed by some parts
in ten thousand moves the results away from the middle.
"""

import numpy as np

from elite_tf.conversion.interpreters.micro import run_micro
from elite_tf.conversion.interpreters.reference import run_reference
from elite_tf.conversion.tflite import flatbuffer
from elite_tf.errors import VerificationFailed

# Relative change of the scale per step: far below the precision of calibration,
# and far above the difference of the two kernels.
STEP = 1e-4
STEPS = 20

CODES = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)


def align(model: bytes) -> bytes:
  """Returns the network with input scales of LOGISTIC at which kernels agree.

  Args:
    model: The .tflite file.

  Raises:
    VerificationFailed: The kernels differ at all `STEPS` scales tried.
  """
  root = flatbuffer.unpack(model)
  graph = root.subgraphs[0]
  agreed: dict[tuple[float, int], float] = {}
  for operator in graph.operators:
    tensor = graph.tensors[operator.inputs[0]]
    if not _is_logistic(root, operator, tensor):
      continue
    scale = float(tensor.quantization.scale[0])
    zero_point = int(tensor.quantization.zeroPoint[0])
    if (scale, zero_point) not in agreed:
      agreed[scale, zero_point] = _nearest_scale(model, operator, scale)
    # All operators read the scale of the tensor here: the network stays
    # consistent, with a slightly wider range.
    tensor.quantization.scale = [agreed[scale, zero_point]]
  return flatbuffer.pack(root)


def _nearest_scale(model: bytes, operator, scale: float) -> float:
  for step in range(STEPS):
    wider = float(np.float32(scale * (1 + step * STEP)))
    probe = _probe(model, operator, wider)
    micro = run_micro(probe, CODES, processes=1).outputs
    if np.array_equal(micro, run_reference(probe, CODES, threads=1)):
      return wider
  raise VerificationFailed(
    f"LOGISTIC of scale {scale}: TensorFlow Lite Micro and the reference"
    f" kernels differ at {STEPS} scales near it"
  )


def _probe(model: bytes, operator, scale: float) -> bytes:
  """Returns a network of one LOGISTIC that takes all 256 codes."""
  root = flatbuffer.unpack(model)
  graph = root.subgraphs[0]
  source, target = operator.inputs[0], operator.outputs[0]
  graph.operators = [operator]
  graph.inputs, graph.outputs = [source], [target]
  root.signatureDefs = []
  for tensor in (graph.tensors[source], graph.tensors[target]):
    tensor.shape, tensor.shapeSignature = [1, CODES.size], None
  graph.tensors[source].quantization.scale = [scale]
  return flatbuffer.pack(root)


def _is_logistic(root, operator, tensor) -> bool:
  return (
    flatbuffer.operator_name(root, operator) == "LOGISTIC"
    and tensor.type == flatbuffer.schema().TensorType.INT8
  )
