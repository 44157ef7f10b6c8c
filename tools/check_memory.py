"""Compares the predictions of `elite_tf.hardware.memory` with measurements.

    python tools/check_memory.py             # all families: five minutes
    python tools/check_memory.py --reduced   # a few small networks: 20 s
    python tools/check_memory.py --format=json

Candidates are built with random weights, converted to int8 and run in TensorFlow
Lite Micro on this computer. Prints predicted and measured bytes. The exit code is
1 if the size of a file is wrong by more than 3 %, or an arena by more than 5 %.
"""

import argparse
import dataclasses
import json
import math
import sys

from elite_tf.hardware import memory
from elite_tf.networks.families import get_family
from elite_tf.networks.pool import make_pool
from elite_tf.types import Candidate

FILE_TOLERANCE = 0.03
ARENA_TOLERANCE = 0.05

# Family, w, d, pixels, channels, classes, activation, stem stride (default 2). The
# converter treats sizes at which a map shrinks to one pixel differently.
REDUCED = (
  ("elite", 4, 4, 32, 1, 10, ""),
  ("hf", 4, 4, 64, 3, 10, "hard_swish"),
  ("lite", 4, 4, 48, 3, 10, ""),
)
FULL = (
  *REDUCED,
  ("edge", 4, 4, 32, 3, 10, "", 1),
  ("edge", 1, 3, 32, 3, 10, "", 1),
  ("edge", 3, 1, 48, 1, 10, ""),
  ("edge", 4, 2, 64, 3, 43, ""),
  ("edge", 2, 4, 96, 3, 10, ""),
  ("elite", 4, 4, 8, 3, 10, ""),
  ("elite", 4, 4, 16, 1, 2, ""),
  ("elite", 4, 1, 25, 3, 10, ""),
  ("elite", 4, 4, 96, 3, 10, ""),
  ("elite", 4, 4, 224, 3, 1000, ""),
  ("elite", 4, 3, 132, 3, 10, ""),
  ("elite", 3, 2, 48, 3, 10, ""),
  ("elite", 2, 3, 64, 1, 10, ""),
  ("elite", 1, 4, 28, 1, 10, ""),
  ("elite", 4, 4, 32, 3, 10, "relu6"),
  ("elite", 4, 4, 32, 3, 10, "", 1),
  ("hf", 4, 3, 16, 1, 10, "", 1),
  ("lite", 4, 4, 25, 3, 10, "", 1),
  ("elite", 3, 4, 96, 1, 100, "hard_swish"),
  ("hf", 4, 4, 16, 3, 10, ""),
  ("hf", 3, 1, 8, 1, 100, ""),
  ("hf", 1, 4, 32, 3, 10, ""),
  ("hf", 4, 2, 64, 1, 10, ""),
  ("hf", 4, 4, 128, 3, 1000, ""),
  ("hf", 4, 3, 128, 1, 10, "relu6"),
  ("lite", 4, 4, 32, 1, 10, "hard_swish"),
  ("lite", 4, 2, 19, 1, 10, ""),
  ("lite", 4, 4, 96, 3, 10, ""),
  ("lite", 4, 4, 64, 3, 10, "swish"),
  ("lite", 2, 3, 160, 3, 10, ""),
  ("lite", 1, 1, 224, 3, 1000, ""),
  ("mobilenet_v2", 4, 4, 32, 1, 10, ""),
  ("mobilenet_v2", 4, 4, 25, 3, 10, "", 1),
  ("mobilenet_v2", 3, 2, 96, 3, 10, ""),
  ("mobilenet_v2", 1, 1, 224, 3, 1000, ""),
)


@dataclasses.dataclass(frozen=True)
class Check:
  """The prediction for a candidate, and the measurement.

  Attributes:
    name: Name of the candidate.
    channels: Channels of its input.
    classes: Number of classes.
    file: Bytes of the .tflite file, (predicted, measured).
    head: Bytes of the arena's head, (predicted, measured).
    arena: Bytes of the arena, (predicted, measured).
  """

  name: str
  channels: int
  classes: int
  file: tuple[int, int]
  head: tuple[int, int]
  arena: tuple[int, int]

  @property
  def holds(self) -> bool:
    """Whether file and arena are within their tolerances."""
    return (
      abs(ratio(self.file) - 1) <= FILE_TOLERANCE
      and abs(ratio(self.arena) - 1) <= ARENA_TOLERANCE
    )


