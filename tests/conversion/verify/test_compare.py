"""Verification, against TensorFlow's interpreter used directly."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import flatbuffers
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from elite_tf.conversion.interpreters import micro
from elite_tf.conversion.quantize import post_training
from elite_tf.conversion.tflite import convert
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.conversion.verify import compare
from elite_tf.data.preprocess import scale
from elite_tf.errors import ConfigError, VerificationFailed

SIZE = 8
CLASSES = 6


@pytest.fixture(scope="module")
def network():
  """Every operator of the families: squeeze-and-excitation, swish, a skip."""
  layers = keras.layers
  image = keras.Input((SIZE, SIZE, 3), name="image")
  x = layers.Conv2D(8, 3, strides=2, padding="same")(image)
  skip = x = layers.Activation("swish")(x)
  x = layers.DepthwiseConv2D(5, padding="same", activation="swish")(x)
  squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
  squeezed = layers.Conv2D(2, 1, activation="swish")(squeezed)
  squeezed = layers.Conv2D(8, 1, activation="sigmoid")(squeezed)
  x = layers.Multiply()([x, squeezed])
  x = layers.Add()([layers.Conv2D(8, 1)(x), skip])
  x = layers.GlobalAveragePooling2D()(x)
  model = keras.Model(image, layers.Dense(CLASSES, "softmax")(x))
  random = np.random.default_rng(2)
  for weight in model.weights:
    weight.assign(random.normal(size=weight.shape) / 2)
  return model


@pytest.fixture(scope="module")
def images():
  random = np.random.default_rng(3)
  return random.integers(0, 256, (40, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def quantized(network, images):
  return post_training.int8(network, scale(images))


@pytest.fixture(scope="module")
def floating(network):
  return convert.float32(network)


@pytest.fixture(scope="module")
def inputs(images):
  return (images.astype(np.int16) - 128).astype(np.int8)


@pytest.fixture(scope="module")
def expected(quantized, inputs):
  """Outputs of the quantized network, by the interpreter itself."""
  return _direct(quantized, inputs)


@pytest.fixture(autouse=True)
def _nothing_left_behind():
  before = _children()
  yield
  assert _children() == before, "a process is left behind"


def _children():
  """Returns the processes whose parent this one is, zombies among them."""
  found = set()
  for name in os.listdir("/proc"):
    if name.isdigit():
      try:
        with open(f"/proc/{name}/stat", encoding="utf-8") as file:
          fields = file.read().rpartition(")")[2].split()
      except (FileNotFoundError, ProcessLookupError):
        continue
      if int(fields[1]) == os.getpid():
        found.add(int(name))
  return found


def _alive(process_id):
  """Returns whether a process runs, once a killed one has had time to end."""
  for _ in range(100):
    try:
      with open(f"/proc/{process_id}/stat", encoding="utf-8") as file:
        if file.read().rpartition(")")[2].split()[0] == "Z":
          return False
    except FileNotFoundError:
      return False
    time.sleep(0.05)
  return True


def _direct(model, inputs):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    interpreter = tf.lite.Interpreter(
      model_content=model,
      experimental_op_resolver_type=(
        tf.lite.experimental.OpResolverType.BUILTIN_REF
      ),
    )
  interpreter.allocate_tensors()
  outputs = []
  for row in inputs:
    interpreter.set_tensor(
      interpreter.get_input_details()[0]["index"], row[np.newaxis]
    )
    interpreter.invoke()
    outputs.append(
      interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    )
  return np.concatenate(outputs)


def _edited(model, edit):
  """Returns the file with `edit` done to it, by TensorFlow's own schema."""
  root = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
  edit(root)
  builder = flatbuffers.Builder(len(model))
  builder.Finish(root.Pack(builder), b"TFL3")
  return bytes(builder.Output())


def _corrupt(root):
  """Changes one byte of the largest buffer, which holds weights."""
  buffers = [b for b in root.buffers if b.data is not None]
  largest = max(buffers, key=lambda b: len(b.data))
  largest.data = np.array(largest.data, np.uint8)
  largest.data[7] ^= 0x40


