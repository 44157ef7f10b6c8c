"""The C sources as a whole: compiled strictly, run under sanitizers."""

import re
import shutil
import struct
import subprocess

import numpy as np
import pytest

from elite_tf.errors import ConfigError
from elite_tf.firmware import generate, sources
from elite_tf.firmware.kernels import KERNELS
from elite_tf.firmware.targets import Project, get_target
from elite_tf.firmware.vectors import MAGIC

STRICT = "-std=c11 -Wall -Wextra -Werror -pedantic"


def _bottleneck(network, size=12):
  """An inverted bottleneck with a gate and a skip, and a head: int8."""
  random = np.random.default_rng(3)
  net = network()

  def tensor(*shape):
    return net.tensor(shape, 0.05, int(random.integers(-20, 20)))

  def convolve(source, shape, target, code="CONV_2D", stride=1):
    axis = 0 if code == "CONV_2D" else 3
    channels = shape[axis]
    weights = net.tensor(
        shape, [0.01] * channels, 0,
        random.integers(-60, 60, shape).astype(np.int8), axis,
    )  # fmt: skip
    bias = net.tensor(
      (channels,),
      data=random.integers(-500, 500, channels).astype(np.int32),
    )
    extra = {} if code == "CONV_2D" else {"depthMultiplier": 1}
    kind = "Conv2DOptions" if code == "CONV_2D" else "DepthwiseConv2DOptions"
    return net.operator(
        code, [source, weights, bias], [target], kind, padding=0,
        strideH=stride, strideW=stride, dilationHFactor=1, dilationWFactor=1,
        **extra,
    )  # fmt: skip

  def swish(source, *shape):
    gate = net.tensor(shape, 1 / 256, -128)
    net.operator("LOGISTIC", [source], [gate])
    return net.operator("MUL", [source, gate], [tensor(*shape)], "MulOptions")

  half = size // 2
  image = net.tensor((1, size, size, 1), 1 / 128, 0)
  x = convolve(image, (4, 3, 3, 1), tensor(1, half, half, 4), stride=2)
  wide = convolve(x, (24, 1, 1, 4), tensor(1, half, half, 24))
  wide = swish(wide, 1, half, half, 24)
  deep = convolve(
    wide, (1, 5, 5, 24), tensor(1, half, half, 24), "DEPTHWISE_CONV_2D"
  )
  deep = swish(deep, 1, half, half, 24)
  axes = net.tensor((2,), data=np.array([1, 2], np.int32))
  mean = tensor(1, 1, 1, 24)
  net.operator("MEAN", [deep, axes], [mean], "ReducerOptions", keepDims=True)
  gate = convolve(mean, (24, 1, 1, 24), tensor(1, 1, 1, 24))
  opened = net.tensor((1, 1, 1, 24), 1 / 256, -128)
  net.operator("LOGISTIC", [gate], [opened])
  gated = tensor(1, half, half, 24)
  net.operator("MUL", [deep, opened], [gated], "MulOptions")
  narrow = convolve(gated, (4, 1, 1, 24), tensor(1, half, half, 4))
  total = tensor(1, half, half, 4)
  net.operator("ADD", [narrow, x], [total], "AddOptions")
  pooled = tensor(1, 4)
  net.operator("MEAN", [total, axes], [pooled], "ReducerOptions")
  answer = net.tensor((1, 4), 1 / 256, -128)
  net.operator("SOFTMAX", [pooled], [answer], "SoftmaxOptions", beta=1.0)
  return net.pack(image, answer)


@pytest.fixture(scope="module")
def project(network, run_bulk):
  """A project with vectors."""
  model = _bottleneck(network)
  inputs = np.random.default_rng(0).integers(
    -128, 128, (8, 12, 12, 1), dtype=np.int8
  )
  (outputs,) = run_bulk([(model, inputs)])
  made = generate.generate(model, ("a", "b", "c", 'd"\\?'), "A test.")
  vectors = struct.pack("<II", MAGIC, len(inputs)) + b"".join(
    row.tobytes() + output.tobytes() for row, output in zip(inputs, outputs)
  )
  files = {name: text.encode() for name, text in made.files.items()}
  return Project(
    model=model,
    files={**files, "vectors.bin": vectors},
    layers=made.layers,
    constant_bytes=made.constant_bytes,
    buffer_bytes=made.buffer_bytes,
  )


def _build(folder, project, **variables):
  for name, data in get_target("c").files(project).items():
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
  done = subprocess.run(
      ["make", "-s", *(f"{k}={v}" for k, v in variables.items())],
      cwd=folder, capture_output=True, text=True, timeout=120, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert not done.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_strict_and_sanitized(compiler, project, tmp_path):
  if shutil.which(compiler) is None:
    pytest.skip(f"{compiler} is not installed")
  sanitizers = "-fsanitize=address,undefined -fno-sanitize-recover=all"
  _build(tmp_path, project, CC=compiler, CFLAGS=f"-O1 {STRICT} {sanitizers}")
  done = subprocess.run(
      ["./check.elf"], cwd=tmp_path, capture_output=True, text=True,
      timeout=120, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stdout + done.stderr
  assert "elite equal 8" in done.stdout


def test_a_wrong_output_is_noticed(project, tmp_path):
  vectors = bytearray(project.files["vectors.bin"])
  vectors[-1] ^= 1
  files = {**project.files, "vectors.bin": bytes(vectors)}
  _build(tmp_path, Project(b"", files, (), 0, 0))
  done = subprocess.run(
      ["./check.elf"], cwd=tmp_path, capture_output=True, text=True,
      timeout=120, check=False,
  )  # fmt: skip
  assert done.returncode == 1
  assert "elite different 7" in done.stdout


def test_no_memory_that_was_never_written_is_read(project, tmp_path):
  if shutil.which("valgrind") is None:
    pytest.skip("valgrind is not installed")
  _build(tmp_path, project, CFLAGS="-O1 -g")
  done = subprocess.run(
      ["valgrind", "-q", "--error-exitcode=9", "./check.elf"], cwd=tmp_path,
      capture_output=True, text=True, timeout=300, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr[-2000:]


def test_labels_are_c_strings(project):
  assert b'"d\\042\\134\\077"' in project.files["labels.h"]


def test_sources_do_not_depend_on_chance(project):
  again = generate.generate(project.model, ("a", "b", "c", 'd"\\?'), "A test.")
  assert again.files["model.c"].encode() == project.files["model.c"]


def test_labels_are_as_many_as_outputs(project):
  with pytest.raises(ConfigError, match="4 outputs need as many labels"):
    generate.generate(project.model, ("a",), "")


def _structure(header, name):
  """Returns the members of a structure, pointers marked by a star."""
  text = (sources.tflite_folder() / "kernels" / f"{header}.h").read_text()
  text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
  body = re.search(r"typedef struct \{([^}]*)\} " + name + ";", text)[1]
  for declaration in body.split(";")[:-1]:
    kind, names = declaration.strip().removeprefix("const ").split(" ", 1)
    yield from ((kind, part.strip()) for part in names.split(","))


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_structures_are_those_of_the_headers(name):
  kernel = KERNELS[name]
  expected = [(kind, f"*{array}") for array, kind in kernel.arrays]
  expected += [("int32_t", field) for field in kernel.fields]
  assert list(_structure(kernel.header, kernel.structure)) == expected


def test_kernels_take_no_memory_and_no_mathematics():
  words = re.compile(r"\b(malloc|calloc|free|alloca|float|double|math\.h)\b")
  for file in sorted((sources.tflite_folder() / "kernels").iterdir()):
    code = re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)
    assert not words.search(code), file
