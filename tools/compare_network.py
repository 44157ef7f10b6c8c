"""Compares a network below a limit of bytes with MLPerf Tiny's ResNet-8.

    tools/compare_network.py --data=folder:DIR --out=network.json

Both are trained by the code of a search (tools/trainings.py): same images,
augmentation, recipe, schedule and epochs, one thread each. Both are converted by
`elite_tf.conversion.converted.convert` and run in TensorFlow Lite Micro.

The network is chosen by its cost, before any training: from all candidates of
elite and lite, with every activation, and of edge, as wide as the limit allows,
at the resolution of the images, the one with the most multiply-accumulates, but
not more than ResNet-8's, among those whose predicted int8 file is below --limit
bytes. On a tie the family's own activation wins. A second candidate, of any size,
is the one whose parameters are nearest to ResNet-8's. --also adds more.
"""

import argparse
import dataclasses
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import resnet8
import trainings
from compare_search import write_subset
from side_by_side import measures, record_or_exit
from trainings import Task

from elite_tf.data import sources
from elite_tf.errors import ConfigError
from elite_tf.hardware.memory import CODE_BYTES, predict
from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import get_family
from elite_tf.networks.families.efficientnet import ACTIVATIONS
from elite_tf.networks.pool import fill, make_pool
from elite_tf.networks.scaling import MAX_LEVELS
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.types import Candidate

FAMILIES = ("elite", "lite")


@dataclasses.dataclass(frozen=True)
class Priced:
  """A candidate and its predicted cost.

  Attributes:
    candidate: The candidate.
    params: Number of parameters, as Keras counts them.
    macs: Number of multiply-accumulates.
    tflite_bytes: Predicted bytes of the int8 file.
    levels: `--levels` of the pool that holds the candidate.
    fill: Whether it is one of a filled pool.
  """

  candidate: Candidate
  params: int
  macs: int
  tflite_bytes: int
  levels: int
  fill: bool = False


def largest_levels(family: str, base: int) -> int:
  """Returns the most levels at which all input sizes are different."""
  for levels in range(MAX_LEVELS, 1, -1):
    try:
      make_pool(family, base_resolution=base, levels=levels)
      return levels
    except ConfigError:
      continue
  return 1


def priced_candidates(description, base: int, limit: int) -> Iterator[Priced]:
  """Yields every candidate of full resolution; loads no TensorFlow."""
  levels = largest_levels("edge", base)
  pool = make_pool(
    "edge", description.classes, description.channels, base, levels
  )
  for candidate in fill(pool, lambda one: _priced(one, 0).tflite_bytes < limit):
    if candidate.r == 1:
      yield dataclasses.replace(_priced(candidate, levels), fill=True)
  for family in FAMILIES:
    levels = largest_levels(family, base)
    own = get_family(family).activation
    for activation in (own, *(a for a in ACTIVATIONS if a != own)):
      pool = make_pool(
          family, description.classes, description.channels, base, levels,
          activation,
      )  # fmt: skip
      for candidate in pool:
        if candidate.r == 1:
          yield _priced(candidate, levels)


def _priced(candidate: Candidate, levels: int) -> Priced:
  layers = get_family(candidate.family).layers(candidate)
  cost = network_cost(layers)
  size = predict(layers).tflite_bytes
  return Priced(candidate, cost.params, cost.macs, size, levels)


def largest_below(
  found: Sequence[Priced], limit: int, macs: float = math.inf
) -> Priced:
  """Returns the candidate with the most multiply-accumulates below a limit.

  Args:
    found: The candidates.
    limit: Bytes of the file; it must be below.
    macs: Most multiply-accumulates.

  Raises:
    ConfigError: No candidate is below the limit.
  """
  below = [
    one for one in found if one.tflite_bytes < limit and one.macs <= macs
  ]
  if not below:
    least = min(one.tflite_bytes for one in found)
    raise ConfigError(
      f"--limit must be above {least} bytes, the smallest network's."
      f" Received: {limit}"
    )
  return max(below, key=lambda one: one.macs)  # The first of equals.


def nearest_in_parameters(found: Sequence[Priced], params: int) -> Priced:
  """Returns the candidate with the nearest parameters; the first of equals."""
  return min(found, key=lambda one: abs(one.params - params))


def settings_of(one: Priced, base: Settings, limit: int) -> Settings:
  """Returns the settings of a search whose only candidate is this one."""
  return dataclasses.replace(
    base,
    fill=one.fill,
    flash=f"{limit - 1 + CODE_BYTES}B" if one.fill else "",
    pool=one.candidate.family,
    levels=one.levels,
    activation=one.candidate.activation,
    include=one.candidate.name,
  )


