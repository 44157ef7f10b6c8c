"""The child process that runs TensorFlow Lite Micro for `elite_tf.conversion.verify.compare`.

    python -m elite_tf.conversion.interpreters.micro_worker MODEL INPUTS START STOP ARENA LIMIT PARENT

Its interpreter ends the process on what it does not expect, by a segmentation
fault or an abort, and no Python code can catch that: so nobody runs it in a
process that is worth anything. It imports no TensorFlow and starts in a fifth
of a second.

The bytes of every output go to stdout as soon as they are there: they are the
sign of life, too. What the interpreter and Python have to say, the allocation
figures among it, goes to stderr.
"""

import os
import sys

import numpy as np

from elite_tf.system.processes import die_with


def main(arguments: list[str]) -> int:
  """Runs images START to STOP through a network.

  Args:
    arguments: MODEL, a .tflite file; INPUTS, a .npy file, one raw input a row;
      START and STOP, rows of it; ARENA and LIMIT, bytes of the smallest and the
      largest arena to try; PARENT, the process to die with.

  Returns:
    The exit code: 0, or 1 with the reason as the last line on stderr.
  """
  model_path, inputs_path = arguments[:2]
  start, stop, arena, limit, parent = map(int, arguments[2:])
  die_with(parent)
  sink = claim_stdout()
  with open(model_path, "rb") as file:
    model = file.read()
  inputs = np.load(inputs_path, mmap_mode="r")
  try:
    interpreter = allocate(model, arena, limit)
    for row in range(start, stop):
      interpreter.set_input(np.ascontiguousarray(inputs[row : row + 1]), 0)
      interpreter.invoke()
      send(sink, interpreter.get_output(0).tobytes())
  except (RuntimeError, ValueError, MemoryError) as error:
    print(error, file=sys.stderr)
    return 1
  interpreter.print_allocations()
  return 0


def allocate(model: bytes, arena: int, limit: int):
  """Returns an interpreter whose arena is large enough for the network.

  Args:
    model: The .tflite file.
    arena: Bytes to begin with. Far too few of them are a segmentation fault.
    limit: Bytes not to exceed.

  Raises:
    RuntimeError: If the largest arena tried is too small, or if the interpreter
      refuses the network for any other reason: it gives none.
  """
  from tflite_micro.python.tflite_micro import runtime

  while True:
    try:
      return runtime.Interpreter.from_bytes(model, arena_size=arena)
    except RuntimeError as error:
      if arena * 2 > limit:
        raise RuntimeError(f"{error}, in an arena of {arena} bytes") from error
      arena *= 2


def claim_stdout() -> int:
  """Returns a descriptor of stdout for outputs alone; prints go to stderr."""
  sys.stdout.flush()
  sink = os.dup(1)
  os.dup2(2, 1)
  return sink


def send(sink: int, data: bytes) -> None:
  """Writes all of `data`: a pipe may take less at once."""
  while data:
    data = data[os.write(sink, data) :]


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
