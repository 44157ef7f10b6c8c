"""Runners whose workers are fakes (`fake_worker.py`): they train nothing."""

import contextlib
import importlib.util
import os
from pathlib import Path

import pytest

from elite_tf.engine.runners import local
from elite_tf.engine.runners.local import LocalWorkers
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings
from elite_tf.types import Candidate, Job

PROGRAM = Path(__file__).with_name("fake_worker.py")


def fake_module():
  """Returns `fake_worker` as a module: tests are no package."""
  spec = importlib.util.spec_from_file_location("fake_worker", PROGRAM)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


class Heard:
  """What a runner tells."""

  def __init__(self, log):
    self.started = []
    self.epochs = []
    self._log = log

  @property
  def lines(self):
    """What was logged, here and in the workers."""
    return self._log.messages

  def callbacks(self):
    """Returns on_start and on_epoch."""
    return (
      lambda request: self.started.append(request.candidate.name),
      lambda name, epoch: self.epochs.append((name, epoch.epoch)),
    )


@pytest.fixture
def heard(log):
  return Heard(log)


@pytest.fixture
def accuracy():
  """What an epoch of a fake candidate measures."""
  return fake_module().accuracy


@pytest.fixture
def job():
  """Makes jobs; the family says what the candidate does."""

  def job(family, number=1, group=1, start=0, stop=2):
    candidate = Candidate(family, 1, number, 1, 1.0, 1.0, 32)
    return Job(candidate, group, 1, start, stop)

  return job


@pytest.fixture
def local_runner(tmp_path, monkeypatch, heard):
  """Makes local runners; they are closed afterwards."""
  start = local.processes.start

  def fake(*arguments, **options):
    descriptor = next(a for a in arguments if a.isdigit())
    return start(str(PROGRAM), descriptor, **options)

  monkeypatch.setattr(local.processes, "start", fake)
  with contextlib.ExitStack() as stack:

    def make(workers=1, **options):
      runner = LocalWorkers(
        Settings(**options.pop("settings", {})),
        RunFolder(tmp_path),
        workers,
        1,
        *heard.callbacks(),
        **options,
      )
      return stack.enter_context(runner)

    yield make


@pytest.fixture(scope="module")
def ray_here():
  """Ray, with a cluster of its own on this machine."""
  pytest.importorskip("ray", reason="Ray is not installed: elite-tf[ray]")
  from elite_tf.engine.runners import ray_cluster, ray_workers

  os.environ["RAY_AUTH_MODE"] = "disabled"  # Or it writes a file at home.
  with ray_cluster.connect(""):
    yield ray_workers


@pytest.fixture
def ray_fake():
  """Returns how a fake worker of the Ray runner is made, in its actor."""
  answer = fake_module().answer

  class Fake:
    def __init__(self, tell, setup):
      self._tell, self._path = tell, setup.folder.path

    def answer(self, request):
      return answer(request, self._tell, self._path)

    def release(self, name):
      (self._path / f"{name}.released").write_text(str(os.getpid()))

  return Fake


@pytest.fixture
def ray_runner(tmp_path, heard, ray_here, ray_fake, monkeypatch):
  """Makes Ray runners; they are closed afterwards."""
  # On a busy machine actors take a while to start, of which nothing is said.
  monkeypatch.setattr(ray_here, "PATIENCE", 600.0)
  (tmp_path / "config.json").touch()
  with contextlib.ExitStack() as stack:

    def make(workers=1, **options):
      settings = {"cpus_per_candidate": 0.25, **options.pop("settings", {})}
      runner = ray_here.RayWorkers(
        Settings(**settings),
        RunFolder(tmp_path),
        workers,
        *heard.callbacks(),
        make=ray_fake,
        **options,
      )
      return stack.enter_context(runner)

    yield make
