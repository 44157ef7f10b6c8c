"""Compares the predicted memory of a worker with measurements.

    tools/check_worker_memory.py

Trains several networks for one epoch on random images, each in a process of its
own. Prints one JSON object per network: "mib" (peak memory of the process),
"predicted_mib" (`elite_tf.engine.runners.capacity`) and their "ratio".
"""

import argparse
import dataclasses
import json
import resource
import subprocess
import sys

from elite_tf.engine.runners.capacity import MIB, WORKER_BYTES, predict_need
from elite_tf.networks.cost import network_cost, network_size
from elite_tf.networks.families import get_family
from elite_tf.networks.pool import make_pool
from elite_tf.system import backend

# Width level, depth level, resolution, images per batch.
CASES = ((4, 4, 19, 100), (4, 4, 32, 100), (4, 4, 96, 100), (1, 1, 32, 100),
         (1, 1, 96, 50))  # fmt: skip


def measure(w: int, d: int, resolution: int, batch: int) -> dict:
  """Trains an epoch of two steps in this process; returns its figures."""
  backend.load_keras(1)
  import numpy as np

  from elite_tf.data import sources
  from elite_tf.data.sources import Split
  from elite_tf.training.recipe import Recipe
  from elite_tf.training.trainer import Trainer

  pool = make_pool("elite", classes=10, channels=1, levels=4)
  candidate = dataclasses.replace(
    next(c for c in pool if (c.w, c.d) == (w, d)), resolution=resolution
  )
  layers = get_family("elite").layers(candidate)
  draw = np.random.default_rng(0)

  def images(count):
    shape = (count, resolution, resolution, 1)
    return Split(
      draw.integers(0, 256, shape, np.uint8),
      draw.integers(0, 10, count, np.int32),
    )

  data = dataclasses.replace(
    sources.load("digits"), train=images(2 * batch), val=images(500)
  )
  trainer = Trainer(candidate, data, 5, 0, Recipe(batch))
  trainer.train(1)
  found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
  need = predict_need(network_size(layers), network_cost(layers).params, batch)
  predicted = (WORKER_BYTES + sum(need)) / MIB
  return {
    "network": candidate.name,
    "batch": batch,
    "mib": round(found),
    "predicted_mib": round(predicted),
    "ratio": round(predicted / found, 2),
  }


def main() -> None:
  """Prints the figures of all networks."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--case", nargs=4, type=int)
  options = parser.parse_args()
  if options.case:
    print(json.dumps(measure(*options.case)))
    return
  for case in CASES:
    subprocess.run(
      [sys.executable, __file__, "--case", *map(str, case)], check=True
    )


if __name__ == "__main__":
  main()
