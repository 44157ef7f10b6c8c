"""The command deploy: its flags, its folder, its runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elite_tf.errors import ConfigError, VerificationFailed
from elite_tf.firmware.make_project import write_folder
from elite_tf.firmware.result import require_equal
from elite_tf.firmware.targets import TARGETS, Figures, Project, get_target
from elite_tf.hardware.board_list import describe_boards

HOME = Path(__file__).parents[1]


def _run(*arguments):
  return subprocess.run(
      [sys.executable, "-m", "elite_tf.deploy", *map(str, arguments)],
      env={**os.environ, "PYTHONPATH": str(HOME)},
      capture_output=True, text=True, timeout=300, check=False,
  )  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
  """A network for digits of 8 x 8 pixels: one convolution, one mean."""
  import flatbuffers
  from tflite_micro.python.tflite_micro import runtime

  schema = runtime.schema_fb

  def tensor(shape, scale, zero_point, data=None):
    made = schema.TensorT()
    made.name, made.shape = f"t{len(graph.tensors)}".encode(), list(shape)
    made.type, made.buffer = schema.TensorType.INT8, 0
    if data is not None:
      buffer = schema.BufferT()
      buffer.data = np.frombuffer(data.tobytes(), np.uint8)
      root.buffers.append(buffer)
      made.buffer = len(root.buffers) - 1
      made.type = getattr(schema.TensorType, data.dtype.name.upper())
    if scale:
      made.quantization = schema.QuantizationParametersT()
      made.quantization.scale = list(np.atleast_1d(scale))
      made.quantization.zeroPoint = [zero_point] * np.size(scale)
    graph.tensors.append(made)
    return len(graph.tensors) - 1

  def operator(code, inputs, output, kind, **options):
    entry, made = schema.OperatorCodeT(), schema.OperatorT()
    entry.builtinCode = getattr(schema.BuiltinOperator, code)
    entry.deprecatedBuiltinCode, entry.version = entry.builtinCode, 1
    root.operatorCodes.append(entry)
    made.opcodeIndex = len(root.operatorCodes) - 1
    made.inputs, made.outputs = list(inputs), [output]
    made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
    made.builtinOptions = getattr(schema, f"{kind}T")()
    for name, value in options.items():
      setattr(made.builtinOptions, name, value)
    graph.operators.append(made)

  root, graph = schema.ModelT(), schema.SubGraphT()
  root.version, root.subgraphs, root.operatorCodes = 3, [graph], []
  root.buffers, graph.tensors, graph.operators = [schema.BufferT()], [], []
  random = np.random.default_rng(0)
  image = tensor((1, 8, 8, 1), 1 / 128, 0)
  weights = tensor(
      (10, 3, 3, 1), [0.02] * 10, 0,
      random.integers(-127, 128, (10, 3, 3, 1)).astype(np.int8),
  )  # fmt: skip
  bias = tensor((10,), None, 0, np.zeros(10, np.int32))
  middle = tensor((1, 4, 4, 10), 0.1, 0)
  operator(
      "CONV_2D", [image, weights, bias], middle, "Conv2DOptions", padding=0,
      strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1,
  )  # fmt: skip
  axes = tensor((2,), None, 0, np.array([1, 2], np.int32))
  answer = tensor((1, 10), 0.05, 0)
  operator("MEAN", [middle, axes], answer, "ReducerOptions", keepDims=False)
  graph.inputs, graph.outputs = [image], [answer]
  builder = flatbuffers.Builder(1024)
  builder.Finish(root.Pack(builder), b"TFL3")
  path = tmp_path_factory.mktemp("model") / "model.tflite"
  path.write_bytes(bytes(builder.Output()))
  return path


def test_list_explains_the_targets():
  done = _run("--target=list")
  assert done.returncode == 0
  for name, target in TARGETS.items():
    assert name in done.stdout and target.title in done.stdout


def test_list_shows_the_boards():
  done = _run("--board=list")
  assert (done.returncode, done.stderr) == (0, "")
  assert done.stdout == describe_boards() + "\n"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--target=c-mps2-an38"],
         "explains them. Received: 'c-mps2-an38'; did you mean c-mps2-an386?"),
        ([], "either --model or --run_dir"),
        (["--model=nowhere.tflite"], "--model=nowhere.tflite: no such file"),
        (["--model=MODEL"], "--out must name the folder"),
        (["--model=MODEL", "--out=FULL"], "must be a new or empty folder"),
        (["--model=MODEL", "--out=o", "--images=3"], "--images .*needs --run"),
        (["--model=MODEL", "--out=o", "--run"], "--target=c has nothing to run"),
        (["--model=BAD", "--out=o"], "Not a .tflite file"),
        (["--model=MODEL", "--champion=a"], "--champion needs --run_dir"),
        (["--run_dir=FULL"], "holds no finished search"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(arguments, message, model, tmp_path):
  full = tmp_path / "full"
  full.mkdir()
  (full / "bad.tflite").write_bytes(b"nothing")
  names = {"MODEL": model, "FULL": full, "BAD": full / "bad.tflite"}
  given = []
  for argument in arguments:
    for name, path in names.items():
      argument = argument.replace(name, str(path))
    given.append(argument.replace("--out=o", f"--out={tmp_path / 'o'}"))
  done = _run(*given)
  assert done.returncode == 1
  (line,) = done.stderr.strip().splitlines()
  assert line.startswith("error: ")
  assert pytest.importorskip("re").search(message, line), line
  assert not (tmp_path / "o").exists()


def test_runs_here(model, tmp_path):
  out = tmp_path / "firmware"
  done = _run(
      f"--model={model}", "--data=digits", "--target=c-host", f"--out={out}",
      "--run", "--images=40", "--format=json",
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  figures = json.loads(done.stdout)
  assert (figures["vectors"], figures["equal"]) == (64, 64)
  assert (figures["images"], figures["images_equal"]) == (40, 40)
  for name in ("model.c", "model.h", "preprocess.c", "labels.h", "Makefile"):
    assert (out / name).is_file()
  assert not (out / "check.elf").exists()


@pytest.mark.parametrize("name", [n for n in TARGETS if "mps" in n])
def test_runs_on_emulated_boards(name, model, tmp_path):
  for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
    if shutil.which(tool) is None:
      pytest.skip(f"{tool} is not installed")
  out = tmp_path / "firmware"
  done = _run(
      f"--model={model}", "--data=digits", f"--target={name}", f"--out={out}",
      "--run", "--images=3", "--format=json",
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  figures = json.loads(done.stdout)
  assert (figures["equal"], figures["images_equal"]) == (64, 3)
  assert 0 < figures["stack_bytes"] < 4096
  assert figures["buffer_bytes"] <= figures["static_ram_bytes"]
  assert figures["static_ram_bytes"] < figures["buffer_bytes"] + 256
  assert sum(figures["layers"].values()) == pytest.approx(
    figures["instructions"], rel=0.1
  )


PROJECT = Project(b"", {"model.c": b""}, (), 1000, 1000)


@pytest.mark.parametrize("name", [n for n in TARGETS if n[:2] == "c-"] + ["c"])
def test_every_target_of_plain_c_makes_a_folder(name, tmp_path):
  target = get_target(name)
  files = target.files(PROJECT)
  assert {"model.c", "Makefile", "main.c", "target.mk"} <= set(files)
  assert "kernels/convolution.c" in files
  write_folder(tmp_path / "out", files)
  assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
  if target.require is None:
    assert target.run is None


@pytest.mark.parametrize("name", [n for n in TARGETS if "mps" in n])
def test_networks_larger_than_the_board_are_refused(name):
  huge = Project(b"", {}, (), 5 << 20, 1000)
  with pytest.raises(ConfigError, match="more than the .* there are"):
    get_target(name).check(huge)
  wide = Project(b"", {}, (), 1000, 5 << 20)
  with pytest.raises(ConfigError, match="bytes of RAM"):
    get_target(name).check(wide)


def test_missing_tools_are_named(monkeypatch):
  monkeypatch.setenv("PATH", "/nowhere")
  with pytest.raises(ConfigError, match="apt-get install gcc"):
    get_target("c-mps2-an386").require("")


def test_different_outputs_are_an_error():
  require_equal(Figures(vectors=3, equal=3, images=2, images_equal=2))
  for figures in (
    Figures(vectors=3, equal=2),
    Figures(vectors=3, equal=3, images=2, images_equal=1),
    Figures(vectors=0, equal=0),
  ):
    with pytest.raises(VerificationFailed, match="differ on"):
      require_equal(figures)
