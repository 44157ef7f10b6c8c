"""Sources for TensorFlow Lite Micro, built against a library that looks its
answers up in the file of vectors."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import elite_tf
from elite_tf.conversion.interpreters.micro import run_micro
from elite_tf.errors import ConfigError, VerificationFailed
from elite_tf.firmware import make_project, resolver, result, tflm, vectors
from elite_tf.firmware.targets import Project, get_target

HOME = Path(__file__).parents[2]
STUBS = Path(__file__).parent / "stubs"
LIBRARY = STUBS / "tflm"

NAMES = ("arduino", "cmake", "esp-idf", "pico", "zephyr")

# Of the network: the library's stub is told them.
INPUT_BYTES, OUTPUT_BYTES = 64, 10

STRICT = ("-Wall", "-Wextra", "-Werror", "-DTF_LITE_STATIC_MEMORY")
CXX = (*STRICT, "-fno-exceptions", "-fno-rtti")


def _network(network, last="SOFTMAX"):
  """A convolution, a mean and what comes last, of an image of 8 x 8."""
  net = network()
  random = np.random.default_rng(0)
  source = net.tensor((1, 8, 8, 1), 1 / 128, 0)
  weights = net.tensor(
      (10, 3, 3, 1), [0.02] * 10, 0,
      random.integers(-127, 128, (10, 3, 3, 1)).astype(np.int8),
  )  # fmt: skip
  bias = net.tensor((10,), data=np.zeros(10, np.int32))
  middle = net.tensor((1, 4, 4, 10), 0.1, 0)
  net.operator(
      "CONV_2D", [source, weights, bias], [middle], "Conv2DOptions",
      padding=0, strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1,
  )  # fmt: skip
  axes = net.tensor((2,), data=np.array([1, 2], np.int32))
  mean = net.tensor((1, 10), 0.05, 0)
  net.operator("MEAN", [middle, axes], [mean], "ReducerOptions", keepDims=False)
  answer = net.tensor((1, 10), 1 / 256, -128)
  options = {"kind": "SoftmaxOptions", "beta": 1.0}
  net.operator(last, [mean], [answer], **options if last == "SOFTMAX" else {})
  return net, source, answer


@pytest.fixture(scope="module")
def model(network):
  net, source, answer = _network(network)
  return net.pack(source, answer)


@pytest.fixture(scope="module")
def project(model):
  generated = tflm.generate(model, (), "Made of */ a test.")
  files = {name: text.encode() for name, text in generated.files.items()}
  files["vectors.bin"] = vectors.vectors(model, None)
  return Project(
    model, files, (), generated.constant_bytes, generated.buffer_bytes
  )


@pytest.fixture(scope="module")
def library(tmp_path_factory):
  """TFLM_ROOT: headers and the library."""
  root = tmp_path_factory.mktemp("tflm") / "root"
  shutil.copytree(LIBRARY, root)
  (root / "lib").mkdir()
  _call(
      "g++", *CXX, f"-DINPUT_BYTES={INPUT_BYTES}",
      f"-DOUTPUT_BYTES={OUTPUT_BYTES}", "-c", "-I.", "interpreter.cc",
      cwd=root,
  )  # fmt: skip
  _call("ar", "rc", "lib/libtensorflow-microlite.a", "interpreter.o", cwd=root)
  return root


def _call(*arguments, **keywords):
  done = subprocess.run(
      arguments, capture_output=True, text=True, timeout=120, check=False,
      **keywords,
  )  # fmt: skip
  assert done.returncode == 0, done.stdout + done.stderr
  return done.stdout


def _write(name, project, folder):
  make_project.write_folder(folder, get_target(f"tflm-{name}").files(project))
  return folder


def _expect_equal(said, count=None):
  """Reads what a board prints."""
  found = dict(re.findall(r"elite (\w+) (\S+)", said))
  assert int(found["vectors"]) == count or (
    count is None and "vectors" in found
  )
  assert found.get("equal", found["vectors"]) == found["vectors"]
  assert found.get("different", "0") == "0"


def test_resolver_has_exactly_the_operators_of_the_network(project):
  text = project.files["resolver.h"].decode()
  assert "MicroMutableOpResolver<3>" in text
  assert re.findall(r"resolver\.(\w+)\(\)", text) == [
      "AddConv2D", "AddMean", "AddSoftmax",
  ]  # fmt: skip


def test_every_method_is_one_of_the_library(tmp_path):
  """The stub has the methods that the library's header had in 2023."""
  header = LIBRARY / "tensorflow/lite/micro/micro_mutable_op_resolver.h"
  there = set(re.findall(r"TfLiteStatus (Add\w+)\(", header.read_text()))
  known = resolver._ADD_METHODS
  assert set(known.values()) <= there
  # The one spelling says the other.
  for name, method in known.items():
    assert name.replace("_", "") == method[3:].upper()
  (tmp_path / "all.cc").write_text(
    resolver.header(known) + "EliteResolver all;\n"
    "bool good() { return elite_add_operators(all); }\n"
  )
  _call("g++", *CXX, "-c", f"-I{LIBRARY}", "all.cc", cwd=tmp_path)


