"""Compares ways of training: time to the first step and images per second.

    python tools/benchmark_training.py
    python tools/benchmark_training.py --ways=search,fit --candidate=elite-w4-d4-r32

Trains one candidate (w4 d4, 32 pixels, batch 100, one thread) on random pixels
in several ways. Each way runs in a process of its own; the ways take turns,
several times. Prints one JSON object: for each way the seconds from the start of
building to the end of the first training step, and the images per second of
later steps (median over the steps). Both are medians over the repetitions;
images per second also as a ratio to `search`. Takes two minutes per repetition.

    search      the search's own training step
    no_onednn   the same without oneDNN's kernels
    grappler    the same with TensorFlow's graph rewriting
    xla         the same compiled by XLA
    function    a plain tf.function with Keras's RMSprop
    fit         Keras's fit with Keras's RMSprop
    fit_bf16    Keras's fit in mixed bfloat16
    jax         the search's own step on JAX (only if named in --ways)
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time

WAYS = (
    "search", "no_onednn", "grappler", "xla", "function", "fit", "fit_bf16",
)  # fmt: skip
BATCH = 100
STEPS = 40


def measure(way: str, name: str, threads: int) -> dict:
  """Returns the figures of one way, measured in this process."""
  if way == "no_onednn":
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
  if way == "jax":
    os.environ["KERAS_BACKEND"] = "jax"
  from elite_tf.system import backend

  keras = backend.load_keras(threads)
  import numpy as np

  from elite_tf.networks import to_keras as models
  from elite_tf.networks.pool import make_pool

  tf = None
  if way != "jax":
    import tensorflow as tf

  if way in ("grappler", "function", "fit", "fit_bf16"):
    tf.config.optimizer.set_experimental_options(
      {"disable_meta_optimizer": False}
    )
  if way == "fit_bf16":
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
  candidate = {c.name: c for c in make_pool("elite", 10, 1, 32)}[name]
  shape = (STEPS * BATCH, candidate.resolution, candidate.resolution, 1)
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, shape, dtype=np.uint8)
  labels = rng.integers(0, 10, shape[0], dtype=np.int32)
  times = [time.perf_counter()]
  if way.startswith("fit"):
    model = _compiled(keras, models.build(candidate))
    tick = keras.callbacks.LambdaCallback(
      on_train_batch_end=lambda batch, logs: times.append(time.perf_counter())
    )
    model.fit(
        images / 128.0 - 1.0, labels, batch_size=BATCH, verbose=0,
        callbacks=[tick],
    )  # fmt: skip
  else:
    step = (
      function_step(keras, tf, models.build(candidate))
      if way == "function"
      else search_step(tf, candidate, way)
    )
    for start in range(0, shape[0], BATCH):
      part = slice(start, start + BATCH)
      step(start // BATCH, images[part], labels[part])
      times.append(time.perf_counter())
  steps = [after - before for before, after in itertools.pairwise(times)]
  return {
    "first_step_seconds": times[1] - times[0],
    "images_per_second": BATCH / statistics.median(steps),
  }


def _compiled(keras, model):
  model.compile(
    keras.optimizers.RMSprop(
      0.00625, 0.9, 0.9, 0.001, weight_decay=1e-5, use_ema=True
    ),
    keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
  )
  return model


def function_step(keras, tf, model):
  """Returns a plain training step: (number, images, labels) -> loss."""
  _compiled(keras, model)
  model.optimizer.build(model.trainable_variables)

  @tf.function
  def step(images, labels):
    with tf.GradientTape() as tape:
      inputs = tf.cast(images, tf.float32) / 128.0 - 1.0
      loss = tf.reduce_mean(
        keras.losses.sparse_categorical_crossentropy(
          labels, model(inputs, training=True)
        )
      )
    gradients = tape.gradient(loss, model.trainable_variables)
    model.optimizer.apply(gradients, model.trainable_variables)
    return loss

  return lambda number, images, labels: step(images, labels)


def search_step(tf, candidate, way):
  """Returns the search's own step: (number, images, labels) -> None."""
  import numpy as np

  from elite_tf.training import first_weights
  from elite_tf.training.batch_norm import leave_averaging
  from elite_tf.training.functional import FunctionalModel
  from elite_tf.training.recipe import Recipe
  from elite_tf.training.steps import (
    StepSettings,
    Totals,
    initial_state,
    make_steps,
  )
  from elite_tf.training.trainer import make_training_layer

  network = first_weights.build_network(candidate, make_training_layer)
  function = FunctionalModel(leave_averaging(network))
  size = candidate.resolution
  train, _ = make_steps(function, Recipe(), (size, size, candidate.channels))
  if way == "xla":
    train = tf.function(
      train.python_function, autograph=False, jit_compile=True
    )
  held = [initial_state(function), Totals(np.float32(0), np.float32(0))]

  def step(number, images, labels):
    settings = StepSettings(
      np.float32(0.00625), np.float32(0.9), np.uint32(number)
    )
    held[:] = train(*held, images, labels, settings)
    float(held[1].loss)  # Waits for JAX, which computes asynchronously.

  return step


def main() -> None:
  """Measures every way in a process of its own; prints one JSON object."""
  parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
  parser.add_argument("--ways", default=",".join(WAYS))
  parser.add_argument("--candidate", default="elite-w4-d4-r32")
  parser.add_argument("--threads", type=int, default=1)
  parser.add_argument("--repeat", type=int, default=3)
  parser.add_argument("--measure", help=argparse.SUPPRESS)
  flags = parser.parse_args()
  if flags.measure:
    print(json.dumps(measure(flags.measure, flags.candidate, flags.threads)))
    return
  ways = flags.ways.split(",")
  runs = {way: [] for way in ways}
  for _ in range(flags.repeat):
    for way in ways:  # In turn: load of the machine affects all ways alike.
      command = [sys.executable, __file__, f"--measure={way}"]
      command.append(f"--candidate={flags.candidate}")
      command.append(f"--threads={flags.threads}")
      done = subprocess.run(command, capture_output=True, text=True, check=True)
      runs[way].append(json.loads(done.stdout))
  figures = {
    way: {key: statistics.median(run[key] for run in found) for key in found[0]}
    for way, found in runs.items()
  }
  for way in ways:
    figures[way]["images_ratio"] = (
      figures[way]["images_per_second"] / figures[ways[0]]["images_per_second"]
    )
  print(json.dumps({"candidate": flags.candidate, "ways": figures}, indent=2))


if __name__ == "__main__":
  main()
