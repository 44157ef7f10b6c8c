"""Checks the firmware generator on .tflite files with one damaged byte.

    tools/check_damaged.py network.tflite [--count=1000] [--run_every=20]

Changes one byte at a time: half of the bytes are anywhere in the file (nearly
always in a weight), the other half outside the weights. Each damaged file must
lead to an error of one line or to a program. Every `run_every`th program is
compiled with the address and undefined-behaviour sanitizers and run on four
random inputs. Its outputs are compared with TensorFlow Lite Micro's to the last
byte, if that runs the damaged file. A file with a damaged scale or shape may be
a valid network.

Prints one JSON object: "errors" (refused in one line), "programs", "run", "equal"
(number of runs), "refused_by_tflm" (runs without a fault and without outputs to
compare), "different" and "faults" (positions of bytes). The exit code is 1 if
one of the last two is not empty.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from elite_tf.errors import ConfigError, EliteError, VerificationFailed
from elite_tf.firmware import vectors
from elite_tf.firmware.generate import generate
from elite_tf.firmware.targets import Project, get_target

SANITIZERS = "-O1 -fsanitize=address,undefined -fno-sanitize-recover=all"
INPUTS = 4


def structure(model: bytes) -> np.ndarray:
  """Returns the positions of the bytes outside the weights."""
  from tflite_micro.python.tflite_micro import runtime

  outside = np.ones(len(model), bool)
  file = np.frombuffer(model, np.uint8)
  root = runtime.schema_fb.Model.GetRootAsModel(model, 0)
  for number in range(root.BuffersLength()):
    data = root.Buffers(number).DataAsNumpy()
    if isinstance(data, np.ndarray) and data.size > 16:
      start = data.ctypes.data - file.ctypes.data
      outside[start : start + data.size] = False
  return np.flatnonzero(outside)


def damaged_project(model: bytes, target) -> Project:
  """Returns the project of a damaged file, without vectors."""
  sources = generate(model, (), "A damaged file.")
  files = {name: text.encode() for name, text in sources.files.items()}
  project = Project(
    model, files, sources.layers, sources.constant_bytes, sources.buffer_bytes
  )
  target.check(project)
  return project


def run(project: Project, target) -> str:
  """Returns "equal", "different" or "refused_by_tflm"; raises on a fault."""
  refused = ""
  try:
    checks = vectors.vectors(project.model, None, INPUTS)
  except VerificationFailed:
    refused, checks = "refused_by_tflm", b""
  project.files["vectors.bin"] = (
    checks or np.array([vectors.MAGIC, 0], np.uint32).tobytes()
  )
  with tempfile.TemporaryDirectory(prefix="elite_tf-damaged-") as folder:
    for path, data in target.files(project).items():
      (Path(folder) / path).parent.mkdir(exist_ok=True)
      (Path(folder) / path).write_bytes(data)
    figures = target.run(Path(folder), project, lambda _: None)
  return refused or (
    "equal" if figures.equal == figures.vectors == INPUTS else "different"
  )


def main() -> int:
  """Runs the command; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("model")
  parser.add_argument("--count", type=int, default=1000)
  parser.add_argument("--run_every", type=int, default=20)
  parser.add_argument("--seed", type=int, default=0)
  options = parser.parse_args()
  os.environ["CFLAGS"] = SANITIZERS
  target = get_target("c-host")
  model = Path(options.model).read_bytes()
  random = np.random.default_rng(options.seed)
  anywhere = random.integers(8, len(model), options.count - options.count // 2)
  places = random.permutation(
      np.concatenate([
          anywhere, random.choice(structure(model), options.count // 2)
      ])
  )  # fmt: skip
  found = dict.fromkeys(
    ("errors", "programs", "run", "equal", "refused_by_tflm"), 0
  )
  found |= {"different": [], "faults": []}
  for place in places.tolist():
    damaged = bytearray(model)
    damaged[place] ^= int(random.integers(1, 256))
    try:
      project = damaged_project(bytes(damaged), target)
    except ConfigError:
      found["errors"] += 1
      continue
    found["programs"] += 1
    if found["programs"] % options.run_every:
      continue
    found["run"] += 1
    try:
      outcome = run(project, target)
    except EliteError as error:
      print(f"byte {place}: {error}", file=sys.stderr, flush=True)
      outcome = "faults"
    if outcome in ("different", "faults"):
      found[outcome].append(place)
    else:
      found[outcome] += 1
  print(json.dumps({"bytes": len(model), "count": options.count, **found}))
  return int(bool(found["different"] or found["faults"]))


if __name__ == "__main__":
  sys.exit(main())
