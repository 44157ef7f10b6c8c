"""Compares first weights: the same trainings from random and inherited ones.

    tools/compare_weights.py --data=folder:DIR --out=weights.jsonl

Accuracies are those of validation and test images together, after every epoch.
Every line of the output is one training.
"""

import argparse
import dataclasses
import functools
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from elite_tf.data import preprocess, sources
from elite_tf.data.batches import Batches, Inputs, make_inputs
from elite_tf.data.sources import Split, Store
from elite_tf.networks.ancestors import find_starts, inherit
from elite_tf.networks.pool import include, make_pool
from elite_tf.system import backend
from elite_tf.training.recipe import RECIPES


def uniform(readers):
  """Keeps channels at equal distances."""
  count = len(readers[0].deviation)
  # Van der Corput's sequence: its first n are spread evenly, for every n.
  reversed_bits = [int(f"{k:012b}"[::-1], 2) for k in range(1 << 12)]
  rank = np.empty(count)
  rank[[k for k in reversed_bits if k < count]] = np.arange(count)
  return -rank


def l1(readers):
  """Keeps channels that are read with large weights."""
  return sum(np.abs(reader.kernel).sum(axis=(0, 2)) for reader in readers)


def scale(readers):
  """Keeps channels whose values vary most."""
  return sum(reader.deviation for reader in readers)


def scale_l1(readers):
  """Keeps channels that vary and are read with large weights."""
  return sum(
    reader.deviation * np.abs(reader.kernel).sum(axis=(0, 2))
    for reader in readers
  )


RULES = {
  "read": inherit.what_is_read,
  "uniform": uniform,
  "l1": l1,
  "scale": scale,
  "scale_l1": scale_l1,
}


def held_out(data, resolution: int) -> Batches:
  """Returns the validation and test images together."""
  crop = preprocess.crops(data.description)
  images = [
    next(Batches(part, resolution, crop).read([slice(None)]))[0]
    for part in (data.val, data.test)
  ]
  labels = np.concatenate([data.val.labels, data.test.labels])
  return Batches(Split(np.concatenate(images), labels), resolution)


def main() -> None:
  """Trains and prints one line per training."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("--data", required=True)
  parser.add_argument("--cache", default="")
  parser.add_argument("--pool", default="lite")
  parser.add_argument("--include", default="lite-w4-d4-r96")
  parser.add_argument("--levels", type=int, default=4)
  parser.add_argument("--base_resolution", type=int, default=96)
  parser.add_argument("--weights", default="none,imagenet")
  parser.add_argument("--rules", default="read", help=", ".join(RULES))
  parser.add_argument("--epochs", type=int, default=12)
  parser.add_argument("--stop", type=int, default=0)
  parser.add_argument("--seeds", default="0")
  parser.add_argument("--augment", default="none")
  parser.add_argument("--recipe", default="small", help=", ".join(RECIPES))
  parser.add_argument("--set", default="", help="fields of the recipe: a=1,b=2")
  parser.add_argument("--threads", type=int, default=1)
  parser.add_argument("--out", default="")
  args = parser.parse_args()
  backend.load_keras(args.threads)
  from elite_tf.networks.ancestors import give
  from elite_tf.training.trainer import Trainer

  store = Store(Path(args.cache) if args.cache else None, 0)
  data = sources.load(args.data, 0, store)
  pairs = (pair.split("=") for pair in args.set.split(",") if pair)
  recipe = dataclasses.replace(
    RECIPES[args.recipe], **{name: float(value) for name, value in pairs}
  )
  pool = make_pool(
    args.pool,
    data.description.classes,
    data.description.channels,
    args.base_resolution,
    args.levels,
    dropout=recipe.dropout,
  )

  @functools.cache
  def inputs(resolution):
    made = make_inputs(data, resolution, args.augment, args.threads, store.root)
    return Inputs(made.train, held_out(data, resolution))

  plans = [
    (candidate, weights, rule, int(seed))
    for candidate in include(pool, args.include)
    for seed in args.seeds.split(",")
    for weights in args.weights.split(",")
    for rule in (args.rules.split(",") if weights != "none" else [""])
  ]
  for candidate, weights, rule, seed in plans:
    start = find_starts(weights, [args.pool]).get(args.pool)
    give.inherit = functools.partial(
      inherit.inherit, importance=RULES.get(rule)
    )
    began = time.time()
    epochs = Trainer(
      candidate, inputs(candidate.resolution), args.epochs, seed, recipe,
      start=start,
    ).train(args.stop or args.epochs)  # fmt: skip
    accuracies = [round(100 * epoch.val_accuracy, 1) for epoch in epochs]
    line = {
      "candidate": candidate.name,
      "weights": weights,
      "rule": rule,
      "seed": seed,
      "recipe": args.recipe,
      "set": args.set,
      "augment": args.augment,
      "accuracies": accuracies,
      "losses": [round(epoch.loss, 3) for epoch in epochs],
      "seconds": round(time.time() - began),
    }
    print(json.dumps(line), flush=True)
    if args.out:
      with open(args.out, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
  main()
