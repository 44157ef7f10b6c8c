"""Runs TensorFlow Lite Micro in child processes, which it may crash."""

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

# Arguments of Python that start a worker.
WORKER = ("-m", "elite_tf.conversion.interpreters.micro_worker")

# Bytes of the first arena tried. Memory that is never written costs nothing, and
# an arena far too small causes a segmentation fault.
ARENA_START = 1 << 20

# Bytes of the largest arena tried, more than any microcontroller has:
# EfficientNet-B0 at 224 pixels in float32 needs 15 MB.
ARENA_LIMIT = 1 << 28

# A worker hangs if it gives no output for this time. The slowest network of the
# families needs two seconds per image.
TIMEOUT_SECONDS = 60.0

# Softmax in int8 ends the process, on a board too, if the logits of an image are
# so similar that the sum of exp(logit - largest logit) reaches this limit.
SOFTMAX_SUM_LIMIT = 512

_ALLOCATION = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")


@dataclasses.dataclass(frozen=True, eq=False)
class MicroRun:
  """Outputs of TensorFlow Lite Micro, and its arena.

  The arena is measured with 64-bit pointers: on a board the head is the same and
  the tail is smaller.

  Attributes:
    outputs: Raw output tensors (n, ...).
    arena_bytes: Bytes of the arena in use.
    arena_head_bytes: Bytes of activations, overwritten for each image.
    arena_tail_bytes: Bytes that stay: structures, scales of the channels.
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
    inputs: Raw input tensors (n, ...).
    timeout_seconds: Longest time of a child between two outputs, and from its
      start to its first output.
    processes: Number of children; None means one per core that this process may
      use.
    arena_limit: Bytes of the largest arena to try.

  Raises:
    ConfigError: An argument is not as described.
    VerificationFailed: A child died or hung, or refused the network.
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
  """Returns the bytes of arena that a network needs on this machine.

  Args:
    model: The .tflite file.

  Raises:
    VerificationFailed: The child died or hung, or refused the network.
  """
  tensor = inspect(model).input
  image = np.zeros((1, *tensor.shape[1:]), tensor.dtype)
  return run_micro(model, image, processes=1).arena_bytes


@dataclasses.dataclass(eq=False)
class _Child:
  """A running worker.

  Attributes:
    process: The process, leader of its own process group.
    log: Its stderr.
    expected: Number of bytes of output that it must send.
    suspicion: Possible cause of a crash, for the error; may be empty.
    received: Output so far.
    heard: Time of the last output, by the monotonic clock.
  """

  process: subprocess.Popen
  log: IO[bytes]
  expected: int
  suspicion: str
  received: bytearray
  heard: float

  def text(self) -> str:
    """Returns everything that the worker wrote to stderr."""
    self.log.seek(0)
    return self.log.read().decode(errors="replace")

  def last_words(self) -> str:
    """Returns the last two lines of stderr as one line.

    For a refused network the first one names the operator and the second one is
    the worker's error.
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
  """Starts a worker, and always ends it."""
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
      # The worker uses one thread; starting more would take longer.
      env={"OPENBLAS_NUM_THREADS": "1"},
    )
    try:
      yield _Child(
        process=process,
        log=log,
        expected=len(span) * _image_bytes(inspection.output),
        suspicion=_suspicion(inspection),
        received=bytearray(),
        heard=time.monotonic(),
      )
    finally:
      process.stdout.close()
      processes.end(process)


def _listen(children: list[_Child], timeout_seconds: float) -> None:
  """Collects the outputs of all children until all have ended."""
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
            "TensorFlow Lite Micro hung. Received: no output for"
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
  """Waits for a child that has closed its stdout, and checks its result.

  Raises:
    VerificationFailed: The child hung, failed or sent too few or too many bytes.
  """
  try:
    code = child.process.wait(timeout_seconds)
  except subprocess.TimeoutExpired:
    raise VerificationFailed(
      "TensorFlow Lite Micro hung after its last output. Received: no end after"
      f" {timeout_seconds:g} seconds"
    ) from None
  if code < 0:
    raise VerificationFailed(
      f"TensorFlow Lite Micro {processes.how_it_ended(code)}.{child.suspicion}"
      f" Last output: {child.last_words()}"
    )
  if code > 0:
    raise VerificationFailed(
      f"TensorFlow Lite Micro failed: {child.last_words()}"
    )
  if len(child.received) != child.expected:
    raise VerificationFailed(
      f"TensorFlow Lite Micro must send {child.expected} bytes of output."
      f" Received: {len(child.received)}"
    )


def _suspicion(inspection: Inspection) -> str:
  classes = inspection.output.shape[-1]
  if inspection.softmax_scale is None or classes < SOFTMAX_SUM_LIMIT:
    return ""
  return (
    f" Its softmax over {classes} classes ends the process if"
    f" {SOFTMAX_SUM_LIMIT} or more have almost the same logit."
  )


def _arena(child: _Child) -> dict[str, int]:
  """Returns the total, the head and the tail of the arena of a child."""
  found = {what: int(size) for what, size in _ALLOCATION.findall(child.text())}
  if len(found) < 3:
    raise VerificationFailed(
      "TensorFlow Lite Micro did not print how much of its arena it used."
      f" Last output: {child.last_words()}"
    )
  return found


def _image_bytes(tensor: Tensor) -> int:
  return int(np.prod(tensor.shape[1:])) * np.dtype(tensor.dtype).itemsize
