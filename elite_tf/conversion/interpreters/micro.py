"""TensorFlow Lite Micro, in child processes that it may bring down."""

import contextlib
import dataclasses
import os
import re
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import IO

import numpy as np

from elite_tf.conversion.interpreters.tensors import check_inputs, split_evenly
from elite_tf.conversion.tflite.inspect import Inspection, Tensor, inspect
from elite_tf.errors import VerificationFailed
from elite_tf.system import processes

# Arguments of Python that start the worker.
WORKER = ("-m", "elite_tf.conversion.interpreters.micro_worker")

# Bytes of the first arena tried. Memory that is never written to costs nothing,
# and an arena far too small is a segmentation fault.
ARENA_START = 1 << 20

# Bytes of the largest arena tried: EfficientNet-B0 at 224 pixels in float32
# takes 15 MB, and no microcontroller has as much as this.
ARENA_LIMIT = 1 << 28

# Seconds without an output after which a worker counts as hung. The slowest
# network of the pools takes two for an image.
TIMEOUT_SECONDS = 60.0

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
  check_inputs(inspection.input, inputs)
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
        for span in split_evenly(len(inputs), processes)
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


def arena_bytes(model: bytes) -> int:
  """Returns the arena that a network takes on this machine.

  Args:
    model: The .tflite file.

  Raises:
    VerificationFailed: A child died, hung or refused the network.
  """
  tensor = inspect(model).input
  image = np.zeros((1, *tensor.shape[1:]), tensor.dtype)
  return run_micro(model, image, processes=1).arena_bytes


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


def _row_bytes(tensor: Tensor) -> int:
  return int(np.prod(tensor.shape[1:])) * np.dtype(tensor.dtype).itemsize
