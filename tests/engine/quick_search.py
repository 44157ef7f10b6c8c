"""The real search, whose workers compute next to nothing: no TensorFlow.

    python tests/quick_search.py FLAGS...

Planning, runner, worker, journal, checkpoints and signals are the real ones;
an epoch is drawn from (seed, candidate, epoch) and takes 20 ms. While the file
$HOLD_FILE is there, no epoch begins once the journal has $HOLD_AT of them: what
is done to a search is then done while it is at work, however busy the machine.

SEARCH_FAULT=export lets the first export of every champion fail after its model
was written. SEARCH_FAULT=size:2,4 makes int8 networks of 20 MB, but for the
levels 2 and 4 of the resolution.
"""

import dataclasses
import os
import sys
import time
import types
import zlib
from pathlib import Path

import numpy as np


class Trainer:
  """Stands in for `elite_tf.training.trainer.Trainer`."""

  first_step_seconds = 0.0

  def __init__(self, candidate, data, epochs, seed, recipe, path, *_):
    from elite_tf.training import checkpoint

    self._name, self._seed, self._path = candidate.name, seed, path
    self._module = checkpoint
    saved = checkpoint.load_last(path)
    self._state = saved.arrays["state"] if saved else np.zeros(20_000)
    self.epochs = saved.epochs if saved else ()

  def train(self, stop, listener=lambda name, epoch: None):
    """What an epoch measures depends on all epochs before it."""
    from elite_tf.types import Epoch

    for number in range(len(self.epochs) + 1, stop + 1):
      time.sleep(0.02)
      drawn = zlib.crc32(f"{self._seed} {self._name} {number}".encode())
      self._state = (self._state * 3 + drawn % 1000) % 1000
      score = float(self._state[0]) / 1000
      self.epochs += (Epoch(number, score, score, score, score, 0.02),)
      self._module.save(
        self._path,
        self._module.Checkpoint({"state": self._state}, self.epochs),
      )
      listener(self._name, self.epochs[-1])
      _hold(self._path.parents[2] / "journal.jsonl")
    return self.epochs


def _hold(journal):
  file, most = os.environ.get("HOLD_FILE"), int(os.environ.get("HOLD_AT", 0))
  while file and Path(file).exists():
    if journal.read_text().count('{"event": "epoch"') < most:
      break
    time.sleep(0.01)


def load_trained(candidate, path):
  """Returns the state, as if it were a network."""
  from elite_tf.training import checkpoint

  saved = checkpoint.load(path)
  if saved is None:
    raise ValueError(f"{path}: no such checkpoint")
  return saved.arrays["state"]


def write_champion(folder, model, candidate, *_):
  """Writes a file and returns what metrics.json would hold."""
  from elite_tf.errors import VerificationFailed
  from elite_tf.runs.metrics import ClassifierMetrics, Metrics, Preprocessing
  from elite_tf.system.atomic_files import write_file

  fault, _, levels = os.environ.get("SEARCH_FAULT", "").partition(":")
  write_file(folder / "model.keras", model.tobytes())
  accuracy = float(model[0]) / 1000
  found = Metrics(
    name=candidate.name,
    test_images=1000,
    preprocessing=Preprocessing(8, False, "bicubic", 128, 1 / 128),
    test_accuracy_float=accuracy,
    float_=ClassifierMetrics(accuracy, 0.5, (), ()),
    conversions={},
    seconds=0.0,
  )
  found.write(folder / "metrics.json")
  failed = folder.parents[1] / "candidates" / candidate.name / "failed"
  if fault == "export" and not failed.exists():
    write_file(failed, "")
    raise VerificationFailed("the first export fails")
  if fault == "size":
    size = 1_000 if str(candidate.r) in levels.split(",") else 20_000_000
    found = dataclasses.replace(found, conversions={"int8": _int8(size)})
    write_file(folder / "model_int8.tflite", str(size))
    found.write(folder / "metrics.json")
  return found


def _int8(size):
  from elite_tf.runs.metrics import ConversionMetrics

  values = {
    f.name: 0
    for f in dataclasses.fields(ConversionMetrics)
    if f.default is dataclasses.MISSING
  }
  lists = dict.fromkeys(("per_channel_dense", "confusion", "recall"), ())
  return ConversionMetrics(
    **{**values, **lists, "tflite_bytes": size, "equal": True}
  )


def _work(arguments):
  for name, functions in (
    ("elite_tf.training.trainer", (Trainer, load_trained)),
    ("elite_tf.conversion.champion", (write_champion,)),
  ):
    module = types.ModuleType(name)
    vars(module).update({each.__name__: each for each in functions})
    sys.modules[name] = module
  from elite_tf.engine.runners import worker
  from elite_tf.system import backend

  backend.load_keras = lambda threads: None
  worker.main(arguments)


def _search():
  from elite_tf.system import processes

  start = processes.start
  # -m elite_tf.engine.runners.worker DESCRIPTOR: this file with the descriptor.
  processes.start = lambda *a, **options: start(__file__, a[-1], **options)
  from elite_tf import search
  from elite_tf.report import ending

  ending.write_or_warn = lambda *_: None  # Drawing takes longer than all else.
  search.console()


if __name__ == "__main__":
  if sys.argv[1].isdecimal():
    _work(sys.argv[1:])
  else:
    _search()
