"""One search a folder, whoever comes second and however the first ends."""

import errno
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from elite_tf.errors import ConfigError
from elite_tf.system import lock

HOLD = (
  "import sys, pathlib; from elite_tf.system import lock\n"
  "with lock.hold(pathlib.Path(sys.argv[1])):\n"
  "  print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def path(tmp_path):
  return tmp_path / "run" / "search.lock"


@pytest.fixture
def other(path):
  """Another process that holds the lock."""
  with subprocess.Popen(
      [sys.executable, "-c", HOLD, path],
      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
      env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
  ) as process:  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()


def _refused(path):
  with pytest.raises(ConfigError) as caught, lock.hold(path):
    pass
  return str(caught.value)


def test_held_and_given_back(path):
  for _ in range(2):
    with lock.hold(path):
      assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()


def test_second_process_is_told_who_holds_it(path, other):
  line = _refused(path)
  assert re.fullmatch(
    rf"--run_dir={path.parent} is in use by process {other.pid} on"
    rf" {re.escape(socket.gethostname())} since \d{{4}}-\d\d-\d\d [\d:]{{8}}",
    line,
  )
  assert json.loads(path.read_text())["pid"] == other.pid


@pytest.mark.parametrize("how", [signal.SIGKILL, None])
def test_lock_of_a_process_that_has_ended_is_free(path, other, how):
  if how:
    other.send_signal(how)
  else:
    other.stdin.close()
  other.wait(20)
  assert path.exists() == bool(how)
  with lock.hold(path):
    assert json.loads(path.read_text())["pid"] == os.getpid()


def test_released_by_an_error(path):
  with pytest.raises(KeyError), lock.hold(path):
    raise KeyError
  assert not path.exists()


@pytest.fixture
def no_locks(monkeypatch):
  """A file system that has none."""

  def flock(*_):
    raise OSError(errno.ENOLCK, "No locks available")

  monkeypatch.setattr(fcntl, "flock", flock)


def _held_by(path, **holder):
  path.parent.mkdir()
  path.write_text(json.dumps({"since": "then", **holder}))


def test_without_locks_a_living_process_holds_it(path, other, no_locks):
  assert f"in use by process {other.pid} on" in _refused(path)


def test_without_locks_a_process_on_another_host_holds_it(path, no_locks):
  _held_by(path, pid=1, host="elsewhere")
  assert _refused(path) == (
    f"--run_dir={path.parent} is in use by process 1 on elsewhere since then;"
    f" if that has ended, remove {path}"
  )


@pytest.mark.parametrize("pid", [2**22 + 1, os.getpid()], ids=["gone", "taken"])
def test_without_locks_a_process_that_is_gone_does_not(path, no_locks, pid):
  """Neither if its number is another process's now."""
  _held_by(path, pid=pid, host=socket.gethostname(), started="0")
  with lock.hold(path):
    assert json.loads(path.read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("locks", [True, False])
def test_who_waits_takes_the_lock_when_its_holder_is_gone(
  path, other, locks, request
):
  if not locks:
    request.getfixturevalue("no_locks")
  threading.Timer(0.5, other.kill).start()
  start = time.monotonic()
  with lock.hold(path, wait=True):
    assert time.monotonic() - start > 0.4
    assert json.loads(path.read_text())["pid"] == os.getpid()


def test_the_flag_that_names_the_folder_is_told(path, other):
  with (
    pytest.raises(ConfigError, match=f"^--cache_dir={path.parent} is in use"),
    lock.hold(path, "--cache_dir"),
  ):
    pass


def test_is_held(path, other):
  assert lock.is_held(path)
  other.kill()
  other.wait()
  assert path.exists() and not lock.is_held(path)


def test_file_that_says_nothing_is_taken(path):
  path.parent.mkdir()
  path.write_text('{"pid"')
  with lock.hold(path):
    pass


def test_folder_that_cannot_be_made():
  held = lock.hold(lock.Path("/dev/null/run/search.lock"))
  with pytest.raises(ConfigError) as caught, held:
    pass
  assert str(caught.value) == (
    "--run_dir=/dev/null/run cannot be used (Not a directory)"
  )
