"""The convert command, on networks of the families."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from elite_tf import convert
from elite_tf.conversion.tflite.inspect import inspect
from elite_tf.data import sources
from elite_tf.errors import ConfigError
from elite_tf.networks import to_keras
from elite_tf.networks.pool import make_pool
from elite_tf.runs.folder import Config, RunFolder
from elite_tf.runs.results import ChampionResult, Result
from elite_tf.runs.settings import Settings

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
  candidate = make_pool("hf", classes=10, channels=1, base_resolution=32)[-1]
  keras.utils.set_random_seed(0)
  network = to_keras.build(candidate)
  train = sources.load("digits").train
  images = train.images.repeat(2, axis=1).repeat(2, axis=2)
  network.compile("adam", "sparse_categorical_crossentropy")
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


BAD = [
  ((), ["--out"]),
  (("--out=x.tflite",), ["--model", "--run_dir"]),
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


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
  path = tmp_path / "model.keras"
  path.write_bytes(content)
  with pytest.raises(ConfigError, match="cannot be loaded") as error:
    convert.load_model(path)
  assert "\n" not in str(error.value)


def test_a_model_for_other_data_is_refused():
  description = sources.describe("digits")
  for classes, channels in ((7, 1), (10, 3)):
    network = to_keras.build(make_pool("hf", classes, channels, 32)[-1])
    with pytest.raises(ConfigError, match="--data"):
      convert.check_model(Path("m.keras"), network, description, "int8")


def test_a_model_of_another_architecture_is_refused():
  """One of the user's own family only where QAT has to build it anew."""
  image = keras.Input((32, 32, 1))
  x = keras.layers.MaxPooling2D(name="pooled")(image)
  x = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x))
  network = keras.Model(image, x, name="other")
  description, path = sources.describe("digits"), Path("m.keras")
  for quantize in ("int8", "int16x8", "auto", "none"):
    convert.check_model(path, network, description, quantize, "nets:tiny")
  for quantize, pool in (("int8", "elite"), ("auto", ""), ("qat", "nets:tiny")):
    with pytest.raises(ConfigError) as error:
      convert.check_model(path, network, description, quantize, pool)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith("--quantize=qat, ") == (quantize == "qat")
    for part in ("--model=m.keras: other", "'pooled'", "MaxPooling2D"):
      assert part in line


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


def _finished(tmp_path, champions):
  folder = RunFolder(tmp_path)
  Config(Settings(data="digits"), {}).write(folder.config)
  found = tuple(
    ChampionResult(
      name=name,
      group=1,
      params=1,
      macs=1,
      val_accuracy=accuracy,
      test_accuracy_float=0.5,
      test_accuracy_int8=None,
      test_balanced_accuracy_float=0.5,
      test_balanced_accuracy_int8=None,
      tflite_bytes=None,
      arena_bytes=None,
      kind=None,
      estimated_seconds=None,
      files=(),
    )
    for name, accuracy in champions.items()
  )
  Result((), found, {}, 1.0, 1.0, 1.0, 1.0, 0.0, 1, 1).write(folder.result)
  return folder


def test_the_most_accurate_champion_is_the_default(tmp_path):
  folder = _finished(tmp_path, {"a": 0.5, "b": 0.75})
  path, data = convert.find_champion(folder, "")
  assert (path, data) == (tmp_path / "champions/b/model.keras", "digits")
  path, _ = convert.find_champion(folder, "a")
  assert path == tmp_path / "champions/a/model.keras"


def test_an_unknown_champion_is_refused_and_the_known_are_named(tmp_path):
  folder = _finished(tmp_path, {"a": 0.5, "b": 0.75})
  with pytest.raises(ConfigError, match="--champion.*a, b.*Received: c"):
    convert.find_champion(folder, "c")
  with pytest.raises(ConfigError, match="no champion"):
    convert.find_champion(_finished(tmp_path, {}), "")


def test_weights_that_are_not_numbers_are_refused(trained, tmp_path):
  network = keras.saving.load_model(trained)
  network.layers[-2].bias.assign(np.full(10, np.nan, np.float32))
  path = tmp_path / "nan.keras"
  network.save(path)
  done = _run(f"--model={path}", "--data=digits", f"--out={tmp_path}/x.tflite")
  assert done.returncode == 1
  assert "not finite" in done.stderr and "Traceback" not in done.stderr
  assert not (tmp_path / "x.tflite").exists()
