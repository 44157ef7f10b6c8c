"""The convert command, on networks of the families."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.data import preprocess, sources
from elite_tf.networks import to_keras
from elite_tf.networks.pool import make_pool
from elite_tf.runs.settings import CONVERSION

HOME = Path(__file__).parents[1]


def _run(*flags):
  return subprocess.run(
    [sys.executable, "-m", "elite_tf.convert", *map(str, flags)],
    env={**os.environ, "PYTHONPATH": str(HOME)},
    capture_output=True,
    text=True,
    timeout=200,
    check=False,
  )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A .keras file of the smallest HF network, trained a little by Keras."""
  candidate = make_pool("hf", 10, 1, 32, levels=6)[-1]
  keras.utils.set_random_seed(0)
  network = to_keras.build(candidate)
  train = sources.load("digits").train
  images = train.images.repeat(2, axis=1).repeat(2, axis=2)
  # Of plain SGD: to trace Adam takes far longer than to train.
  network.compile("sgd", "sparse_categorical_crossentropy")
  network.fit(
      (images[:400].astype("float32") - 128) / 128, train.labels[:400],
      epochs=1, batch_size=20, verbose=0,
  )  # fmt: skip
  path = tmp_path_factory.mktemp("model") / "hf.keras"
  network.save(path)
  return path


def test_any_model_of_the_families_is_converted_and_verified(trained, tmp_path):
  out = tmp_path / "hf.tflite"
  flags = (f"--model={trained}", "--data=digits", f"--out={out}")
  done = _run(*flags, "--format=json", "--calibration_images=50")
  assert done.returncode == 0, done.stderr
  found = inspect(out.read_bytes())
  assert found.float_tensors == ()
  assert (found.input.dtype, found.output.dtype) == ("int8", "int8")
  assert found.input.shape == (1, 16, 16, 1)
  printed = json.loads(done.stdout)
  assert printed["conversions"]["int8"]["equal"]
  assert printed["conversions"]["int8"]["images"] == 355
  assert printed["conversions"]["int8"]["tflite_bytes"] == out.stat().st_size

  before = out.read_bytes()
  again = _run(*flags)
  assert again.returncode == 1
  assert f"--out={out}" in again.stderr and "--overwrite" in again.stderr
  assert out.read_bytes() == before


def test_none_writes_the_float_network(trained, tmp_path):
  out = tmp_path / "float.tflite"
  done = _run(
      f"--model={trained}", "--data=digits", f"--out={out}", "--quantize=none",
      "--overwrite",
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert inspect(out.read_bytes()).input.dtype == "float32"
  test = sources.load("digits").test
  inputs = preprocess.preprocess(test.images, 16)
  answers = keras.saving.load_model(trained).predict(inputs, verbose=0)
  right = (answers.argmax(-1) == test.labels).mean()
  assert f"test accuracy float {100 * right:.2f} %" in done.stdout


BAD = [
  ((), ["--out"]),
  (("--out=x.tflite",), ["--model", "--run_dir"]),
  (
    ("--out=x.tflite", "--model=m.keras", "--champion=a", "--data=digits"),
    ["--champion", "--run_dir", "a"],
  ),
  (("--out=x.tflite", "--model=m.keras"), ["--data"]),
  (
    ("--out=x.tflite", "--model=m.keras", "--data=digits"),
    ["--model=m.keras", "no such file"],
  ),
  (
    ("--out=no/x.tflite", "--model=m", "--data=digits"),
    ["--out=no/x.tflite"],
  ),
  (
    ("--out=x.tflite", "--model=m", "--data=digits", "--quantize=int2"),
    ["--quantize", "int8", "int2"],
  ),
  (("--out=x.tflite", "--run_dir=nowhere"), ["--run_dir=nowhere"]),
  (
    ("--out=x.tflite", "--model=m", "--data=digits", "--max_drop=-1"),
    ["--max_drop", "-1"],
  ),
  (
    ("--out=x.tflite", "--model=m", "--data=digits", "--qat_epochs=0"),
    ["--qat_epochs", "0"],
  ),
  (
    ("--out=x.tflite", "--model=m", "--data=d", "--calibration_images=0"),
    ["--calibration_images", "0"],
  ),
  (("--out=x.tflite", "--model=m", "--data=mnist"), ["--data", "mnist"]),
]


@pytest.mark.parametrize("flags, named", BAD)
def test_bad_input_is_one_clear_line(flags, named, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  done = _run(*flags)
  assert done.returncode == 1
  (line,) = done.stderr.strip().splitlines()
  for part in named:
    assert part in line
  assert not list(tmp_path.iterdir())


def test_what_was_tried_is_told(trained, tmp_path):
  """Of int16x8, whose file is converted and verified like int8's."""
  out = tmp_path / "wide.tflite"
  done = _run(
      f"--model={trained}", "--data=digits", f"--out={out}",
      "--quantize=int16x8", "--calibration_images=20", "--calibration_balance",
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert inspect(out.read_bytes()).input.dtype == "int16"
  head, tried = done.stdout.splitlines()[1:3]
  assert head.split()[:3] == ["tried", "val", "%"]
  assert tried.split()[0] == "int16x8"
  assert f"{out.stat().st_size:,}" in tried


def test_help_documents_every_flag():
  done = _run("--helpshort")
  own = ("model", "run_dir", "champion", "data", "out", "overwrite", "format")
  for flag in (*CONVERSION, *own):
    assert re.search(rf"^  --(\[no\])?{flag}:", done.stdout, re.MULTILINE), flag


def test_weights_that_are_not_numbers_are_refused(trained, tmp_path):
  network = keras.saving.load_model(trained)
  network.layers[-2].bias.assign(np.full(10, np.nan, np.float32))
  path = tmp_path / "nan.keras"
  network.save(path)
  done = _run(f"--model={path}", "--data=digits", f"--out={tmp_path}/x.tflite")
  assert done.returncode == 1
  assert "not finite" in done.stderr and "Traceback" not in done.stderr
  assert not (tmp_path / "x.tflite").exists()
