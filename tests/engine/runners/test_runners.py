"""The registry of runners: what is missing is told before anything begins."""

import importlib.util
import inspect
import subprocess
import sys

import pytest

from elite_tf.engine import runners
from elite_tf.engine.runners import RUNNERS
from elite_tf.engine.runners.base import Runner
from elite_tf.errors import ConfigError


@pytest.mark.parametrize("name", sorted(RUNNERS))
def test_runner_is_found_by_its_name(name):
  if RUNNERS[name].package:
    pytest.importorskip(RUNNERS[name].package)
  runner = runners.check_runner(name)
  assert isinstance(runner, Runner) and runner.name == name
  assert inspect.getdoc(type(runner)) and inspect.getdoc(runner.open)
  parameters = list(inspect.signature(runner.open).parameters)
  assert parameters == list(inspect.signature(Runner.open).parameters)[1:]


def test_ray_is_loaded_only_to_be_used():
  code = (
    "import sys; from elite_tf.engine import runners;"
    "print('ray' in sys.modules, 'numpy' in sys.modules)"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  )
  assert done.stdout == "False False\n"


@pytest.mark.parametrize("name", ["", "Local", "worker", "slurm"])
def test_unknown_runner_names_the_known(name):
  with pytest.raises(ConfigError) as caught:
    runners.check_runner(name)
  known = ", ".join(sorted(RUNNERS))
  assert str(caught.value) == (
    f"--runner must be one of {known}. Received: {name!r}"
  )


def test_missing_package_names_the_extra(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  runners.check_runner("local")
  with pytest.raises(ConfigError) as caught:
    runners.check_runner("ray")
  assert str(caught.value) == (
    "--runner=ray needs the package ray, which is not installed: pip install"
    " 'elite-tf[ray]'"
  )
