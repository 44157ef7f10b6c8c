"""Removes the bytes of a .tflite file that no interpreter reads."""

from elite_tf.conversion.tflite.flatbuffer import operator_name, pack, unpack


def compact(model: bytes) -> bytes:
  """Returns a smaller .tflite file of a network that computes the same.

  The converter gives every tensor a long name made of the names of its layers.
  For every layer it also writes eight bytes of zero point per channel, all
  zeros. Here the name of a tensor is its number, and equal vectors are written
  once. The names of input, output and dense layers stay, because messages show
  them. All scales stay, even those of biases, which follow from other scales:
  TensorFlow Lite's quantization specification demands them.

  Args:
    model: The .tflite file.
  """
  root = unpack(model)
  for graph in root.subgraphs:
    told = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
      if operator_name(root, operator) == "FULLY_CONNECTED":
        told.update(operator.outputs)
    for number, tensor in enumerate(graph.tensors):
      if number not in told:
        tensor.name = str(number).encode()
  return pack(root)