def ratio(pair: tuple[int, int]) -> float:
  """Returns predicted / measured."""
  return pair[0] / pair[1]


def find(
  family, w, d, pixels, channels, classes, activation, stem_stride=2
) -> Candidate:
  """Returns a candidate at any size, even one that the pool does not have."""
  pool = make_pool(
    family,
    classes,
    channels,
    activation=activation,
    stem_stride=stem_stride,
  )
  found = next(c for c in pool if (c.w, c.d) == (w, d))
  return dataclasses.replace(found, resolution=pixels)


def network(candidate: Candidate, seed: int = 0):
  """Returns the candidate's model with every weight drawn by `seed`.

  An untrained network has biases of zeros. Equal constants are stored once, so its
  file would be smaller than any trained network's. He's variance keeps the range
  of the activations and the logits, which softmax needs.
  """
  import numpy as np

  from elite_tf.networks.to_keras import build

  generator = np.random.default_rng(seed)
  model = build(candidate)
  for weight in model.weights:
    kind = weight.path.rpartition("/")[2]
    if kind in ("gamma", "moving_variance"):
      values = generator.uniform(0.7, 1.4, weight.shape)
    elif kind in ("beta", "bias", "moving_mean"):
      values = generator.normal(0, 0.3, weight.shape)
    elif "kernel" in kind:
      outputs = 1 if "dwconv" in weight.path else weight.shape[-1]
      channels = weight.shape[-2] if "dwconv" in weight.path else 1
      fan_in = math.prod(weight.shape) / (outputs * channels)
      values = generator.normal(0, (2 / fan_in) ** 0.5, weight.shape)
    else:
      continue  # The seeds of dropout.
    weight.assign(values.astype(np.float32))
  return model


def convert(model) -> bytes:
  """Returns the int8 .tflite file, calibrated on random images."""
  import numpy as np

  from elite_tf.conversion.quantize.post_training import int8
  from elite_tf.conversion.tflite.compact import compact

  shape = (3, *model.input_shape[1:])
  images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
  return compact(int8(model, images))


def measure(candidate: Candidate, file: bytes) -> Check:
  """Returns the prediction for a candidate beside what its file measures."""
  import numpy as np

  from elite_tf.conversion.verify.compare import run_micro

  size, channels = candidate.resolution, candidate.channels
  image = np.zeros((1, size, size, channels), np.int8)
  run = run_micro(file, image, processes=1)
  predicted = memory.predict(get_family(candidate.family).layers(candidate))
  return Check(
    name=candidate.name,
    channels=channels,
    classes=candidate.classes,
    file=(predicted.tflite_bytes, len(file)),
    head=(predicted.arena_head_bytes, run.arena_head_bytes),
    arena=(predicted.arena_bytes_host, run.arena_bytes),
  )


def line(check: Check) -> str:
  """Returns a check as a line of the table."""
  name = f"{check.name} c{check.channels} n{check.classes}"
  cells = [
    f"{predicted:>11,} {measured:>11,} {predicted / measured:7.4f}"
    for predicted, measured in (check.file, check.head, check.arena)
  ]
  return " ".join(
    [f"{name:<40}", *cells, "" if check.holds else "OFF"]
  ).rstrip()


def main(arguments: list[str]) -> int:
  """Checks the candidates; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument(
    "--reduced", action="store_true", help="a few small networks only"
  )
  parser.add_argument("--format", choices=("text", "json"), default="text")
  flags = parser.parse_args(arguments)
  table = sys.stderr if flags.format == "json" else sys.stdout
  titles = ["file, predicted    measured   ratio", "head", "arena"]
  print(" " * 41 + "".join(f"{title:<32}" for title in titles), file=table)
  checks = []
  for row in REDUCED if flags.reduced else FULL:
    candidate = find(*row)
    checks.append(measure(candidate, convert(network(candidate))))
    print(line(checks[-1]), file=table, flush=True)
  failed = [check.name for check in checks if not check.holds]
  worst = {
    part: max(abs(ratio(getattr(check, part)) - 1) for check in checks)
    for part in ("file", "head", "arena")
  }
  print(
    "worst: " + ", ".join(f"{k} {v:.4%}" for k, v in worst.items()),
    file=table,
  )
  if flags.format == "json":
    rows = [dataclasses.asdict(check) for check in checks]
    print(json.dumps({"checks": rows, "worst": worst, "failed": failed}))
  return int(bool(failed))


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
