"""Small random networks, and two ways to run them.

Networks are built of the schema's own classes. TensorFlow Lite Micro runs them
in bulk in a child process; the kernels in C, compiled once, are called with
what the package worked out, in the order and in the memory that it laid out.
"""

import ctypes
import os
import pickle
import subprocess
import sys
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

from elite_tf.firmware import codegen, lowering, memory_planner, parse_tflite
from elite_tf.firmware.ir import ALL_ROWS
from elite_tf.firmware.kernels import KERNELS

HOME = Path(__file__).parents[2]
SOURCES = HOME / "tflite" / "kernels"

STRICT = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic")


def _schema():
  from tflite_micro.python.tflite_micro import runtime

  return runtime.schema_fb


class Network:
  """A .tflite file in the making."""

  def __init__(self):
    self.schema = _schema()
    self.model = self.schema.ModelT()
    self.model.version = 3
    self.model.operatorCodes = []
    self.model.buffers = [self.schema.BufferT()]
    self.graph = self.schema.SubGraphT()
    self.graph.tensors, self.graph.operators = [], []
    self.model.subgraphs = [self.graph]

  def tensor(self, shape, scale=(), zero_point=0, data=None, axis=0, name=""):
    """Adds a tensor and returns its position."""
    dtype = np.dtype(np.int8 if data is None else data.dtype)
    tensor = self.schema.TensorT()
    tensor.name = (name or f"t{len(self.graph.tensors)}").encode()
    tensor.shape = [int(x) for x in shape]
    tensor.type = getattr(self.schema.TensorType, dtype.name.upper())
    tensor.buffer = 0
    if data is not None:
      buffer = self.schema.BufferT()
      buffer.data = np.frombuffer(
        np.ascontiguousarray(data).tobytes(), np.uint8
      )
      self.model.buffers.append(buffer)
      tensor.buffer = len(self.model.buffers) - 1
    scales = np.atleast_1d(np.asarray(scale, np.float32))
    if scales.size:
      quantization = self.schema.QuantizationParametersT()
      quantization.scale = scales.tolist()
      quantization.zeroPoint = [int(zero_point)] * scales.size
      quantization.quantizedDimension = axis
      tensor.quantization = quantization
    self.graph.tensors.append(tensor)
    return len(self.graph.tensors) - 1

  def operator(self, code, inputs, outputs, kind="", **options):
    """Adds an operator; `kind` names the table of its options."""
    number = getattr(self.schema.BuiltinOperator, code)
    codes = [c.builtinCode for c in self.model.operatorCodes]
    if number not in codes:
      entry = self.schema.OperatorCodeT()
      entry.builtinCode = number
      entry.deprecatedBuiltinCode = min(number, 127)
      entry.version = 1
      self.model.operatorCodes.append(entry)
      codes.append(number)
    operator = self.schema.OperatorT()
    operator.opcodeIndex = codes.index(number)
    operator.inputs, operator.outputs = list(inputs), list(outputs)
    if kind:
      operator.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind)
      table = getattr(self.schema, f"{kind}T")()
      for name, value in options.items():
        setattr(table, name, value)
      operator.builtinOptions = table
    self.graph.operators.append(operator)
    return outputs[0]

  def pack(self, source, target):
    """Returns the file, of a network from one tensor to another."""
    self.graph.inputs, self.graph.outputs = [source], [target]
    builder = flatbuffers.Builder(4096)
    builder.Finish(self.model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


_BULK = """
import os, pickle, sys
import numpy as np
from tflite_micro.python.tflite_micro import runtime
models, arena = pickle.load(sys.stdin.buffer)
results = []
sink = os.dup(1)
os.dup2(2, 1)
for model, inputs in models:
  rows = None
  try:
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena)
    rows = []
    for row in inputs:
      interpreter.set_input(row[None], 0)
      interpreter.invoke()
      rows.append(interpreter.get_output(0)[0])
    rows = np.stack(rows)
  except (RuntimeError, ValueError) as error:
    rows = str(error)
  results.append(rows)
with os.fdopen(sink, "wb") as file:
  pickle.dump(results, file)
"""


def _run_bulk(models, arena=1 << 19):
  """Returns TensorFlow Lite Micro's outputs of (model, inputs) pairs."""
  done = subprocess.run(
    [sys.executable, "-c", _BULK],
    input=pickle.dumps((models, arena)),
    capture_output=True,
    timeout=600,
    env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    check=False,
  )
  assert done.returncode == 0, done.stderr.decode()[-2000:]
  return pickle.loads(done.stdout)


class Kernels:
  """The kernels, compiled for this computer."""

  def __init__(self, library):
    self._library = ctypes.CDLL(str(library))
    self._types = {}
    for name, kernel in KERNELS.items():
      members = [(array, ctypes.c_void_p) for array, _ in kernel.arrays]
      members += [(field, ctypes.c_int32) for field in kernel.fields]
      self._types[name] = type(name, (ctypes.Structure,), {"_fields_": members})

  def run(self, model, inputs):
    """Returns a network's outputs, computed as the sources in C would."""
    graph = parse_tflite.parse(model)
    program = lowering.lower(graph)
    layout = memory_planner.find_layout(program, trials=3)
    return self.compute(program, layout, inputs)

  def compute(self, program, layout, inputs):
    """Returns the outputs of a program in a layout."""
    shape = program.values[program.output]
    outputs = np.empty((len(inputs), shape.bytes), np.int8)
    # Garbage, so that nothing lives on what was there by chance.
    memory = np.random.default_rng(7).integers(
      -128, 128, layout.bytes, dtype=np.int8
    )
    for row, output in zip(inputs, outputs):
      start = layout.offsets[program.input]
      memory[start : start + row.size] = row.reshape(-1)
      _Run(self, program, layout, memory).all()
      start = layout.offsets[program.output]
      output[:] = memory[start : start + shape.bytes]
    return outputs

  def structure(self, program, layout, stage):
    """Returns a stage's structure, and what must not be collected."""
    fields = codegen.fields_of(program, layout, stage)
    kernel = KERNELS[stage.kernel]
    kept = {
      name: np.ascontiguousarray(stage.arrays[name])
      for name, _ in kernel.arrays
      if name in stage.arrays
    }
    for name, kind in kernel.arrays:
      assert name not in kept or kept[name].dtype.name == kind[:-2]
    pointers = {name: array.ctypes.data for name, array in kept.items()}
    numbers = {name: fields[name] for name in kernel.fields}
    return self._types[stage.kernel](**pointers, **numbers), kept

  def call(self, kernel, *arguments):
    """Calls a kernel's function."""
    getattr(self._library, KERNELS[kernel].function)(*arguments)


class _Run:
  """One pass through a program."""

  def __init__(self, kernels, program, layout, memory):
    self._kernels, self._program, self._layout = kernels, program, layout
    self._memory = memory
    self._done = [0] * len(program.stages)
    self._makers = {s.output: i for i, s in enumerate(program.stages)}
    if kernels is not None:
      self._structures = [
        kernels.structure(program, layout, stage) for stage in program.stages
      ]

  def all(self):
    """Runs all stages."""
    for index, stage in enumerate(self._program.stages):
      if stage.output not in self._layout.streamed:
        self._run(index, stage.height)

  def _run(self, index, end):
    stage = self._program.stages[index]
    while self._done[index] < end:
      y = self._done[index]
      for value, rows in zip(stage.inputs, stage.rows):
        if value in self._layout.streamed:
          height = self._program.values[value].height
          self._run(self._makers[value], rows.span(y, height)[1])
      self._call(index, stage, y)
      self._done[index] += 1

  def _call(self, index, stage, y):
    base = self._memory.ctypes.data
    rows = [
      self._address(value, y, taken != ALL_ROWS)
      for value, taken in zip(stage.inputs, stage.rows)
    ]
    scratch = self._layout.scratch.get(index)
    by_row = stage.height > 1
    values = {
      "input": self._address(stage.inputs[0], 0, False),
      "a": rows[0],
      "b": rows[-1],
      "inputs": (ctypes.c_void_p * len(rows))(*(r.value for r in rows)),
      "y": ctypes.c_int32(y),
      "count": ctypes.c_int32(codegen.count_of(self._program, stage)),
      "output": self._address(stage.output, y, by_row),
      "scratch": ctypes.c_void_p(None if scratch is None else base + scratch),
    }
    structure, _ = self._structures[index]
    arguments = [values[name] for name in KERNELS[stage.kernel].call]
    self._kernels.call(stage.kernel, ctypes.byref(structure), *arguments)

  def _address(self, index, y, by_row):
    value = self._program.values[index]
    row = y if by_row and value.height > 1 else 0
    if value.data is not None:
      return ctypes.c_void_p(value.data.ctypes.data + row * value.row_bytes)
    row %= self._layout.schedule.rings[index]
    offset = self._layout.offsets[index] + row * value.row_bytes
    return ctypes.c_void_p(self._memory.ctypes.data + offset)


class _Recording(_Run):
  """Notes the calls of a pass, as player.c takes them."""

  def __init__(self, kernels, program, layout, memory):
    super().__init__(kernels, program, layout, memory)
    self.constants = bytearray()
    self.calls = []
    self._structures = [self._words(stage) for stage in program.stages]

  def _constant(self, array):
    self.constants += bytes(-len(self.constants) % 4)
    self.constants += np.ascontiguousarray(array).tobytes()
    return 1 << 31 | (len(self.constants) - array.nbytes)

  def _words(self, stage):
    kernel = KERNELS[stage.kernel]
    fields = codegen.fields_of(self._program, self._layout, stage)
    arrays = [
      self._constant(stage.arrays[name]) if name in stage.arrays else _NOWHERE
      for name, _ in kernel.arrays
    ]
    numbers = [fields[name] & 0xFFFFFFFF for name in kernel.fields]
    return len(arrays), arrays + numbers

  def _address(self, index, y, by_row):
    value = self._program.values[index]
    row = y if by_row and value.height > 1 else 0
    if value.data is not None:
      return self._constant(value.data) + row * value.row_bytes
    row %= self._layout.schedule.rings[index]
    return self._layout.offsets[index] + row * value.row_bytes

  def _call(self, index, stage, y):
    rows = [
      self._address(value, y, taken != ALL_ROWS)
      for value, taken in zip(stage.inputs, stage.rows)
    ]
    if "input" in KERNELS[stage.kernel].call:
      rows[0] = self._address(stage.inputs[0], 0, False)
    rows += [rows[-1]] * (3 - len(rows))
    pointers, words = self._structures[index]
    count = codegen.count_of(self._program, stage)
    output = self._address(stage.output, y, stage.height > 1)
    scratch = self._layout.scratch.get(index, _NOWHERE)
    call = [list(KERNELS).index(stage.kernel), pointers]
    call += [*rows, y, count, output, scratch, *words]
    self.calls.append(call + [0] * (_CALL_WORDS - len(call)))


_NOWHERE = 0xFFFFFFFF
_CALL_WORDS = 48
_PLAYER_MAGIC = 0x59414C50


def _record(model, row, expected):
  """Returns a network's calls for one input, as player.c takes them."""
  program = lowering.lower(parse_tflite.parse(model))
  layout = memory_planner.find_layout(program, trials=0)
  memory = np.zeros(layout.bytes, np.int8)
  start = layout.offsets[program.input]
  memory[start : start + row.size] = row.reshape(-1)
  recording = _Recording(None, program, layout, memory)
  recording.all()
  head = [
      _PLAYER_MAGIC, len(recording.constants), len(recording.calls),
      _CALL_WORDS, layout.offsets[program.output], expected.size, memory.size,
  ]  # fmt: skip
  calls = np.array(recording.calls, np.uint32)
  return b"".join([
      np.array(head, np.uint32).tobytes(), bytes(recording.constants),
      memory.tobytes(), expected.tobytes(), calls.tobytes(),
  ])  # fmt: skip


@pytest.fixture(scope="session")
def record():
  """The function that notes the calls of a network."""
  return _record


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
  """The kernels, compiled once."""
  library = tmp_path_factory.mktemp("kernels") / "kernels.so"
  subprocess.run(
    [
      "gcc",
      *STRICT,
      "-O2",
      "-shared",
      "-fPIC",
      "-o",
      library,
      *sorted(SOURCES.glob("*.c")),
    ],
    check=True,
    timeout=120,
  )
  return Kernels(library)


@pytest.fixture(scope="session")
def network():
  """The class of networks in the making."""
  return Network


@pytest.fixture(scope="session")
def run_bulk():
  """The function that has TensorFlow Lite Micro run many networks."""
  return _run_bulk
