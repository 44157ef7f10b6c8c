"""Measures the training loop and its augmentation in images per second.

    python tools/benchmark_input.py
    python tools/benchmark_input.py --resolutions=96 --stored=375x500

Trains one network (elite w4 d4, three channels, batch 100, one thread on one
core like a worker of a search) in several ways in one process. The ways take
turns of a few steps, several times. Prints one JSON object: for each way the
median of its images per second, and the median of its ratio to another way in
the same turn. Both are measured by the clock and by processor time, which other
jobs on the machine do not change. Takes a quarter of an hour.

    search      training as in a search, images in memory, no augmentation
    step        a bare loop around the search's step, to see what the loop costs
    function    a bare loop around a plain tf.function with Keras's RMSprop
    imagenet-S  training as in a search with the paper's augmentation, from
                photographs stored with S pixels
"""

import argparse
import json
import os
import statistics
import sys
import time

from benchmark_training import BATCH, function_step, search_step

CLASSES = 10
# Number of different photographs; more would only fill memory.
PICTURES = 64


def _now() -> tuple[float, float]:
  """Returns seconds by the clock, and seconds of processor time."""
  return time.perf_counter(), time.process_time()


class _Search:
  """Training as in a search; a turn is an epoch."""

  def __init__(self, candidate, train, val, augment):
    from elite_tf.data.batches import Batches, Inputs
    from elite_tf.training.trainer import Trainer

    size = candidate.resolution
    inputs = Inputs(Batches(train, size, False, augment), Batches(val, size))
    self._trainer = Trainer(candidate, inputs, 350)
    self._step = self._trainer._train_step
    self._trainer._train_step = self._timed

  def _timed(self, *arguments):
    result = self._step(*arguments)
    self._ended = _now()
    return result

  def turn(self):
    """Trains an epoch; returns the start and the end of its training steps."""
    start = _now()
    self._trainer.train(len(self._trainer.epochs) + 1)
    return start, self._ended


class _Bare:
  """A bare loop over arrays in memory."""

  def __init__(self, step, train, rewrites, configure):
    self._step, self._train = step, train
    self._rewrites, self._configure = rewrites, configure

  def turn(self):
    """Trains an epoch; returns its start and its end."""
    self._configure(self._rewrites)
    start = _now()
    for number in range(len(self._train.labels) // BATCH):
      part = slice(number * BATCH, (number + 1) * BATCH)
      self._step(number, self._train.images[part], self._train.labels[part])
    ended = _now()
    self._configure(False)
    return start, ended


def _photographs(np, height, width):
  from PIL import Image
  from sklearn.datasets import load_sample_images

  rng = np.random.default_rng(0)
  pictures = []
  for number in range(PICTURES):
    image = Image.fromarray(load_sample_images().images[number % 2])
    left, top = rng.uniform(0, 0.2, 2) * image.size
    box = (left, top, left + 0.8 * image.width, top + 0.8 * image.height)
    pictures.append(np.asarray(image.resize((width, height), box=box)))
  return pictures


def measure(resolution: int, stored: list[str], steps: int, turns: int) -> dict:
  """Returns the figures at one resolution."""
  from elite_tf.system import backend

  keras = backend.load_keras(1)
  import numpy as np
  import tensorflow as tf

  from elite_tf.data import preprocess
  from elite_tf.data.sources import Split
  from elite_tf.networks import to_keras as models
  from elite_tf.networks.pool import make_pool

  candidate = next(
    c
    for c in make_pool("elite", CLASSES, 3, resolution)
    if (c.w, c.d, c.resolution) == (4, 4, resolution)
  )

  def configure(rewrites):
    tf.config.optimizer.set_experimental_options(
      {"disable_meta_optimizer": not rewrites}
    )

  count = steps * BATCH
  labels = np.arange(count, dtype=np.int32) % CLASSES

  def split(pictures):
    return Split([pictures[i % PICTURES] for i in range(count)], labels)

  ready = preprocess.resize(
    split(_photographs(np, resolution, resolution)).images, resolution
  )
  train = Split(ready, labels)
  val = Split(ready[:1], labels[:1])
  configure(True)
  plain = function_step(keras, tf, models.build(candidate))
  configure(False)
  ways = {
    "search": _Search(candidate, train, val, "none"),
    "step": _Bare(search_step(tf, candidate, ""), train, False, configure),
    "function": _Bare(plain, train, True, configure),
  }
  for size in stored:
    pictures = _photographs(np, *map(int, size.split("x")))
    ways[f"imagenet-{size}"] = _Search(
      candidate, split(pictures), val, "imagenet"
    )
  rates = {name: [] for name in ways}
  for turn in range(turns + 1):
    for name, way in ways.items():
      start, ended = way.turn()
      if turn:  # The first turn traces.
        rates[name].append([count / (b - a) for a, b in zip(start, ended)])
  return {
    name: _figures(
      {way: [rate[number] for rate in found] for way, found in rates.items()}
    )
    for number, name in enumerate(("clock", "processor"))
  }


def _figures(rates: dict[str, list[float]]) -> dict:
  def ratio(above, below):
    return statistics.median(a / b for a, b in zip(rates[above], rates[below]))

  return {
    "images_per_second": {n: statistics.median(r) for n, r in rates.items()},
    "search_to_step": ratio("search", "step"),
    "search_to_function": ratio("search", "function"),
    "augmented_to_search": {
      name: ratio(name, "search") for name in rates if "imagenet" in name
    },
  }


def main() -> None:
  """Measures every resolution; prints one JSON object."""
  parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
  parser.add_argument("--resolutions", default="32,96,224")
  parser.add_argument("--stored", default="96x96,192x256,375x500")
  parser.add_argument(
    "--steps", type=int, default=0, help="steps per turn; 0: some seconds"
  )
  parser.add_argument("--turns", type=int, default=7)
  parser.add_argument("--core", type=int, default=0, help="-1: all cores")
  flags = parser.parse_args()
  if flags.core >= 0:
    os.sched_setaffinity(0, {flags.core})
  figures = {}
  for resolution in map(int, flags.resolutions.split(",")):
    # A turn of some seconds.
    steps = flags.steps or max(4, 6 * 96**2 // resolution**2)
    figures[resolution] = measure(
      resolution,
      [size for size in flags.stored.split(",") if size],
      min(steps, 30),
      flags.turns,
    )
    print(f"{resolution}: {figures[resolution]}", file=sys.stderr)
  print(json.dumps({"core": flags.core, "figures": figures}, indent=2))


if __name__ == "__main__":
  main()
