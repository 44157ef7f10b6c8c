r"""The child process that runs TensorFlow Lite Micro for `interpreters.micro`.

    python -m elite_tf.conversion.interpreters.micro_worker \
        MODEL INPUTS START STOP ARENA LIMIT PARENT

The interpreter may end its process by a segmentation fault or an abort, which
Python cannot catch: so it runs in a process of its own. This module imports no
TensorFlow and starts in a fifth of a second.

The bytes of each output go to stdout at once, so that the parent can tell that
the worker is alive. All messages, and the figures of the arena, go to stderr.
"""

import os
import sys

import numpy as np

from elite_tf.system.processes import die_with


def main(arguments: list[str]) -> int:
  """Runs images START to STOP through a network.

  Args:
    arguments: MODEL, a .tflite file; INPUTS, a .npy file with raw inputs
      (n, ...); START and STOP, positions of inputs; ARENA and LIMIT, bytes of
      the smallest and the largest arena to try; PARENT, the process to die with.

  Returns:
    The exit code: 0, or 1 with the reason in the last line of stderr.
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
    for image in range(start, stop):
      interpreter.set_input(np.ascontiguousarray(inputs[image : image + 1]), 0)
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
    arena: Bytes of the first arena. One far too small causes a segmentation
      fault.
    limit: Bytes of the largest arena.

  Raises:
    RuntimeError: The largest arena is too small, or the interpreter refuses the
      network for another reason, which it does not give.
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
  """Returns a descriptor of stdout for outputs; prints then go to stderr."""
  sys.stdout.flush()
  sink = os.dup(1)
  os.dup2(2, 1)
  return sink


def send(sink: int, data: bytes) -> None:
  """Writes all of `data`, although a pipe may take less at once."""
  while data:
    data = data[os.write(sink, data) :]


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
