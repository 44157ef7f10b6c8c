"""Training by JAX, in processes that cannot import TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from elite_tf.data import sources
from elite_tf.networks.pool import make_pool
from elite_tf.training import first_weights
from elite_tf.training.functional import FunctionalModel
from elite_tf.training.steps import initial_state

HOME = Path(__file__).parents[2]

# On the path of every process as `sitecustomize`, that of workers too.
BLOCK = """
import sys

class Blocked:
  def find_spec(self, name, path=None, target=None):
    root = name.partition(".")[0]
    if root in ("tensorflow", "tf_keras", "tflite_micro", "torch"):
      raise ModuleNotFoundError(f"No module named {root!r}", name=root)

sys.meta_path.insert(0, Blocked())
"""


@pytest.fixture(scope="module")
def without_tensorflow(tmp_path_factory):
  """Environment of a machine that has JAX and no TensorFlow."""
  folder = tmp_path_factory.mktemp("blocked")
  (folder / "sitecustomize.py").write_text(BLOCK)
  return {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(folder), str(HOME)]),
    "KERAS_BACKEND": "jax",
    # Half the time to compile, which is nearly all of these tests.
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
  }


def _run(environment, *arguments, timeout=300):
  return subprocess.run(
    [sys.executable, *map(str, arguments)],
    env=environment,
    cwd=HOME,
    capture_output=True,
    text=True,
    timeout=timeout,
    check=False,
  )


def test_tensorflow_is_blocked(without_tensorflow):
  for name in ("tensorflow", "tflite_micro.python"):
    done = _run(without_tensorflow, "-c", f"import {name}")
    assert "ModuleNotFoundError" in done.stderr


# Takes a network's configuration, weights and a batch from a file, makes three
# steps, and leaves what they gave in another.
STEPS = """
import sys
import numpy as np
from elite_tf.system import backend

keras = backend.load_keras(1)
from elite_tf.training.batch_norm import BatchStatistics
sys.path.insert(0, sys.argv[1])
import steps_of_a_test as steps

with open(f"{sys.argv[2]}/network.json") as file:
  model = keras.models.model_from_json(
      file.read(), custom_objects={"BatchStatistics": BatchStatistics}
  )
given = np.load(f"{sys.argv[2]}/given.npz")
np.savez(f"{sys.argv[2]}/found.npz", **steps.three(model, given))
assert "tensorflow" not in sys.modules
"""

SHARED = """
import numpy as np
from elite_tf.training.functional import FunctionalModel
from elite_tf.training.recipe import Recipe
from elite_tf.training.steps import (
    StepSettings, Totals, initial_state, make_steps,
)


def three(model, given):
  function = FunctionalModel(model)
  train, evaluate = make_steps(
      function, Recipe(weight_decay=0.01), (6, 6, 1), given["class_weights"]
  )
  function.set_weights(given["weights"], given["statistics"])
  state = initial_state(function)
  losses = []
  for step in range(3):
    totals = Totals(np.float32(0), np.float32(0))
    settings = StepSettings(
        np.float32(0.05), np.float32(0.6), np.uint32(step)
    )
    state, totals = train(
        state, totals, given["images"], given["labels"], settings
    )
    losses.append(np.asarray(totals.loss))
  totals = evaluate(
      state, Totals(np.float32(0), np.float32(0)), given["images"],
      given["labels"],
  )
  return {
      "losses": np.array(losses),
      "evaluated": np.asarray(totals.loss),
      **{name: np.asarray(value) for name, value in state._asdict().items()},
  }
"""


def test_three_steps_are_tensorflows(
  make_network, without_tensorflow, tmp_path, monkeypatch
):
  """Losses, weights, RMSProp's vectors, averages and statistics."""
  draw = np.random.default_rng(0)
  model = make_network()
  function = FunctionalModel(model)
  state = initial_state(function)
  given = {
    "weights": state.weights.numpy(),
    "statistics": state.statistics.numpy(),
    "images": draw.integers(0, 256, (8, 6, 6, 1)).astype(np.uint8),
    "labels": draw.integers(0, 3, 8).astype(np.int32),
    "class_weights": np.array([2.0, 1.0, 0.5], np.float32),
  }
  (tmp_path / "network.json").write_text(model.to_json())
  np.savez(tmp_path / "given.npz", **given)
  (tmp_path / "steps_of_a_test.py").write_text(SHARED)
  done = _run(without_tensorflow, "-c", STEPS, tmp_path, tmp_path)
  assert done.returncode == 0, done.stderr
  monkeypatch.syspath_prepend(tmp_path)
  import steps_of_a_test

  expected = steps_of_a_test.three(model, given)
  with np.load(tmp_path / "found.npz") as found:
    assert set(found) == set(expected)
    for name, values in expected.items():
      assert found[name] == pytest.approx(values, abs=1e-4), name
  assert np.abs(expected["weights"] - given["weights"]).max() > 0.01