def measure(task: Task, verified: int) -> dict:
  """Converts a trained network and measures it; loads TensorFlow."""
  from elite_tf.conversion import converted
  from elite_tf.conversion.quantize import accuracy
  from elite_tf.data import preprocess
  from elite_tf.training.trainer import load_trained

  ((name, candidate),) = task.candidates().items()
  data = sources.load(task.settings.data, task.settings.seed)
  model = load_trained(candidate, task.run_folder.checkpoint(name))
  # The kernels of the verification are slow: a part of the test images is enough.
  part = sources.Split(data.test.images[:verified], data.test.labels[:verified])
  began = time.monotonic()
  how = dataclasses.replace(task.settings, quantize="int8")
  made = converted.convert(model, dataclasses.replace(data, test=part), how)
  made = made["int8"]
  seconds = time.monotonic() - began
  images = preprocess.resize(data.test.images, candidate.resolution)
  epochs = trainings.read_record(task.record)
  cost = network_cost(get_family(candidate.family).layers(candidate))
  return {
    "network": name,
    "params": model.count_params(),
    "macs": cost.macs,
    "test_images": len(data.test.labels),
    "test_accuracy_float": trainings.float_accuracy(model, data.test),
    "test_accuracy_int8": accuracy.accuracy(
      made.model, sources.Split(images, data.test.labels)
    ),
    "verified_images": made.verification.images,
    "verified_equal": made.verification.equal,
    "verified_accuracy": made.verification.accuracy,
    "tflite_bytes": len(made.model),
    "arena_bytes": made.verification.arena_bytes,
    "measures": measures(made.quantization),
    "epochs": len(epochs),
    "val_accuracies": [line["val_accuracy"] for line in epochs],
    "step_seconds": sum(line["seconds"] for line in epochs),
    "conversion_seconds": seconds,
  }


def compare(flags) -> dict:
  """Returns the whole comparison."""
  description = sources.describe(flags.data)
  base = flags.base_resolution or min(description.height, description.width)
  found = list(priced_candidates(description, base, flags.limit))
  resnet = make_pool(
    resnet8.NAME, description.classes, description.channels, base, 1
  )
  cost = network_cost(resnet8.layers(resnet[0]))
  of_as_many = nearest_in_parameters(found, cost.params)
  chosen = [largest_below(found, flags.limit, cost.macs), of_as_many]
  for name in flags.also:
    also = [one for one in found if one.candidate.name == name]
    if not also:
      raise ConfigError(f"--also: no candidate {name!r} at {base} pixels")
    chosen.append(also[0])
  chosen = list(dict.fromkeys(chosen))
  folder = Path(flags.work or tempfile.mkdtemp(prefix="compare-network-"))
  folder.mkdir(parents=True, exist_ok=True)
  subset = folder / "subset.npz"
  write_subset(flags.data, flags.train_images, flags.test_images, subset)
  common = Settings(
      data=f"npz:{subset}", base_resolution=base, group_size=1,
      round_epochs=1, epochs=flags.epochs, augment=flags.augment,
      seed=flags.seed, recipe=flags.recipe,
  )  # fmt: skip
  wanted = [settings_of(one, common, flags.limit) for one in chosen]
  wanted.append(dataclasses.replace(common, pool=resnet8.NAME, levels=1))
  tasks = []
  for settings in wanted:
    place = folder / (settings.include or settings.pool)
    shutil.rmtree(place, ignore_errors=True)
    tasks.append(Task(settings, str(place), 1))
  with ThreadPoolExecutor(flags.workers) as pool:
    # ResNet-8 takes longest and is trained first.
    list(
      pool.map(
        lambda task: trainings.train_all(
          task, list(task.candidates()), flags.epochs
        ),
        reversed(tasks),
      )
    )
  backend.load_keras()
  result = {
      "rule": __doc__.partition("\n\n")[2].split("\n\n")[2].strip(),
      "below_limit": [
          {"name": one.candidate.name, "params": one.params, "macs": one.macs,
           "predicted_bytes": one.tflite_bytes}
          for one in found
          if one.tflite_bytes < flags.limit
      ],
      "chosen": chosen[0].candidate.name,
      "of_as_many_parameters": of_as_many.candidate.name,
      "networks": [measure(task, flags.verified_images) for task in tasks],
  }  # fmt: skip
  if not flags.work:
    shutil.rmtree(folder)
  return result


def main(arguments: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--data", required=True, help="as in elite_tf.search")
  parser.add_argument("--limit", type=int, default=100_000, help="bytes")
  parser.add_argument(
    "--also", nargs="*", default=[], help="names of further candidates"
  )
  parser.add_argument("--base_resolution", type=int, default=0)
  parser.add_argument("--train_images", type=int, default=20_000)
  parser.add_argument("--test_images", type=int, default=10_000)
  parser.add_argument("--verified_images", type=int, default=1_000)
  parser.add_argument("--epochs", type=int, default=12)
  parser.add_argument("--augment", default="light")
  parser.add_argument("--recipe", default="paper")
  parser.add_argument("--workers", type=int, default=2)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument(
    "--work", help="folder for the trainings; default: a temporary one"
  )
  parser.add_argument("--out", help="JSON file; default: stdout")
  flags = parser.parse_args(arguments)
  resnet8.register()
  return record_or_exit(lambda: compare(flags), flags.out)


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
