"""Which operators TensorFlow Lite Micro has, asked of the one installed.

It looks up all operators of a network before it prepares any. So it is given
networks of two operators, the second of which nobody has: it complains of that
one where the first is there, and of the first where it is not.
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
  """Refuses operators that TensorFlow Lite Micro does not have.

  Args:
    names: As `elite_tf.conversion.tflite.inspect.Inspection.operators` has them.

  Raises:
    VerificationFailed: It lacks some; they are named.
  """
  missing = sorted(set(names) - registered_operators(tuple(sorted(names))))
  if missing:
    raise VerificationFailed(
      "TensorFlow Lite Micro must have every operator of the network."
      f" Received: {', '.join(missing)}"
    )


@functools.cache
def registered_operators(names: tuple[str, ...]) -> frozenset[str]:
  """Returns those of the operators that TensorFlow Lite Micro has.

  Args:
    names: As `BuiltinOperator` spells them; others are nobody's.

  Raises:
    VerificationFailed: The child that asks has died or hung.
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
  """Returns a network of one operator, and one that nobody has."""
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
  """Has TensorFlow Lite Micro complain of networks, on stderr.

  Args:
    arguments: Names of operators, and the process to die with.

  Returns:
    0, whatever it complained of.
  """
  from tflite_micro.python.tflite_micro import runtime

  *names, parent = arguments
  processes.die_with(int(parent))
  for name in names:
    try:
      runtime.Interpreter.from_bytes(_network(name), arena_size=1 << 16)
    except (RuntimeError, AttributeError):
      pass  # The second: it reads the options of some operators first.
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