# The smallest network there is: JAX takes its time to compile.
SMALL = (
    "--pool=lite", "--levels=6", "--base_resolution=32",
    "--include=lite-w6-d6-r13", "--group_size=1",
    "--round_epochs=1", "--epochs=1", "--batch_size=20", "--workers=1",
    "--class_weights=balanced", "--calibration_images=20",
)  # fmt: skip


@pytest.fixture(scope="module")
def few_digits(tmp_path_factory):
  """120 digits, so that it is the compiling that takes the time."""
  train = sources.load("digits").train
  path = tmp_path_factory.mktemp("data") / "few.npz"
  np.savez(path, x=train.images[:120, ..., 0], y=train.labels[:120])
  return f"--data=npz:{path}"


def test_search_trains_without_tensorflow_and_convert_finishes_it(
  few_digits, without_tensorflow, tmp_path
):
  run_dir = tmp_path / "run"
  done = _run(
      without_tensorflow, "-m", "elite_tf.search", *SMALL, few_digits,
      f"--run_dir={run_dir}", "--format=json",
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  said = " ".join(done.stderr.split())
  assert said.count(f"python -m elite_tf.convert --run_dir={run_dir}") == 1
  result = json.loads(done.stdout)
  (row,) = result["champions"]
  folder = run_dir / "champions" / row["name"]
  names = {
    "README.md",
    "labels.txt",
    "metrics.json",
    "model.keras",
    "predictions.npz",
  }
  assert {path.name for path in folder.iterdir()} == names
  before = json.loads((folder / "metrics.json").read_text())
  assert row["test_accuracy_float"] == before["test_accuracy_float"]
  for missing in ("tflite_bytes", "arena_bytes", "test_accuracy_int8"):
    assert row[missing] is None
  # The same network as TensorFlow's, of parts that Keras has.
  candidates = make_pool("lite", 10, 1, 32, levels=6, dropout=0.0)
  (candidate,) = [c for c in candidates if c.name == row["name"]]
  model = keras.saving.load_model(folder / "model.keras", compile=False)
  ours = first_weights.build_network(candidate)
  assert model.count_params() == ours.count_params() == row["params"]
  assert model.to_json() == ours.to_json()

  environment = {**os.environ, "PYTHONPATH": str(HOME)}
  convert = ("-m", "elite_tf.convert", f"--run_dir={run_dir}")
  done = _run(environment, *convert)
  assert done.returncode == 0, done.stderr
  (row,) = json.loads((run_dir / "result.json").read_text())["champions"]
  after = json.loads((folder / "metrics.json").read_text())
  assert after["test_accuracy_float"] == before["test_accuracy_float"]
  int8 = after["conversions"]["int8"]
  assert int8["equal"] and sum(map(sum, int8["confusion"])) == 20
  size = (folder / "model_int8.tflite").stat().st_size
  assert row["tflite_bytes"] == int8["tflite_bytes"] == size
  assert row["test_accuracy_int8"] == int8["accuracy"]
  assert sorted(row["files"]) == row["files"]
  files = {path.name for path in folder.iterdir()}
  assert files == {*names, "model_float.tflite", "model_int8.tflite"}
  assert {Path(file).name for file in row["files"]} == files

  changed = folder.stat().st_mtime_ns
  done = _run(environment, *convert)
  assert done.returncode == 0 and "already" in done.stderr
  assert folder.stat().st_mtime_ns == changed


def test_without_either_one_line_says_so(without_tensorflow, tmp_path):
  flags = (f"--run_dir={tmp_path / 'run'}", "--data=digits")
  search = ("-m", "elite_tf.search", "--preset=quick", *flags)
  for backend in ("tensorflow", "torch"):
    done = _run({**without_tensorflow, "KERAS_BACKEND": backend}, *search)
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ") and backend in line and "jax" in line
    assert "Traceback" not in done.stderr


def test_only_tensorflow_converts(without_tensorflow):
  done = _run(without_tensorflow, "-m", "elite_tf.convert", "--run_dir=x")
  assert done.returncode == 1
  assert "KERAS_BACKEND must be tensorflow" in done.stderr
