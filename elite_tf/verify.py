"""Does a network compute on a microcontroller what it does on a computer?

The same .tflite file runs through TensorFlow Lite's reference kernels and
through TensorFlow Lite Micro, whose kernels are those on the boards, and every
byte of every output is compared. Both are slow, plain C++; TensorFlow Lite's
usual, optimized kernels round otherwise and prove nothing about a board.

Every operator of the package's own networks agrees to the last byte. In other
people's files FULLY_CONNECTED may not: see `tflite.dense_as_convolution`.
"""

import contextlib
import dataclasses
import os
import re
import selectors
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent import futures
from typing import IO

import numpy as np

from elite_tf import processes
from elite_tf.errors import ConfigError, VerificationFailed
from elite_tf.export.inspect import (
    Inspection,
    Tensor,
    inspect,
    require_softmax,
)
from elite_tf.preprocess import quantize_input, scale

# Arguments of Python that start the worker.
WORKER = ("-m", "elite_tf.micro_worker")

# Bytes of the first arena tried. Memory that is never written to costs nothing,
# and an arena far too small is a segmentation fault.
ARENA_START = 1 << 20

# Bytes of the largest arena tried: EfficientNet-B0 at 224 pixels in float32
# takes 15 MB, and no microcontroller has as much as this.
ARENA_LIMIT = 1 << 28

# Seconds without an output after which a worker counts as hung. The slowest
# network of the pools takes two for an image.
TIMEOUT_SECONDS = 60.0

# Bytes of input tensors made at a time: `compare` takes any number of images.
CHUNK_BYTES = 1 << 28

# Softmax on int8 ends the process, on a board too, at an image whose logits are
# so alike that the sum of exp(logit - largest logit) reaches this.
SOFTMAX_SUM_LIMIT = 512

_ALLOCATION = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")


@dataclasses.dataclass(frozen=True, eq=False)
class MicroRun:
  """What TensorFlow Lite Micro made of the inputs.

  The arena's figures are those of a computer with 64-bit pointers: on a board
  the head is the same and the tail is smaller.

  Attributes:
    outputs: Raw output tensors, one a row.
    arena_bytes: Arena in use.
    arena_head_bytes: Of it, what is written anew for every image (activations).
    arena_tail_bytes: Of it, what stays (structures, scales of the channels).
  """

  outputs: np.ndarray
  arena_bytes: int
  arena_head_bytes: int
  arena_tail_bytes: int


@dataclasses.dataclass(frozen=True)
class Verification:
  """How TensorFlow Lite Micro compares to the reference kernels.

  Attributes:
    images: Number of images compared.
    equal: Whether every byte of every output is the same.
    different: Number of images that differ.
    first_difference: Index of the first image that differs, None if none does.
    accuracy: Top-1 accuracy on the images, 0 to 1, by TensorFlow Lite Micro.
    arena_bytes: As in `MicroRun`.
    arena_head_bytes: As in `MicroRun`.
    arena_tail_bytes: As in `MicroRun`.
    codes: Number of different values among all outputs; of int8's 256, a
      comparison that reaches seven has compared little.
    seconds: Wall clock of the comparison.
  """

  images: int
  equal: bool
  different: int
  first_difference: int | None
  accuracy: float
  arena_bytes: int
  arena_head_bytes: int
  arena_tail_bytes: int
  codes: int
  seconds: float


