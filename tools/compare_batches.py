"""Compares batch sizes for few training images.

    tools/compare_batches.py [--images=60,199] [--batches=100,50,32,20,10] [--epochs=30]

Trains elite-w4-d4-r13 on so many digits, with the seeds 0 and 1. Prints a line of
JSON for each number of images and each batch size: the accuracies on all digits
that are not for training, about 500.
"""

import argparse
import json
import sys

import numpy as np

from elite_tf.data import sources
from elite_tf.data.sources import Dataset, Split
from elite_tf.networks.pool import make_pool
from elite_tf.system import backend
from elite_tf.training.recipe import Recipe


def _numbers(text: str) -> list[int]:
  return [int(number) for number in text.split(",")]


def main() -> int:
  """Prints the findings; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--images", type=_numbers, default=[60, 199])
  parser.add_argument("--batches", type=_numbers, default=[100, 50, 32, 20, 10])
  parser.add_argument("--epochs", type=int, default=30)
  options = parser.parse_args()
  backend.load_keras(1)
  from elite_tf.training.trainer import Trainer

  pool = make_pool("elite", 10, 1, 16)
  (candidate,) = [c for c in pool if c.name == "elite-w4-d4-r13"]
  data = sources.load("digits")
  rest = Split(
    np.concatenate([data.val.images, data.test.images]),
    np.concatenate([data.val.labels, data.test.labels]),
  )
  for images in options.images:
    for batch in options.batches:
      found = []
      for seed in (0, 1):
        order = np.random.default_rng(seed).permutation(len(data.train.labels))
        few = order[:images]
        train = Split(data.train.images[few], data.train.labels[few])
        training = Trainer(
          candidate,
          Dataset(data.description, train, rest, data.test),
          options.epochs,
          seed,
          Recipe(batch_size=batch),
        )
        found.append(training.train(options.epochs)[-1].val_accuracy)
      line = {"images": images, "batch": batch, "accuracies": found}
      print(json.dumps(line), flush=True)
  return 0


if __name__ == "__main__":
  sys.exit(main())
