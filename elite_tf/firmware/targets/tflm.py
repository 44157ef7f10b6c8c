"""Projects for TensorFlow Lite Micro, for users who have its library.

All ecosystems get the same sources. They differ in the place of the sources and
in the files that describe the project to their tools: those are copied from one
folder of `tflite/tflm` per ecosystem.
"""

import functools
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from elite_tf.errors import ConfigError, VerificationFailed
from elite_tf.firmware import sources
from elite_tf.firmware.targets import program
from elite_tf.firmware.targets.base import Figures, Project, Target
from elite_tf.hardware.memory import CODE_BYTES

# Time limit of the configuration, and of the compilation.
BUILD_SECONDS = 300

# Limit of the vectors in a board's flash; at least one vector is stored.
VECTOR_BYTES = 32 * 1024

_TOOLS = {"cmake": "cmake", "c++": "g++", "make": "make"}

# Arduino does not let a library choose flags of the compiler.
_NO_FUSED_PRODUCTS = b"""\
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#endif
"""


def _files(layout: str, place: str, project: Project) -> dict[str, bytes]:
  """Returns all files of a project's folder.

  Args:
    layout: Name of a folder in `tflite/tflm`.
    place: Path of the sources in the project.
    project: The network.
  """
  common = {
    **project.files,
    **sources.read_files("preprocess", "tflm/common"),
    "vectors_data.c": "".join(_vectors(project.files["vectors.bin"])).encode(),
  }
  found = sources.read_tree(f"tflm/{layout}")
  # Boards have no file system.
  for name in ("vectors.bin", "images.bin"):
    data = common.pop(name, None)
    if layout == "cmake" and data is not None:
      found[name] = data
  if layout == "cmake":
    found |= sources.read_files(
      "check/main.c", "check/host.c", "check/platform.h"
    )
  if layout == "arduino":
    common["preprocess.c"] = _NO_FUSED_PRODUCTS + common["preprocess.c"]
  return found | {place + name: data for name, data in common.items()}


def _vectors(data: bytes) -> Iterator[str]:
  """Yields a C file with some of the vectors, evenly spaced."""
  count = struct.unpack_from("<I", data, 4)[0]
  numbers = memoryview(data)[8:].cast("b")
  size = len(numbers) // count
  kept = max(1, min(count, VECTOR_BYTES // size))
  yield '#include "self_test.h"\n\n'
  yield f"const int32_t elite_vectors = {kept};\n\n"
  yield f"const int8_t elite_vectors_data[{kept * size}] = {{\n"
  for index in range(kept):
    start = index * count // kept * size
    vector = numbers[start : start + size].tolist()
    for first in range(0, size, 20):
      yield f"    {','.join(map(str, vector[first : first + 20]))},\n"
  yield "};\n"


def _generate(*arguments, **keywords):
  # NumPy is loaded only when sources are generated.
  from elite_tf.firmware import tflm

  return tflm.generate(*arguments, **keywords)


def _require(tflm_root: str) -> None:
  if not tflm_root:
    raise ConfigError(
      "--run: --target=tflm-cmake needs --tflm_root, the folder of TensorFlow"
      " Lite Micro with its library built"
    )
  if not Path(tflm_root).is_dir():
    raise ConfigError(f"--tflm_root={tflm_root}: no such folder")
  program.require_tools(_TOOLS)


def _run(
  folder: Path, project: Project, on_image: Callable[[int], None]
) -> Figures:
  """Builds a project for this computer, runs it and returns its figures."""
  with tempfile.TemporaryDirectory(prefix="elite_tf-deploy-") as build:
    root = Path(project.tflm_root).absolute()
    _build("-S", str(folder), "-B", build, f"-DTFLM_ROOT={root}")
    _build("--build", build)
    check = str(Path(build) / "elite_check")
    said = program.execute([check], folder, on_image)
  return Figures(
    vectors=said["vectors"],
    equal=said["equal"],
    images=said.get("images", 0),
    images_equal=said.get("images_equal", 0),
    images_right=said.get("images_right", 0),
    buffer_bytes=project.buffer_bytes,
  )


def _build(*arguments: str) -> None:
  done = subprocess.run(
    ["cmake", *arguments],
    stdin=subprocess.DEVNULL,
    capture_output=True,
    text=True,
    timeout=BUILD_SECONDS,
    check=False,
  )
  if done.returncode == 0:
    return
  said = " ".join(f"{done.stderr} {done.stdout}".split())
  _, missing, reason = said.partition("TFLM_ROOT must hold")
  if missing:
    raise ConfigError(f"--tflm_root must hold{reason[:200]}")
  at = max(said.find("error:"), 0)
  raise VerificationFailed(
    f"the sources cannot be built: {said[at : at + 400]}"
  )


def _target(
  name: str, title: str, place: str, hint: str, runs: bool = False
) -> Target:
  return Target(
    name=f"tflm-{name}",
    title=f"TensorFlow Lite Micro {title}",
    files=functools.partial(_files, name, place),
    require=_require if runs else None,
    run=_run if runs else None,
    generate=_generate,
    hint=hint,
    code_bytes=CODE_BYTES,
    board=lambda board: {},  # The vendors' kits have the files of a board.
  )


TARGETS = (
  _target(
    "cmake",
    "through CMake, here or cross-compiled; runs with --tflm_root",
    "",
    "cmake -S . -B build -DTFLM_ROOT=... configures it",
    True,
  ),
  _target(
    "arduino",
    "as an Arduino library with a sketch",
    "src/",
    "move the folder to the folder libraries of the sketchbook",
  ),
  _target(
    "esp-idf",
    "as an ESP-IDF project; its component manager fetches the library",
    "components/elite_model/",
    "idf.py set-target esp32s3 && idf.py flash monitor",
  ),
  _target(
    "pico",
    "for Raspberry Pi Pico's SDK, with pico-tflmicro",
    "",
    "cmake -S . -B build -DTFLM_ROOT=... configures it",
  ),
  _target(
    "zephyr",
    "as a Zephyr application, with its module tflite-micro",
    "src/",
    "west build -b BOARD . builds it",
  ),
)