def test_an_operator_without_a_method_is_named():
  with pytest.raises(
    ConfigError, match="registers these operators.*operator MyOwn"
  ):
    resolver.header(["CONV_2D", "MyOwn"])


def test_model_and_arena(project, model):
  text = project.files["model_data.cc"].decode()
  assert "alignas(16) const unsigned char elite_model_data" in text
  numbers = text.partition("elite_model_data[")[2].partition("{")[2]
  assert bytes(map(int, re.findall(r"\d+", numbers))) == model
  arena = run_micro(model, np.zeros((1, 8, 8, 1), np.int8)).arena_bytes
  assert project.buffer_bytes % 16 == 0
  assert 0 <= project.buffer_bytes - arena < 16
  header = project.files["model.h"].decode()
  assert f"ELITE_ARENA_BYTES {project.buffer_bytes}\n" in header


@pytest.mark.parametrize("standard", ["c++11", "c++17"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_sources_are_clean(compiler, standard, project, tmp_path):
  if shutil.which(compiler) is None:
    pytest.skip(f"{compiler} is not installed")
  folder = _write("cmake", project, tmp_path / "p")
  _call(
      compiler, *CXX, f"-std={standard}", "-pedantic", "-fsyntax-only",
      f"-I{LIBRARY}", "interpreter.cc", "model_data.cc", cwd=folder,
  )  # fmt: skip
  c = {"g++": "gcc", "clang++": "clang"}[compiler]
  _call(
      c, *STRICT, "-std=c11", "-pedantic", "-fsyntax-only", "preprocess.c",
      "self_test.c", "vectors_data.c", "main.c", "host.c", cwd=folder,
  )  # fmt: skip


CAMERA = """
#include <stdio.h>

#include "model.h"

static const uint8_t pixels[][64] = {%s};

int main() {
  if (elite_classify(pixels[0], 8, 8, nullptr) != ELITE_NOT_SET_UP) return 1;
  if (elite_input() || elite_setup() || !elite_input()) return 2;
  for (const uint8_t *picture : pixels) {
    printf("%%d\\n", (int)elite_classify(picture, 8, 8, nullptr));
  }
  return 0;
}
"""


def test_pictures_are_classified(model, project, library, tmp_path):
  """From pixels to the class that TensorFlow Lite Micro has for them."""
  random = np.random.default_rng(1)
  images = random.integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
  pictures = vectors.Pictures(images, np.zeros(6, int), False)
  data = vectors.vectors(model, pictures, 6)
  expected = [
    int(np.frombuffer(data[8:], np.int8).reshape(12, 74)[i, 64:].argmax())
    for i in range(6)
  ]
  folder = _write("cmake", project, tmp_path / "p")
  (folder / "vectors.bin").write_bytes(data)
  rows = (
    "{{{}}}".format(",".join(map(str, image.ravel()))) for image in images
  )
  (folder / "camera.cc").write_text(CAMERA % ",".join(rows))
  _call("gcc", *STRICT, "-c", "preprocess.c", cwd=folder)
  _call(
      "g++", *CXX, f"-I{LIBRARY}", "-o", "camera", "camera.cc",
      "interpreter.cc", "model_data.cc", "preprocess.o",
      library / "lib/libtensorflow-microlite.a", cwd=folder,
  )  # fmt: skip
  said = _call("./camera", cwd=folder)
  assert list(map(int, said.split())) == expected
  assert len(set(expected)) > 1


def _run(root, project, folder):
  target = get_target("tflm-cmake")
  project = Project(
    **{**vars(project), "tflm_root": str(root)}  # As --tflm_root has it.
  )
  return target.run(folder, project, lambda _: None)


def test_a_wrong_answer_is_seen(project, library, tmp_path):
  """The library's answers are the file's; the program expects others."""
  folder = _write("cmake", project, tmp_path / "p")
  main = folder / "main.c"
  text = main.read_text()
  assert "!platform_read(expected, sizeof expected)) {" in text
  main.write_text(
    text.replace(
      "const uint64_t before",
      "expected[0] ^= i == 3;\n    const uint64_t before",
      1,
    )
  )
  figures = _run(library, project, folder)
  assert (figures.vectors, figures.equal) == (32, 31)
  with pytest.raises(VerificationFailed, match="differ on 1 of 32"):
    result.require_equal(figures)


def test_a_refusing_library_is_an_error(project, library, tmp_path):
  folder = _write("cmake", project, tmp_path / "p")
  header = folder / "model.h"
  header.write_text(
    re.sub(r"(BYTES) \d+\n#endif", r"\1 16\n#endif", header.read_text())
  )
  with pytest.raises(VerificationFailed, match="library refuses the network"):
    _run(library, project, folder)
  with pytest.raises(ConfigError, match="--tflm_root must hold"):
    _run(tmp_path, project, folder)


def test_a_run_needs_the_library(tmp_path):
  target = get_target("tflm-cmake")
  with pytest.raises(ConfigError, match="needs --tflm_root"):
    target.require("")
  with pytest.raises(ConfigError, match="--tflm_root=.*: no such folder"):
    target.require(str(tmp_path / "nowhere"))
  for name in set(NAMES) - {"cmake"}:
    assert get_target(f"tflm-{name}").run is None


@pytest.mark.parametrize(
  "name, program",
  [("esp-idf", "elite"), ("pico", "elite"), ("zephyr", "app")],
)
def test_projects_build_and_run(name, program, project, tmp_path):
  """Every CMakeLists.txt is executed, with its ecosystem's commands stubbed."""
  folder = _write(name, project, tmp_path / "p")
  build = tmp_path / "build"
  environment = {
    **os.environ,
    "IDF_PATH": str(STUBS / "idf"),
    "PICO_SDK_PATH": str(STUBS / "pico_sdk"),
    "ZEPHYR_BASE": str(STUBS / "zephyr"),
  }
  _call(
      "cmake", "-S", folder, "-B", build, f"-DSTUBS={STUBS}", "-Wno-dev",
      f"-DTFLM_ROOT={LIBRARY}", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror",
      "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror -fno-exceptions -fno-rtti",
      env=environment,
  )  # fmt: skip
  _call("cmake", "--build", build)
  (build / "vectors.bin").write_bytes(project.files["vectors.bin"])
  _expect_equal(_call(build / program, cwd=build), 32)


def test_arduino_library_builds_and_runs(project, library, tmp_path):
  folder = _write("arduino", project, tmp_path / "p")
  objects = []
  # As Arduino compiles: every source of src/, and the sketch as C++.
  (folder / "sketch.cpp").write_text(
    '#include "Arduino.h"\n'
    + (folder / "examples/SelfTest/SelfTest.ino").read_text()
    + "int main() { setup(); loop(); }\n"
  )
  for file in [*(folder / "src").glob("*.c*"), folder / "sketch.cpp"]:
    c = file.suffix == ".c"
    objects.append(folder / f"{file.stem}.o")
    _call(
      *(["gcc", *STRICT] if c else ["g++", *CXX, "-std=gnu++11"]),
      "-DARDUINO=10819",
      "-c",
      f"-I{folder}/src",
      f"-I{LIBRARY}",
      f"-I{STUBS}/arduino",
      "-o",
      objects[-1],
      file,
    )
  archive = library / "lib/libtensorflow-microlite.a"
  _call("g++", "-o", folder / "sketch", *objects, archive)
  (folder / "vectors.bin").write_bytes(project.files["vectors.bin"])
  _expect_equal(_call(folder / "sketch", cwd=folder), 32)


def test_arduino_library_has_the_fields_of_the_specification(project):
  """https://docs.arduino.cc/arduino-cli/library-specification"""
  files = get_target("tflm-arduino").files(project)
  lines = files["library.properties"].decode().splitlines()
  fields = dict(line.split("=", 1) for line in lines)
  for name in (
      "name", "version", "author", "maintainer", "sentence", "paragraph",
      "category", "url", "architectures",
  ):  # fmt: skip
    assert fields[name]
  assert re.fullmatch(r"[A-Za-z][\w .-]{0,62}", fields["name"])
  assert not fields["name"].lower().startswith("arduino")
  assert fields["version"] == elite_tf.__version__
  assert fields["category"] in (
      "Display", "Communication", "Signal Input/Output", "Sensors",
      "Device Control", "Timing", "Data Storage", "Data Processing", "Other",
  )  # fmt: skip
  assert f"src/{fields['includes']}" in files
  # A sketch has the name of its folder.
  assert "examples/SelfTest/SelfTest.ino" in files


def test_manifests_are_in_order(project):
  files = get_target("tflm-esp-idf").files(project)
  place = "components/elite_model/idf_component.yml"
  manifest = yaml.safe_load(files[place])
  assert set(manifest) == {"version", "description", "dependencies"}
  assert manifest["version"] == elite_tf.__version__
  assert manifest["dependencies"]["espressif/esp-tflite-micro"].startswith("^")
  files = get_target("tflm-zephyr").files(project)
  sample = yaml.safe_load(files["sample.yaml"])
  assert sample["sample"]["name"] and sample["tests"]
  for name, test in sample["tests"].items():
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", name)
    assert test["integration_platforms"]
  assert sample["common"]["modules"] == ["tflite-micro"]
  # What the board prints is what twister waits for.
  (expected,) = sample["common"]["harness_config"]["regex"]
  assert re.search(expected.removesuffix(" 0"), str(files["src/main.cpp"]))
  settings = dict(
      line.split("=") for line in files["prj.conf"].decode().splitlines()
      if not line.startswith("#")
  )  # fmt: skip
  assert settings["CONFIG_TENSORFLOW_LITE_MICRO"] == "y"
  assert all(name.startswith("CONFIG_") for name in settings)


@pytest.mark.parametrize("name", NAMES)
def test_boards_keep_some_vectors_in_their_flash(name, project):
  files = get_target(f"tflm-{name}").files(project)
  assert ("vectors.bin" in files) == (name == "cmake")
  (path,) = (x for x in files if x.endswith("vectors_data.c"))
  numbers = files[path].decode().partition("{")[2]
  stored = project.files["vectors.bin"][8:]
  written = bytes(int(n) % 256 for n in re.findall(r"-?\d+", numbers))
  assert written == stored  # All of them, so small they are.


def test_large_vectors_are_left_out(project):
  size = 20_000
  rows = [bytes([i]) * size for i in range(64)]
  head = project.files["vectors.bin"][:4] + (64).to_bytes(4, "little")
  many = Project(
    **{
      **vars(project),
      "files": {**project.files, "vectors.bin": head + b"".join(rows)},
    }
  )
  text = get_target("tflm-zephyr").files(many)["src/vectors_data.c"].decode()
  assert "elite_vectors = 1;" in text
  assert text.count("0,") > size / 2


@pytest.mark.parametrize(
  "change, message",
  [
    ("float", "quantize the network to int8. Received: floating-point"),
    ("shape", "one square image"),
    ("labels", "10 outputs need as many labels. Received: 2"),
    ("file", "Not a .tflite file"),
  ],
)
def test_networks_that_cannot_be(change, message, network):
  net, source, answer = _network(network)
  if change == "float":
    net.graph.tensors[answer].type = net.schema.TensorType.FLOAT32
  if change == "shape":
    net.graph.tensors[source].shape = [1, 8, 4, 2]
  model = b"nothing" if change == "file" else net.pack(source, answer)
  labels = ("cat", "dog") if change == "labels" else ()
  with pytest.raises(ConfigError, match=message):
    tflm.generate(model, labels, "a test")


def _deploy(*arguments):
  return subprocess.run(
      [sys.executable, "-m", "elite_tf.deploy", *map(str, arguments)],
      env={**os.environ, "PYTHONPATH": str(HOME)},
      capture_output=True, text=True, timeout=300, check=False,
  )  # fmt: skip


def test_command_runs(model, library, tmp_path):
  path, out = tmp_path / "model.tflite", tmp_path / "o"
  path.write_bytes(model)
  given = (f"--model={path}", "--target=tflm-cmake", f"--out={out}", "--run")
  done = _deploy(*given)
  assert done.returncode == 1 and "needs --tflm_root" in done.stderr
  assert not out.exists()
  done = _deploy(*given, f"--tflm_root={library}", "--format=json")
  assert done.returncode == 0, done.stderr
  figures = json.loads(done.stdout)
  assert (figures["vectors"], figures["equal"]) == (32, 32)
  assert figures["constant_bytes"] == len(model)
  assert not (out / "build").exists()
