"""MobileNetV2 and a family of one's own: search, convert and verify."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elite_tf.conversion.tflite.inspect import inspect

HOME = Path(__file__).parents[1]
FLAGS = ("--data=digits", "--format=json")

# Name of the family -> what is searched: of one's own two networks in a
# tournament, to the end of a training; of the larger one the smallest, briefly.
SEARCHES = {
    "nets:tiny": (
        "--include=tiny-w4-d[34]-r13", "--group_size=2", "--round_epochs=1",
        "--epochs=14",
    ),
    "mobilenet_v2": (
        "--include=mobilenet_v2-w6-d6-r8", "--levels=6", "--epochs=2",
        "--round_epochs=1",
    ),
}  # fmt: skip


def _source():
  """The family that docs/custom-networks.md shows."""
  return (HOME / "examples/nets.py").read_text("utf-8")


def test_documented_family_is_of_twenty_lines():
  assert len(_source().splitlines()) <= 20


def _run(cwd, command, *flags):
  return subprocess.run(
    [sys.executable, "-m", f"elite_tf.{command}", *map(str, flags)],
    cwd=cwd,
    env={**os.environ, "PYTHONPATH": str(HOME)},
    capture_output=True,
    text=True,
    timeout=1800,
    check=False,
  )


@pytest.fixture(scope="module", params=SEARCHES)
def finished(request, tmp_path_factory):
  home = tmp_path_factory.mktemp("search")
  (home / "nets.py").write_text(_source())
  run_dir = home / "run"
  flags = (
      *FLAGS, f"--pool={request.param}", *SEARCHES[request.param],
      "--workers=1", "--calibration_images=64", f"--run_dir={run_dir}",
  )  # fmt: skip
  done = _run(run_dir.parent, "search", *flags)
  assert done.returncode == 0, done.stderr
  return request.param, flags, run_dir, json.loads(done.stdout)


def test_the_champion_is_verified_and_converted_again(finished, tmp_path):
  pool, flags, run_dir, result = finished
  (champion,) = result["champions"]
  (group,) = result["groups"]
  folder = run_dir / "champions" / champion["name"]
  assert group["failures"] == {}
  found = json.loads((folder / "metrics.json").read_text())
  int8 = found["conversions"]["int8"]
  assert int8["equal"] and int8["images"] == 355
  network = inspect((folder / "model_int8.tflite").read_bytes())
  assert network.float_tensors == ()
  if pool == "mobilenet_v2":
    return
  # A network of one's own learns; by chance it would be 0.1.
  assert champion["test_accuracy_float"] > 0.85
  assert champion["test_accuracy_int8"] > 0.85

  out = tmp_path / "again.tflite"
  done = _run(
      run_dir.parent, "convert", f"--run_dir={run_dir}",
      f"--champion={champion['name']}", f"--out={out}",
      "--calibration_images=64", "--format=json",
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  again = json.loads(done.stdout)["conversions"]["int8"]
  assert again["equal"] and again["accuracy"] == int8["accuracy"]

  # The same command again builds nothing to say that the search has ended.
  done = _run(run_dir.parent, "search", *flags)
  assert done.returncode == 0, done.stderr
  assert json.loads(done.stdout) == result
  assert "ended already" in done.stderr and "are built" not in done.stderr
