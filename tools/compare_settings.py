"""Trains the same networks with several values of one setting.

    tools/compare_settings.py --data=folder:DIR --pool=edge --include='edge-w4-d4-*' \
      --vary=recipe=paper,small --seeds 0 1 2 --epochs=10 --out=recipes.json

Networks are trained by the code of a search (tools/trainings.py) on --train_images
images, one thread each, and measured on the data set's test images in floating
point. Everything but the varied setting is the same. Differences are those of
pairs: the same network and seed, against the first value.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import trainings
from compare_search import write_subset
from side_by_side import record_or_exit
from trainings import Task

from elite_tf.engine.prepare_search import prepare_search
from elite_tf.runs.presets import resolve


def train(given: dict, folder: Path, epochs: int, workers: int) -> dict:
  """Trains the networks that settings name; returns accuracies by name."""
  prepared = prepare_search(resolve({**given, "run_dir": str(folder / "run")}))
  task = Task(prepared.settings, str(folder), workers)
  shutil.rmtree(folder, ignore_errors=True)
  trainings.train_all(task, list(task.candidates()), epochs, test=True)
  lines = [json.loads(line) for line in task.tests.read_text().splitlines()]
  return {line["name"]: line["test"] for line in lines}


def differences(found: dict[str, dict], first: str, other: str) -> list[float]:
  """Returns accuracy by accuracy, in points, what `other` gains over `first`.

  Args:
    found: By value: accuracies, 0 to 1, by (network, seed).
    first: A value.
    other: Another one.
  """
  return [100 * (found[other][key] - found[first][key]) for key in found[first]]


def compare(flags) -> dict:
  """Returns the whole comparison."""
  name, _, values = flags.vary.partition("=")
  folder = Path(tempfile.mkdtemp(prefix="compare-settings-"))
  subset = folder / "subset.npz"
  write_subset(flags.data, flags.train_images, flags.test_images, subset)
  common = {
      "data": f"npz:{subset}", "pool": flags.pool, "include": flags.include,
      "levels": flags.levels, "round_epochs": 1, "epochs": flags.epochs,
      "group_size": 1,
  }  # fmt: skip
  for pair in flags.set:
    key, _, value = pair.partition("=")
    common[key] = _value(value)
  found = {}
  for value in values.split(","):
    found[value] = {}
    for seed in flags.seeds:
      accuracies = train(
        {**common, "seed": seed, name: _value(value)},
        folder / f"{value}-{seed}",
        flags.epochs,
        flags.workers,
      )
      for network, accuracy in accuracies.items():
        found[value][f"{network}, seed {seed}"] = accuracy
  shutil.rmtree(folder)
  first, *others = found
  gains = {}
  for other in others:
    gained = differences(found, first, other)
    gains[f"{other} over {first}"] = {
      "mean_points": statistics.fmean(gained),
      "sd_points": statistics.stdev(gained) if len(gained) > 1 else None,
      "pairs": len(gained),
    }
  return {"accuracies": found, "gains": gains}


def _value(text: str) -> int | float | str:
  for kind in (int, float):
    try:
      return kind(text)
    except ValueError:
      continue
  return text


def main(arguments: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--data", required=True, help="as in elite_tf.search")
  parser.add_argument("--vary", required=True, help="NAME=VALUE,VALUE,...")
  parser.add_argument(
    "--set", nargs="*", default=[], help="further settings, NAME=VALUE"
  )
  parser.add_argument("--pool", default="edge")
  parser.add_argument("--include", default="")
  parser.add_argument("--levels", type=int, default=4)
  parser.add_argument("--train_images", type=int, default=10_000)
  parser.add_argument("--test_images", type=int, default=10_000)
  parser.add_argument("--epochs", type=int, default=10)
  parser.add_argument("--seeds", type=int, nargs="*", default=[0])
  parser.add_argument("--workers", type=int, default=2)
  parser.add_argument("--out", help="JSON file; default: stdout")
  flags = parser.parse_args(arguments)
  return record_or_exit(lambda: compare(flags), flags.out)


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
