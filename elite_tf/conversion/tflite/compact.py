"""A .tflite file without the bytes that no interpreter reads."""

from elite_tf.conversion.tflite.flatbuffer import operator_name, pack, unpack


def compact(model: bytes) -> bytes:
  """Returns the same network in fewer bytes; what it computes stays.

  The converter names every tensor after all the layers that became one, and
  writes eight bytes of zero point for every channel, all of them zeros, again
  for every layer. Here a tensor's name is its number, and equal vectors stand
  in the file once. Names that are told to a person stay: those of input, output
  and dense layers. So do all scales, those of biases too, which follow from
  others: TensorFlow Lite's quantization specification asks for them.

  Args:
    model: A .tflite file.
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
