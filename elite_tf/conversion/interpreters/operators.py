"""The operators of the installed TensorFlow Lite Micro.

TensorFlow Lite Micro looks up all operators of a network before it prepares any,
and its error names the first one that is missing. So it gets networks of two
operators, the second of which never exists: the error names the first operator
only if that is missing.
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import tempfile

from elite_tf.conversion.tflite.flatbuffer import names_of, pack, schema
from elite_tf.errors import VerificationFailed
from elite_tf.system import processes

TIMEOUT_SECONDS = 60.0

NOBODYS = "elite_tf_nobodys"

_MISSING = re.compile(r"Failed to get registration from op code (\w+)")


def require_operators(names: tuple[str, ...]) -> None:
  """Checks that TensorFlow Lite Micro has all operators of a network.

  Args:
    names: `Inspection.operators` of `elite_tf.conversion.tflite.inspect`.

  Raises:
    VerificationFailed: Operators are missing; the error names them.
  """
  missing = sorted(set(names) - registered_operators(tuple(sorted(names))))
  if missing:
    raise VerificationFailed(
      "TensorFlow Lite Micro must have every operator of the network."
      f" Received: {', '.join(missing)}"
    )


@functools.cache
def registered_operators(names: tuple[str, ...]) -> frozenset[str]:
  """Returns the given operators that TensorFlow Lite Micro has.

  Args:
    names: Names in the schema's `BuiltinOperator`; other names are missing.

  Raises:
    VerificationFailed: The child process died or hung.
  """
  spelled = names_of("BuiltinOperator").values()
  known = tuple(name for name in names if name in spelled)
  with tempfile.TemporaryFile() as log:
    process = processes.start(
        "-m", __name__, *known,
        stdout=subprocess.DEVNULL, stderr=log,
    )  # fmt: skip
    try:
      code = process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
      code = None
    finally:
      processes.end(process)
    log.seek(0)
    said = log.read().decode(errors="replace")
  if code != 0:
    how = "hung" if code is None else processes.how_it_ended(code)
    raise VerificationFailed(
      f"TensorFlow Lite Micro {how} when it was asked for its operators"
    )
  return frozenset(known) - frozenset(_MISSING.findall(said))


def _network(name: str) -> bytes:
  """Returns a network of one operator and one that does not exist."""
  classes = schema()
  codes = classes.BuiltinOperator
  root, graph, tensor = classes.ModelT(), classes.SubGraphT(), classes.TensorT()
  first, second = classes.OperatorCodeT(), classes.OperatorCodeT()
  first.builtinCode = getattr(codes, name)
  first.deprecatedBuiltinCode = min(first.builtinCode, 127)
  second.builtinCode = second.deprecatedBuiltinCode = codes.CUSTOM
  second.customCode = NOBODYS.encode()
  first.version = second.version = 1
  tensor.name, tensor.shape, tensor.buffer = b"x", [1], 0
  tensor.type = classes.TensorType.INT8
  graph.tensors, graph.inputs, graph.outputs = [tensor], [0], [0]
  graph.operators = []
  for index in range(2):
    operator = classes.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = index, [0], [0]
    graph.operators.append(operator)
  root.version, root.buffers = 3, [classes.BufferT()]
  root.operatorCodes, root.subgraphs = [first, second], [graph]
  return pack(root)


def main(arguments: list[str]) -> int:
  """Makes TensorFlow Lite Micro print its errors for networks, on stderr.

  Args:
    arguments: Names of operators, and the process to die with.

  Returns:
    The exit code, always 0.
  """
  from tflite_micro.python.tflite_micro import runtime

  *names, parent = arguments
  processes.die_with(int(parent))
  for name in names:
    try:
      runtime.Interpreter.from_bytes(_network(name), arena_size=1 << 16)
    except (RuntimeError, AttributeError):
      pass  # AttributeError: options of some operators are read first.
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
