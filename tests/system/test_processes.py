"""Children end when they should, and say how."""

import os
import signal
import subprocess
import time

import pytest

from elite_tf.system import processes


def test_a_child_is_ended_with_all_that_it_started():
  code = (
    "import subprocess, sys, time;"
    "c = subprocess.Popen(['sleep', '60']);"
    "print(c.pid, flush=True); time.sleep(60)"
  )
  process = processes.start("-c", code, stdout=subprocess.PIPE)
  grandchild = int(process.stdout.readline())
  process.stdout.close()
  processes.end(process)
  assert process.returncode == -signal.SIGKILL
  end = time.monotonic() + 10
  while _alive(grandchild):
    assert time.monotonic() < end
    time.sleep(0.02)
  processes.end(process)  # Once more is no error.


def _alive(pid):
  try:
    with open(f"/proc/{pid}/stat") as file:
      return file.read().rsplit(")", 1)[1].split()[0] != "Z"
  except FileNotFoundError:
    return False


def test_a_child_is_told_its_parent_and_finds_the_package(tmp_path):
  process = processes.start(
    "-c",
    "import sys, elite_tf.system.processes; print(sys.argv[1:])",
    "first",
    cwd=tmp_path,
    stdout=subprocess.PIPE,
    text=True,
  )
  out, _ = process.communicate(timeout=60)
  assert out == f"['first', '{os.getpid()}']\n"


@pytest.mark.parametrize(
  "code, words",
  [
    (-signal.SIGSEGV, "died of SIGSEGV"),
    (-signal.SIGKILL, "died of SIGKILL"),
    (3, "ended with exit code 3"),
  ],
)
def test_how_it_ended(code, words):
  assert processes.how_it_ended(code) == words
