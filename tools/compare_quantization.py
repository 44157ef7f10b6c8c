"""Compares the ways of quantizing on trained networks.

    .venv/bin/python tools/compare_quantization.py runs/mine model.keras \\
        --data=digits --out=comparison.json

Each argument is the folder of a finished search, which stands for its champions,
or a .keras file. Each network is converted in five ways: to float, to the
converter's plain int8, to the int8 chosen on validation images, to int8 with
quantization-aware training, and to int16x8. TensorFlow Lite Micro runs each file
on the test split. Prints a table to stderr, and writes the figures to --out or
stdout. Takes some minutes for a network of 0.7 million parameters and 54,000
training images.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from elite_tf.conversion import calibration_images, model_file
from elite_tf.conversion.converted import verified
from elite_tf.conversion.quantize import METHODS, Options
from elite_tf.data import preprocess, sources
from elite_tf.errors import ConfigError, EliteError
from elite_tf.runs.find_champion import find_champion
from elite_tf.runs.folder import RunFolder
from elite_tf.system import backend

WAYS = ("float", "plain", "int8", "qat", "int16x8")


def networks(path: str, data: str) -> list[tuple[Path, str]]:
  """Returns the (.keras file, data set) of a run's champions or of a file."""
  if not Path(path).is_dir():
    return [(Path(path), data)]
  folder = RunFolder(Path(path))
  result = folder.read_result()
  if result is None:
    raise ConfigError(f"{path} holds no finished search")
  found = [
    find_champion(folder, champion.name) for champion in result.champions
  ]
  return [(files / "model.keras", data or spec) for files, spec in found]


def convert_by(way: str, model, material):
  """Converts a network; returns the file, the measures taken and the seconds."""
  from elite_tf.conversion.quantize import post_training
  from elite_tf.conversion.tflite import convert as tflite

  began = time.monotonic()
  if way == "float":
    return tflite.float32(model), "", time.monotonic() - began
  if way == "plain":
    made = post_training.int8(model, material.calibration)
    return made, "", time.monotonic() - began
  found = METHODS[way](model, material)
  detail = found.taken.details.get("measures", "")
  return found.model, detail, time.monotonic() - began


def compare(path: Path, spec: str, arguments) -> list[dict]:
  """Returns the figures of each way of quantizing a network."""
  if not spec:
    raise ConfigError(f"--data must name the data set of {path}")
  data = sources.load(spec, arguments.seed)
  model = model_file.load_model(path)
  model_file.check_model(path, model, data.description, "qat")
  options = Options(qat_epochs=arguments.qat_epochs)
  material = calibration_images.make_material(
      data, model.input_shape[1], arguments.calibration_images,
      arguments.seed, options,
  )  # fmt: skip
  # Images are spread over the split, because folders list them class by class.
  count = len(data.test.labels)
  some = slice(None, None, max(1, count // (arguments.images or count)))
  images = preprocess.resize(
    data.test.images[some],
    model.input_shape[1],
    preprocess.crops(data.description),
  )
  rows = []
  for way in arguments.ways:
    made, detail, seconds = convert_by(way, model, material)
    made, found = verified(made, images, data.test.labels[some])
    rows.append(
        {
            "network": model.name, "data": data.description.name, "way": way,
            "measures": detail, "test_accuracy": found.accuracy,
            "images": found.images, "equal": found.equal,
            "codes": found.codes, "tflite_bytes": len(made),
            "arena_bytes": found.arena_bytes, "seconds": seconds,
        }
    )  # fmt: skip
    print_line(rows[-1])
  return rows


def print_line(row: dict) -> None:
  """Prints a line of the table."""
  print(
    f"{row['network']:18} {row['way']:8} {100 * row['test_accuracy']:6.2f} %"
    f" {row['tflite_bytes']:10,} {row['arena_bytes']:9,}"
    f" {row['codes']:5} codes {row['seconds']:7.1f} s  {row['measures']}",
    file=sys.stderr,
    flush=True,
  )


def main() -> int:
  """Runs the comparison."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("paths", nargs="+")
  parser.add_argument("--data", default="", help="as in elite_tf.search")
  parser.add_argument("--out", help="JSON file; default: stdout")
  parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
  parser.add_argument(
    "--images", type=int, help="approximate number of test images; default: all"
  )
  parser.add_argument("--qat_epochs", type=int, default=2)
  parser.add_argument("--calibration_images", type=int, default=256)
  parser.add_argument("--seed", type=int, default=0)
  arguments = parser.parse_args()
  backend.load_keras()
  try:
    rows = [
      row
      for path in arguments.paths
      for model, spec in networks(path, arguments.data)
      for row in compare(model, spec, arguments)
    ]
  except EliteError as error:
    sys.exit(f"error: {error}")
  text = json.dumps(rows, indent=2) + "\n"
  if arguments.out:
    Path(arguments.out).write_text(text)
  else:
    print(text, end="")
  return 0


if __name__ == "__main__":
  sys.exit(main())
