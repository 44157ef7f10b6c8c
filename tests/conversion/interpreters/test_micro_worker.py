"""The child process by itself: what goes in, what comes out, when it ends."""

import os
import signal
import struct
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from tflite_micro.python.tflite_micro import runtime

from elite_tf.conversion.interpreters import micro_worker
from elite_tf.conversion.quantize import post_training


@pytest.fixture(scope="module")
def model():
  image = keras.Input((6, 6, 1))
  x = keras.layers.Conv2D(4, 3, activation="relu6")(image)
  x = keras.layers.GlobalAveragePooling2D()(x)
  network = keras.Model(image, keras.layers.Dense(3, "softmax")(x))
  random = np.random.default_rng(0)
  for weight in network.weights:
    weight.assign(random.normal(size=weight.shape))
  images = random.uniform(-1, 1, (8, 6, 6, 1)).astype(np.float32)
  return post_training.int8(network, images)


@pytest.fixture(scope="module")
def inputs():
  return np.random.default_rng(1).integers(-128, 128, (9, 6, 6, 1), np.int8)


@pytest.fixture(name="files")
def _files(model, inputs, tmp_path):
  (tmp_path / "model.tflite").write_bytes(model)
  np.save(tmp_path / "inputs.npy", inputs)
  return [str(tmp_path / "model.tflite"), str(tmp_path / "inputs.npy")]


def _run(files, *numbers):
  return subprocess.run(
    [
      sys.executable,
      "-m",
      "elite_tf.conversion.interpreters.micro_worker",
      *files,
    ]
    + [str(number) for number in numbers],
    capture_output=True,
    check=False,
    timeout=60,
  )


def _await_end(process_id):
  """Waits until a process is gone, or gone but for its exit code."""
  for _ in range(200):
    try:
      with open(f"/proc/{process_id}/stat", encoding="utf-8") as file:
        state = file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
      return True
    if state == "Z":
      return True
    time.sleep(0.05)
  return False


def test_outputs_go_to_stdout_and_figures_to_stderr(model, inputs, files):
  done = _run(files, 2, 7, 1 << 16, 1 << 20, os.getpid())
  assert done.returncode == 0, done.stderr
  interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
  expected = []
  for row in range(2, 7):
    interpreter.set_input(inputs[row : row + 1], 0)
    interpreter.invoke()
    expected.append(interpreter.get_output(0).copy())
  outputs = np.frombuffer(done.stdout, np.int8).reshape(5, 3)
  np.testing.assert_array_equal(outputs, np.concatenate(expected))
  assert len(np.unique(outputs)) > 3, "the test says nothing"
  assert b"Arena allocation total" in done.stderr


def test_the_arena_is_doubled_until_it_is_enough(files):
  # 1 KB is refused in an orderly way, 64 KB is plenty.
  done = _run(files, 0, 1, 1 << 10, 1 << 16, os.getpid())
  assert done.returncode == 0, done.stderr
  assert b"Failed to allocate" in done.stderr
  assert len(done.stdout) == 3


def test_an_arena_at_its_limit_is_an_error(files):
  done = _run(files, 0, 1, 1 << 10, (1 << 11) - 1, os.getpid())
  assert done.returncode == 1
  assert done.stdout == b""
  assert done.stderr.splitlines()[-1].endswith(b"in an arena of 1024 bytes")


def test_an_input_that_does_not_fit_is_an_error(model, tmp_path):
  (tmp_path / "model.tflite").write_bytes(model)
  np.save(tmp_path / "inputs.npy", np.zeros((1, 5, 6, 1), np.int8))
  files = [str(tmp_path / "model.tflite"), str(tmp_path / "inputs.npy")]
  done = _run(files, 0, 1, 1 << 16, 1 << 16, os.getpid())
  assert done.returncode == 1
  assert b"Traceback" not in done.stderr and done.stderr.strip()


def test_it_does_not_start_for_a_parent_that_has_ended(files):
  # Process 1 is no test's: as if the parent had ended and 1 taken over.
  done = _run(files, 0, 1, 1 << 16, 1 << 20, 1)
  assert done.returncode == 1
  assert done.stdout == b""


def test_it_dies_with_its_parent():
  child = (
    "import time; from elite_tf.system import processes;"
    "processes.die_with(__import__('os').getppid());"
    "print('ready', flush=True); time.sleep(60)"
  )
  parent = (
    "import subprocess, sys;"
    f"child = subprocess.Popen([sys.executable, '-c', {child!r}]);"
    "print(child.pid, flush=True); child.wait()"
  )
  with subprocess.Popen(
    [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True
  ) as process:
    lines = [process.stdout.readline().strip() for _ in range(2)]
    assert "ready" in lines
    child_id = next(int(line) for line in lines if line != "ready")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert _await_end(child_id)


def test_it_loads_no_tensorflow(files):
  code = (
    "import sys; from elite_tf.conversion.interpreters import micro_worker;"
    "code = micro_worker.main(sys.argv[1:]);"
    "sys.exit(code or 'tensorflow' in sys.modules)"
  )
  arguments = [0, 1, 1 << 16, 1 << 16, os.getpid()]
  done = subprocess.run(
    [sys.executable, "-c", code, *files, *map(str, arguments)],
    capture_output=True,
    check=False,
    timeout=60,
  )
  assert done.returncode == 0, done.stderr


def test_prints_do_not_mix_with_outputs():
  code = (
    "import os; from elite_tf.conversion.interpreters import micro_worker;"
    "sink = micro_worker.claim_stdout();"
    "os.write(1, b'chatter'); print('more', flush=True);"
    "micro_worker.send(sink, b'output')"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, check=True, timeout=60
  )
  assert done.stdout == b"output"
  assert done.stderr == b"chattermore\n"


def test_all_is_sent_where_a_pipe_takes_little(monkeypatch):
  received = []

  def write(_, data):
    received.append(bytes(data[:3]))
    return len(received[-1])

  monkeypatch.setattr(os, "write", write)
  data = struct.pack("5h", *range(5))
  micro_worker.send(1, data)
  assert b"".join(received) == data
  assert len(received) == 4