def compare(
    model: bytes,
    images: np.ndarray,
    labels: np.ndarray,
    processes: int | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Verification:
  """Runs images through both interpreters and compares their outputs.

  Args:
    model: The .tflite file.
    images: uint8 (n, height, width, channels), of the network's size.
    labels: Whole numbers (n,), the classes.
    processes: As `run_micro` has it.
    timeout_seconds: As `run_micro` has it.

  Returns:
    The comparison. Outputs that differ are no error here: see `require_equal`.

  Raises:
    ConfigError: If an argument is not as described.
    VerificationFailed: If either interpreter cannot run the network.
  """
  began = time.monotonic()
  inspection = inspect(model)
  tensor = inspection.input
  _check_images(tensor, images, labels)
  require_softmax(inspection)
  different, first, right, values = 0, None, 0, set()
  table = _input_table(tensor)
  rows = max(1, CHUNK_BYTES // (images[0].size * table.itemsize))
  for start in range(0, len(images), rows):
    inputs = table[images[start : start + rows]]
    # Micro goes first: what would end a process ends a child of it.
    micro = run_micro(model, inputs, timeout_seconds, processes)
    reference = run_reference(model, inputs, processes)
    differs = _differs(micro.outputs, reference)
    different += int(differs.sum())
    if first is None and differs.any():
      first = start + int(differs.argmax())
    answers = micro.outputs.reshape(len(inputs), -1).argmax(axis=1)
    right += int((answers == labels[start : start + rows]).sum())
    values.update(np.unique(micro.outputs).tolist())
  return Verification(
      images=len(images),
      equal=first is None,
      different=different,
      first_difference=first,
      accuracy=right / len(images),
      arena_bytes=micro.arena_bytes,
      arena_head_bytes=micro.arena_head_bytes,
      arena_tail_bytes=micro.arena_tail_bytes,
      codes=len(values),
      seconds=time.monotonic() - began,
  )


def require_equal(verification: Verification) -> None:
  """Refuses a network that computes something else on a microcontroller.

  Args:
    verification: Result of `compare`.

  Raises:
    VerificationFailed: If any output differs.
  """
  if not verification.equal:
    raise VerificationFailed(
        "TensorFlow Lite Micro and the reference kernels differ on"
        f" {verification.different} of {verification.images} images, the first"
        f" of them image {verification.first_difference}"
    )


def run_reference(
    model: bytes, inputs: np.ndarray, threads: int | None = None
) -> np.ndarray:
  """Runs inputs through TensorFlow Lite's reference kernels, one at a time.

  The interpreter lets go of Python's lock while it computes, so threads do for
  it what takes processes with TensorFlow Lite Micro, and TensorFlow is imported
  once. What the kernels cannot compute may end this process: call `run_micro`
  first, where the same ends a child and is an error.

  Args:
    model: The .tflite file.
    inputs: Raw input tensors, one a row.
    threads: Threads to run, None means one a core that this process may use.

  Returns:
    Raw output tensors, one a row.

  Raises:
    ConfigError: If an argument is not as described.
    VerificationFailed: If the interpreter refuses the network.
  """
  inspection = inspect(model)
  _check_inputs(inspection.input, inputs)
  require_softmax(inspection)
  spans = _spans(len(inputs), threads)
  interpreters = [_reference(model) for _ in spans]
  stop = threading.Event()

  def run(interpreter, span: range) -> list[np.ndarray]:
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    outputs = []
    for row in span:
      if stop.is_set():
        break
      interpreter.set_tensor(source, inputs[row : row + 1])
      interpreter.invoke()
      outputs.append(interpreter.get_tensor(target))
    return outputs

  with futures.ThreadPoolExecutor(len(spans)) as pool:
    try:
      parts = list(pool.map(run, interpreters, spans))
    finally:
      stop.set()  # An interrupt does not wait for the other images.
  return np.concatenate([output for part in parts for output in part])


def run_micro(
    model: bytes,
    inputs: np.ndarray,
    timeout_seconds: float = TIMEOUT_SECONDS,
    processes: int | None = None,
    arena_limit: int = ARENA_LIMIT,
) -> MicroRun:
  """Runs inputs through TensorFlow Lite Micro, in child processes.

  Args:
    model: The .tflite file.
    inputs: Raw input tensors, one a row.
    timeout_seconds: How long a child may go without an output; its start and
      the network's set-up count as the first.
    processes: Children to run, None means one a core that this process may use.
    arena_limit: Bytes of the largest arena to try.

  Returns:
    The outputs and the arena in use.

  Raises:
    ConfigError: If an argument is not as described.
    VerificationFailed: If a child died, hung or refused the network.
  """
  inspection = inspect(model)
  _check_inputs(inspection.input, inputs)
  with tempfile.TemporaryDirectory(prefix="elite_tf-micro-") as folder:
    model_path = os.path.join(folder, "model.tflite")
    inputs_path = os.path.join(folder, "inputs.npy")
    with open(model_path, "wb") as file:
      file.write(model)
    np.save(inputs_path, inputs)
    with contextlib.ExitStack() as stack:
      children = [
          stack.enter_context(
              _child(model_path, inputs_path, span, inspection, arena_limit)
          )
          for span in _spans(len(inputs), processes)
      ]
      _listen(children, timeout_seconds)
      figures = _arena(children[0])
  received = b"".join(bytes(child.received) for child in children)
  outputs = np.frombuffer(received, inspection.output.dtype)
  return MicroRun(
      outputs=outputs.reshape(len(inputs), *inspection.output.shape[1:]),
      arena_bytes=figures["total"],
      arena_head_bytes=figures["head"],
      arena_tail_bytes=figures["tail"],
  )


@dataclasses.dataclass(eq=False)
class _Child:
  """A worker at work.

  Attributes:
    process: The process, leader of a group of its own.
    log: Its stderr.
    expected: Bytes of output that it owes.
    suspicion: What it may die of, '' if nothing is known.
    received: Bytes of output so far.
    heard: When it was heard of last, by the monotonic clock.
  """

  process: subprocess.Popen
  log: IO[bytes]
  expected: int
  suspicion: str
  received: bytearray
  heard: float

  def text(self) -> str:
    """Returns all that it wrote to stderr."""
    self.log.seek(0)
    return self.log.read().decode(errors="replace")

  def last_words(self) -> str:
    """Returns the last two lines that it wrote to stderr, as one.

    Of a network that it refuses, the interpreter names the operator in the one,
    and the worker gives up in the other.
    """
    lines = [line.strip() for line in self.text().splitlines()]
    return "; ".join([line for line in lines if line][-2:]) or "nothing"


@contextlib.contextmanager
def _child(
    model_path: str,
    inputs_path: str,
    span: range,
    inspection: Inspection,
    arena_limit: int,
) -> Iterator[_Child]:
  """Starts a worker, and leaves nothing of it behind whatever happens."""
  with tempfile.TemporaryFile() as log:
    process = processes.start(
        *WORKER,
        model_path,
        inputs_path,
        str(span.start),
        str(span.stop),
        str(min(ARENA_START, arena_limit)),
        str(arena_limit),
        stdout=subprocess.PIPE,
        stderr=log,
        # One thread is all that it runs; starting a pool would take longer.
        env={"OPENBLAS_NUM_THREADS": "1"},
    )
    try:
      yield _Child(
          process=process,
          log=log,
          expected=len(span) * _row_bytes(inspection.output),
          suspicion=_suspicion(inspection),
          received=bytearray(),
          heard=time.monotonic(),
      )
    finally:
      process.stdout.close()
      processes.end(process)


def _listen(children: list[_Child], timeout_seconds: float) -> None:
  """Collects the outputs of all children until the last one has ended."""
  with selectors.DefaultSelector() as selector:
    for child in children:
      selector.register(child.process.stdout, selectors.EVENT_READ, child)
    while waiting := [key.data for key in selector.get_map().values()]:
      due = min(child.heard for child in waiting) + timeout_seconds
      events = selector.select(max(0.0, due - time.monotonic()))
      now = time.monotonic()
      spoke = [key.data for key, _ in events]
      for child in waiting:
        if child not in spoke and now - child.heard >= timeout_seconds:
          raise VerificationFailed(
              "TensorFlow Lite Micro hung: no output for"
              f" {timeout_seconds:g} seconds"
          )
      for key, _ in events:
        data = os.read(key.fd, 1 << 16)
        key.data.received += data
        key.data.heard = now
        if not data:
          selector.unregister(key.fileobj)
          _require_success(key.data, timeout_seconds)


def _require_success(child: _Child, timeout_seconds: float) -> None:
  """Waits for a child that has closed its stdout and says why it failed."""
  try:
    code = child.process.wait(timeout_seconds)
  except subprocess.TimeoutExpired:
    raise VerificationFailed(
        "TensorFlow Lite Micro hung after its last output, for"
        f" {timeout_seconds:g} seconds"
    ) from None
  if code < 0:
    raise VerificationFailed(
        f"TensorFlow Lite Micro {processes.how_it_ended(code)}."
        f" The last it said: {child.last_words()}.{child.suspicion}"
    )
  if code > 0:
    raise VerificationFailed(
        f"TensorFlow Lite Micro failed: {child.last_words()}"
    )
  if len(child.received) != child.expected:
    raise VerificationFailed(
        f"TensorFlow Lite Micro owed {child.expected} bytes of output."
        f" Received: {len(child.received)}"
    )


def _suspicion(inspection: Inspection) -> str:
  classes = inspection.output.shape[-1]
  if inspection.softmax_scale is None or classes < SOFTMAX_SUM_LIMIT:
    return ""
  return (
      f" Its softmax over {classes} classes ends the process where"
      f" {SOFTMAX_SUM_LIMIT} of them or more come out alike"
  )


def _arena(child: _Child) -> dict[str, int]:
  """Returns the total, head and tail of the arena that a child reports."""
  found = {what: int(size) for what, size in _ALLOCATION.findall(child.text())}
  if len(found) < 3:
    raise VerificationFailed(
        "TensorFlow Lite Micro did not say how much of its arena it used."
        f" The last it said: {child.last_words()}"
    )
  return found


def _reference(model: bytes):
  """Returns an interpreter with the reference kernels, ready to run."""
  # Importing TensorFlow takes seconds, and `run_micro` does without.
  import tensorflow as tf

  with warnings.catch_warnings():
    # It says where it will move to. No release of that package is pinned here.
    warnings.filterwarnings("ignore", "[^a-z]*Warning: tf.lite.Interpreter is")
    try:
      interpreter = tf.lite.Interpreter(
          model_content=model,
          experimental_op_resolver_type=(
              tf.lite.experimental.OpResolverType.BUILTIN_REF
          ),
          num_threads=1,
      )
      interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
      reason = str(error).strip().partition("\n")[0]
      raise VerificationFailed(
          f"TensorFlow Lite refuses the network: {reason}"
      ) from error
  return interpreter


def _spans(count: int, workers: int | None) -> list[range]:
  """Cuts `count` rows into contiguous parts of nearly the same size.

  Args:
    count: Number of rows, at least one.
    workers: Parts wanted, None means one a core that this process may use.
  """
  if workers is None:
    workers = len(os.sched_getaffinity(0))
  if workers < 1:
    raise ConfigError(
        f"At least one worker is needed to verify. Received: {workers}"
    )
  parts = min(workers, count)
  cuts = [count * part // parts for part in range(parts + 1)]
  return [range(start, stop) for start, stop in zip(cuts, cuts[1:])]


def _input_table(tensor: Tensor) -> np.ndarray:
  """Returns what each of the 256 values of a pixel becomes as an input."""
  scaled = scale(np.arange(256, dtype=np.uint8).reshape(256, 1, 1, 1)).ravel()
  if np.dtype(tensor.dtype).kind == "f":
    return scaled
  return quantize_input(scaled, tensor.scale, tensor.zero_point, tensor.dtype)


def _row_bytes(tensor: Tensor) -> int:
  return int(np.prod(tensor.shape[1:])) * np.dtype(tensor.dtype).itemsize


def _differs(micro: np.ndarray, reference: np.ndarray) -> np.ndarray:
  """Returns of each row whether any byte of it differs."""
  if micro.shape != reference.shape or micro.dtype != reference.dtype:
    raise VerificationFailed(
        "TensorFlow Lite Micro's outputs are not of the reference's form."
        f" Received: {micro.dtype} {micro.shape},"
        f" {reference.dtype} {reference.shape}"
    )
  rows = len(micro)
  # As bytes: to numbers, NaN differs from itself and -0.0 is 0.0.
  left = np.ascontiguousarray(micro).reshape(rows, -1).view(np.uint8)
  right = np.ascontiguousarray(reference).reshape(rows, -1).view(np.uint8)
  return (left != right).any(axis=1)


def _check_inputs(tensor: Tensor, inputs: np.ndarray) -> None:
  if (
      not isinstance(inputs, np.ndarray)
      or inputs.dtype != tensor.dtype
      or inputs.shape[1:] != tensor.shape[1:]
      or not inputs.ndim
      or not len(inputs)
  ):
    raise ConfigError(
        f"Inputs must be {tensor.dtype} of shape {('n', *tensor.shape[1:])},"
        f" at least one. Received: {_form(inputs)}"
    )


def _check_images(
    tensor: Tensor, images: np.ndarray, labels: np.ndarray
) -> None:
  if (
      not isinstance(images, np.ndarray)
      or images.dtype != np.uint8
      or images.ndim != 4
      or images.shape[1:] != tensor.shape[1:]
      or not len(images)
  ):
    raise ConfigError(
        f"Images must be uint8 of shape {('n', *tensor.shape[1:])}, at least"
        f" one. Received: {_form(images)}"
    )
  if np.shape(labels) != (len(images),):
    raise ConfigError(
        f"{len(images)} images need as many labels. Received:"
        f" labels of shape {np.shape(labels)}"
    )


def _form(value: object) -> str:
  if not isinstance(value, np.ndarray):
    return type(value).__name__
  return f"{value.dtype} of shape {value.shape}"