def _deaden(root):
  """Gives the softmax an input scale that ends the process."""
  graph = root.subgraphs[0]
  logits = graph.tensors[graph.operators[-1].inputs[0]]
  logits.quantization.scale = [1e-9]


def _complaint(error, function, *arguments, **named):
  with pytest.raises(error) as caught:
    function(*arguments, **named)
  line = str(caught.value)
  assert line == " ".join(line.split()), "not one line"
  return line


@pytest.mark.parametrize("threads", [None, 1, 3, 99])
def test_reference_is_the_interpreters(quantized, inputs, expected, threads):
  assert len(np.unique(expected)) > 60, "the test says nothing"
  outputs = compare.run_reference(quantized, inputs, threads)
  assert outputs.dtype == np.int8
  np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("processes", [None, 1, 3])
def test_micro_computes_the_same_bytes(quantized, inputs, expected, processes):
  run = compare.run_micro(quantized, inputs, processes=processes)
  assert run.outputs.dtype == np.int8
  np.testing.assert_array_equal(run.outputs, expected)


def test_there_are_no_more_children_than_inputs(quantized, inputs, expected):
  run = compare.run_micro(quantized, inputs[:2], processes=50)
  np.testing.assert_array_equal(run.outputs, expected[:2])


def test_float_is_the_same_bytes_too(network, floating, images):
  inputs = scale(images)
  run = compare.run_micro(floating, inputs)
  assert run.outputs.dtype == np.float32
  assert (
    run.outputs.tobytes() == compare.run_reference(floating, inputs).tobytes()
  )
  np.testing.assert_allclose(
    run.outputs, network(inputs, training=False).numpy(), atol=1e-5
  )


def test_the_arena_is_a_head_and_a_tail(quantized, inputs, floating, images):
  run = compare.run_micro(quantized, inputs[:1])
  assert run.arena_bytes == run.arena_head_bytes + run.arena_tail_bytes
  # Swish keeps three maps of 4 x 4 x 8 bytes alive: x, logistic(x), product.
  assert 3 * 4 * 4 * 8 <= run.arena_head_bytes < 4096
  assert 1000 < run.arena_tail_bytes < 20000
  floats = compare.run_micro(floating, scale(images[:1]))
  # The same maps, four bytes a number.
  assert floats.arena_head_bytes >= 4 * 3 * 4 * 4 * 8
  assert floats.arena_bytes == floats.arena_head_bytes + floats.arena_tail_bytes


def test_compare_counts_what_it_compares(quantized, images, expected):
  answers = expected.argmax(axis=1)
  labels = np.where(np.arange(40) < 30, answers, (answers + 1) % CLASSES)
  found = compare.compare(quantized, images, labels)
  assert found.images == 40
  assert found.equal and found.first_difference is None
  assert found.different == 0
  assert found.accuracy == 0.75
  assert found.codes == len(np.unique(expected))
  assert found.arena_bytes == found.arena_head_bytes + found.arena_tail_bytes
  assert 0 < found.seconds < 60
  compare.require_equal(found)


def test_compare_takes_float_networks(network, floating, images):
  outputs = network(scale(images), training=False).numpy()
  found = compare.compare(floating, images, outputs.argmax(axis=1))
  assert found.equal
  assert found.accuracy == 1.0
  assert found.codes > 200


