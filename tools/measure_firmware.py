"""Measures the firmware of four networks on an emulated board.

    python tools/measure_firmware.py                       # Cortex-M4: 4 minutes
    python tools/measure_firmware.py --target=c-mps3-an547
    python tools/measure_firmware.py --format=json
    python tools/measure_firmware.py --networks=elite9     # 1 minute

Measures the smallest network of each family and MobileNet 0.25, at 96 pixels with
three channels and ten classes (`elite9`: eLite9 at 224 pixels with 1,000 classes),
with random weights, in int8. Prints the arena of TensorFlow Lite Micro on this
computer, and the memory and the instructions of the firmware on the board. The
outputs for 32 random inputs are compared to the last byte; the exit code is 1 if
one differs.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from check_memory import convert, find, network

from elite_tf.conversion.interpreters.micro import run_micro
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.firmware import lowering, memory_planner, parse_tflite, vectors
from elite_tf.firmware.generate import generate
from elite_tf.firmware.targets import Project, get_target

PIXELS, CHANNELS, CLASSES = 96, 3, 10

NAMES = ("elite", "hf", "lite", "mobilenet")

# In an interpreter this network needs far more memory than a board has.
LARGE = {"elite9": find("elite", 4, 4, 224, CHANNELS, 1000, activation="")}

COLUMNS = (
    "arena_bytes", "buffer_bytes_not_streamed", "buffer_bytes",
    "static_ram_bytes", "stack_bytes", "constant_bytes", "code_bytes",
    "instructions",
)  # fmt: skip


def make(name: str) -> bytes:
  """Returns a network's .tflite file."""
  if name in LARGE:
    return convert(network(LARGE[name]))
  if name != "mobilenet":
    return convert(
      network(find(name, 4, 4, PIXELS, CHANNELS, CLASSES, activation=""))
    )
  import keras
  import numpy as np

  keras.utils.set_random_seed(0)
  model = keras.applications.MobileNet(
      input_shape=(PIXELS, PIXELS, CHANNELS), alpha=0.25, weights=None,
      classes=CLASSES,
  )  # fmt: skip
  generator = np.random.default_rng(0)
  for weight in model.weights:
    # With biases of zero the quantized maps would be almost zero.
    if len(weight.shape) < 2 and "seed" not in weight.path:
      values = generator.uniform(0.7, 1.4, weight.shape)
      weight.assign(values.astype(np.float32))
  return convert(model)


def measure(name: str, target_name: str) -> dict:
  """Returns the figures of a network, and whether all vectors are equal."""
  import numpy as np

  model = make(name)
  program = lowering.lower(parse_tflite.parse(model))
  image = np.zeros(inspect(model).input.shape, np.int8)
  made = generate(model, (), f"{name}, random weights")
  files = {file: text.encode() for file, text in made.files.items()}
  files["vectors.bin"] = vectors.vectors(model, None)
  project = Project(
    model, files, made.layers, made.constant_bytes, made.buffer_bytes
  )
  target = get_target(target_name)
  target.check(project)
  with tempfile.TemporaryDirectory(prefix="elite_tf-measure-") as folder:
    for path, data in target.files(project).items():
      (Path(folder) / path).parent.mkdir(exist_ok=True)
      (Path(folder) / path).write_bytes(data)
    figures = target.run(Path(folder), project, lambda _: None)
  return {
    "network": name,
    "equal": figures.equal == figures.vectors,
    "arena_bytes": run_micro(model, image, processes=1).arena_bytes,
    "buffer_bytes_not_streamed": memory_planner.place_maps(
      program, frozenset()
    ).bytes,
    "buffer_bytes": figures.buffer_bytes,
    "static_ram_bytes": figures.static_ram_bytes,
    "stack_bytes": figures.stack_bytes,
    "constant_bytes": project.constant_bytes,
    "code_bytes": figures.code_bytes,
    "instructions": figures.instructions,
    "layers": dict(figures.layers),
  }


def main(arguments: list[str]) -> int:
  """Measures the networks; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("--target", default="c-mps2-an386")
  parser.add_argument("--networks", default=",".join(NAMES))
  parser.add_argument("--format", choices=("text", "json"), default="text")
  flags = parser.parse_args(arguments)
  table = sys.stderr if flags.format == "json" else sys.stdout
  get_target(flags.target).require("")
  print(" " * 10 + "".join(f"{c:>26}" for c in COLUMNS), file=table)
  rows = []
  for name in flags.networks.split(","):
    rows.append(measure(name, flags.target))
    cells = "".join(f"{rows[-1][column]:>26,}" for column in COLUMNS)
    print(f"{name:10}{cells}", file=table, flush=True)
  if flags.format == "json":
    print(json.dumps({"target": flags.target, "networks": rows}))
  return int(not all(row["equal"] for row in rows))


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
