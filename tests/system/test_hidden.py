"""Packages that count as not installed, for a while."""

import subprocess
import sys
from pathlib import Path

import pytest

from elite_tf.system.hidden import hidden

HOME = Path(__file__).parents[2]


def test_hidden_packages_are_not_found_and_then_are():
  names = ("colorsys", "nothing_of_this_name")
  sys.modules.pop("colorsys", None)
  with hidden(*names), pytest.raises(ModuleNotFoundError):
    import colorsys
  assert not {*names} & {*sys.modules}
  import colorsys

  assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_what_is_loaded_stays():
  with hidden("json"):
    import json
  assert sys.modules["json"] is json


def test_after_an_error_they_are_found_again():
  with pytest.raises(KeyError), hidden("nothing_of_this_name"):
    raise KeyError
  assert "nothing_of_this_name" not in sys.modules


def test_keras_loads_no_packages_that_networks_do_not_need():
  """Neither scikit-learn, matplotlib nor JAX, which may be imported later."""
  code = (
    "import sys\n"
    "from elite_tf.system import backend\n"
    "backend.load_keras(1)\n"
    "print(sorted({'jax', 'matplotlib', 'sklearn'} & {*sys.modules}))\n"
    "import sklearn\n"
  )
  pytest.importorskip("sklearn")
  done = subprocess.run(
    [sys.executable, "-c", code],
    cwd=HOME,
    capture_output=True,
    text=True,
    timeout=120,
    check=False,
  )
  assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