def test_inputs_are_made_with_the_tensors_scale(network, images):
  # Dark images calibrate: the scale is another one, and so are the inputs.
  dark = post_training.int8(network, scale(images // 2 + 10))
  tensor = inspect(dark).input
  assert tensor.scale != 1 / 128
  exact = (images / 128.0 - 1) / np.float32(tensor.scale)
  inputs = np.clip(np.round(exact) + tensor.zero_point, -128, 127)
  answers = _direct(dark, inputs.astype(np.int8)).argmax(axis=1)
  assert compare.compare(dark, images, answers).accuracy == 1.0


def test_ties_go_to_the_lowest_class(images):
  image = keras.Input((SIZE, SIZE, 3))
  x = keras.layers.GlobalAveragePooling2D()(image)
  model = keras.Model(
    image, keras.layers.Dense(4, kernel_initializer="ones")(x)
  )
  tied = post_training.int8(model, scale(images))
  found = compare.compare(tied, images, np.zeros(40, int))
  assert found.accuracy == 1.0


def test_any_number_of_images_is_cut_into_parts(
  quantized, images, expected, monkeypatch
):
  answers = expected.argmax(axis=1)
  monkeypatch.setattr(compare, "CHUNK_BYTES", 17 * SIZE * SIZE * 3)
  lengths = []
  run_micro = compare.run_micro

  def recorded(model, inputs, *arguments):
    lengths.append(len(inputs))
    return run_micro(model, inputs, *arguments)

  monkeypatch.setattr(compare, "run_micro", recorded)
  found = compare.compare(quantized, images, answers)
  assert lengths == [17, 17, 6]
  assert (found.images, found.equal, found.accuracy) == (40, True, 1.0)
  assert found.codes == len(np.unique(expected))


def test_a_changed_weight_is_found(quantized, images, monkeypatch):
  run_micro = compare.run_micro
  corrupt = _edited(quantized, _corrupt)
  monkeypatch.setattr(
    compare,
    "run_micro",
    lambda model, *arguments: run_micro(corrupt, *arguments),
  )
  found = compare.compare(quantized, images, np.zeros(40, int))
  assert not found.equal
  assert found.different > 0
  line = _complaint(VerificationFailed, compare.require_equal, found)
  assert f"first of them is image {found.first_difference}" in line


@pytest.mark.parametrize("rows", [[0], [23], [39, 18, 35]])
@pytest.mark.parametrize("chunk", [1 << 28, 10 * SIZE * SIZE * 3])
def test_the_first_difference_is_named(
  quantized, images, monkeypatch, rows, chunk
):
  reference = compare.run_reference
  done = 0

  def planted(model, inputs, *arguments):
    nonlocal done
    outputs = reference(model, inputs, *arguments)
    for row in rows:
      if done <= row < done + len(outputs):
        outputs[row - done, -1] ^= 1
    done += len(outputs)
    return outputs

  monkeypatch.setattr(compare, "run_reference", planted)
  monkeypatch.setattr(compare, "CHUNK_BYTES", chunk)
  found = compare.compare(quantized, images, np.zeros(40, int), processes=1)
  assert not found.equal
  assert found.first_difference == min(rows)
  assert found.different == len(rows)


def test_bytes_are_compared_not_numbers(floating, images, monkeypatch):
  zeros = np.zeros((40, CLASSES), np.float32)
  run = micro.MicroRun(-zeros, 3, 1, 2)
  monkeypatch.setattr(compare, "run_micro", lambda *_: run)
  monkeypatch.setattr(compare, "run_reference", lambda *_: zeros)
  found = compare.compare(floating, images, np.zeros(40, int))
  assert found.first_difference == 0  # -0.0 is not 0.0.
  same = micro.MicroRun(zeros * np.nan, 3, 1, 2)
  monkeypatch.setattr(compare, "run_micro", lambda *_: same)
  monkeypatch.setattr(compare, "run_reference", lambda *_: zeros * np.nan)
  assert compare.compare(floating, images, np.zeros(40, int)).equal


def test_a_dead_child_is_an_error(quantized, inputs):
  # This softmax ends any process, so this is the real thing.
  dead = _edited(quantized, _deaden)
  line = _complaint(VerificationFailed, compare.run_micro, dead, inputs)
  assert "SIGABRT" in line


def test_softmax_over_many_classes_alike_ends_a_child(images, inputs):
  image = keras.Input((SIZE, SIZE, 3))
  x = keras.layers.GlobalAveragePooling2D()(image)
  for classes, dies in (511, False), (512, True):
    dense = keras.layers.Dense(classes, "softmax", kernel_initializer="ones")
    model = post_training.int8(keras.Model(image, dense(x)), scale(images))
    if dies:
      line = _complaint(
        VerificationFailed, compare.run_micro, model, inputs[:2]
      )
      assert "SIGABRT" in line and "512 classes" in line
    else:
      compare.run_micro(model, inputs[:2])


def test_what_would_end_this_process_is_not_run_in_it(
  quantized, images, inputs
):
  dead = _edited(quantized, _deaden)
  labels = np.zeros(40, int)
  for function, *arguments in [
    (compare.run_reference, inputs),
    (compare.compare, images, labels),
  ]:
    line = _complaint(VerificationFailed, function, dead, *arguments)
    assert "learned nothing" in line


@pytest.mark.parametrize("chatter", ["", "import os; os.close(1);"])
def test_a_hung_child_is_killed_with_its_group(
  quantized, inputs, tmp_path, monkeypatch, chatter
):
  code = f"""
      import os, subprocess, sys, time
      child = subprocess.Popen(['sleep', '60'])
      with open({str(tmp_path)!r} + f'/{{os.getpid()}}', 'w') as file:
        file.write(str(child.pid))
      {chatter}
      time.sleep(60)
  """
  monkeypatch.setattr(micro, "WORKER", ("-c", textwrap.dedent(code)))
  began = time.monotonic()
  line = _complaint(
    VerificationFailed,
    compare.run_micro,
    quantized,
    inputs,
    timeout_seconds=2,
    processes=2,
  )
  assert "hung" in line and "2 seconds" in line
  assert time.monotonic() - began < 10
  started = list(tmp_path.iterdir())
  assert len(started) == 2
  for path in started:
    assert not _alive(int(path.name))
    assert not _alive(int(path.read_text()))


def test_a_child_that_goes_on_speaking_is_not_hung(
  quantized, inputs, expected, monkeypatch
):
  # Two and a half seconds in all, and half of one between two outputs.
  code = textwrap.dedent("""
      import sys, time
      start, stop = map(int, sys.argv[3:5])
      for row in range(start, stop):
        time.sleep(0.5)
        sys.stdout.buffer.write(bytes(6))
        sys.stdout.flush()
      for what in 'total', 'head', 'tail':
        print('Arena allocation', what, '7 bytes', file=sys.stderr)
  """)
  monkeypatch.setattr(micro, "WORKER", ("-c", code))
  run = compare.run_micro(quantized, inputs[:5], 2.2, processes=1)
  np.testing.assert_array_equal(run.outputs, 0 * expected[:5])
  assert run.arena_bytes == 7


@pytest.mark.parametrize(
  "code, reason",
  [
    ("raise SystemExit('the reason')", "the reason"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    ("print('short')", "must send 240 bytes"),
    ("import sys; sys.stdout.write('x' * 240)", "how much of its arena"),
    ("import sys; sys.stdout.write('x' * 999)", "Received: 999"),
  ],
)
def test_a_failing_child_is_an_error(
  quantized, inputs, monkeypatch, code, reason
):
  monkeypatch.setattr(micro, "WORKER", ("-c", code))
  line = _complaint(
    VerificationFailed, compare.run_micro, quantized, inputs, processes=1
  )
  assert reason in line


def test_an_arena_at_its_limit_is_an_error(quantized, inputs):
  line = _complaint(
    VerificationFailed,
    compare.run_micro,
    quantized,
    inputs,
    arena_limit=1024,
  )
  assert "in an arena of 1024 bytes" in line


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_leaves_no_child(quantized, tmp_path, how):
  (tmp_path / "model.tflite").write_bytes(quantized)
  worker = (
    "import os, sys, time; from elite_tf.system import processes;"
    "processes.die_with(int(sys.argv[7]));"
    "print(os.getpid(), file=open(sys.argv[3] + '.pid', 'w'), flush=True);"
    "time.sleep(60)"
  )
  code = f"""
      import os, pathlib, signal
      import numpy as np
      from elite_tf.conversion.interpreters import micro
      # A shell may have it ignored for what it starts in the background.
      signal.signal(signal.SIGINT, signal.default_int_handler)
      os.chdir({str(tmp_path)!r})  # Nor may the children need the old one.
      micro.WORKER = ("-c", {worker!r})
      model = pathlib.Path("model.tflite").read_bytes()
      inputs = np.zeros((2, {SIZE}, {SIZE}, 3), np.int8)
      micro.run_micro(model, inputs, processes=2)
  """
  with subprocess.Popen(
    [sys.executable, "-c", textwrap.dedent(code)],
    stderr=subprocess.PIPE,
    env=dict(os.environ, TMPDIR=str(tmp_path)),
  ) as process:
    paths = [tmp_path / "0.pid", tmp_path / "1.pid"]
    for _ in range(200):
      if all(path.exists() and path.read_text() for path in paths):
        break
      time.sleep(0.05)
    workers = [int(path.read_text()) for path in paths]
    process.send_signal(how)
    said = process.communicate(timeout=20)[1]
  if how == signal.SIGINT:
    assert b"KeyboardInterrupt" in said
    assert not list(tmp_path.glob("elite_tf-micro-*")), "files are left behind"
  assert not any(_alive(worker) for worker in workers)


def test_truncated_models_are_refused(quantized, images, inputs):
  labels = np.zeros(40, int)
  for model in [quantized[:-1], quantized[:2000], quantized[:10], b""]:
    _complaint(ConfigError, compare.run_micro, model, inputs)
    _complaint(ConfigError, compare.run_reference, model, inputs)
    _complaint(ConfigError, compare.compare, model, images, labels)


def test_a_network_that_an_interpreter_refuses(quantized, inputs):
  def edit(root):
    code = root.operatorCodes[0]
    code.deprecatedBuiltinCode = code.builtinCode = 32
    code.customCode = b"Mine"

  model = _edited(quantized, edit)
  for function in compare.run_reference, compare.run_micro:
    line = _complaint(VerificationFailed, function, model, inputs)
    assert "Mine" in line or "CUSTOM" in line


@pytest.mark.parametrize(
  "bad, received",
  [
    (np.zeros((0, SIZE, SIZE, 3), np.int8), "int8 of shape (0, 8, 8, 3)"),
    (np.zeros((1, SIZE, SIZE, 1), np.int8), "int8 of shape (1, 8, 8, 1)"),
    (np.zeros((SIZE, SIZE, 3), np.int8), "int8 of shape (8, 8, 3)"),
    (np.zeros((1, SIZE, SIZE, 3), np.uint8), "uint8 of shape"),
    (None, "NoneType"),
  ],
)
def test_inputs_that_do_not_fit_are_refused(quantized, bad, received):
  for function in compare.run_reference, compare.run_micro:
    assert received in _complaint(ConfigError, function, quantized, bad)


@pytest.mark.parametrize(
  "shape, dtype, labels, received",
  [
    ((2, SIZE, SIZE, 3), np.int8, 2, "int8"),
    ((2, SIZE, 9, 3), np.uint8, 2, "(2, 8, 9, 3)"),
    ((0, SIZE, SIZE, 3), np.uint8, 0, "(0, 8, 8, 3)"),
    ((2, SIZE, SIZE, 3), np.uint8, 3, "labels of shape (3,)"),
  ],
)
def test_images_that_do_not_fit_are_refused(
  quantized, shape, dtype, labels, received
):
  line = _complaint(
    ConfigError,
    compare.compare,
    quantized,
    np.zeros(shape, dtype),
    np.zeros(labels, int),
  )
  assert received in line


def test_no_workers_are_refused(quantized, inputs):
  for function in compare.run_reference, compare.run_micro:
    assert "Received: 0" in _complaint(
      ConfigError,
      lambda f=function: f(
        quantized,
        inputs,
        **{"threads" if f is compare.run_reference else "processes": 0},
      ),
    )
