"""The registry of runners: what is missing is told before anything begins."""

import importlib.util

import pytest

from elite_tf.engine import runners
from elite_tf.engine.runners import RUNNERS
from elite_tf.errors import ConfigError


@pytest.mark.parametrize("name", sorted(RUNNERS))
def test_runner_is_found_by_its_name(name):
  if RUNNERS[name]:
    pytest.importorskip(RUNNERS[name])
  assert runners.get_runner(name).__name__ == f"elite_tf.engine.runners.{name}"
  assert callable(runners.get_runner(name).open_runner)


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
    runners.get_runner("ray")
  assert str(caught.value) == (
    "--runner=ray needs the package ray, which is not installed: pip install"
    " 'elite-tf[ray]'"
  )
