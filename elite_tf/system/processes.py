"""Child processes: how they start, find their modules, and end."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

PR_SET_PDEATHSIG = 1

# Environment of a child that computes little: the memory of an accelerator is
# for the workers.
WITHOUT_ACCELERATOR = {
  "CUDA_VISIBLE_DEVICES": "-1",
  "TF_CPP_MIN_LOG_LEVEL": "3",
}


def start(*arguments: str, **options) -> subprocess.Popen:
  """Starts Python in a new process group, so that only this process gets Ctrl-C.

  Args:
    *arguments: Command line arguments of Python, such as `-m` and a module. The
      number of this process is added after them, for `die_with`.
    **options: Options of subprocess.Popen; `env` is added to the environment.
  """
  # The child finds modules where this process does, and this package even if
  # this process has left the working directory in which it was found.
  home = str(Path(__file__).parents[2])
  environment = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), home]),
    # And nowhere else: files in the working directory must not be imported.
    "PYTHONSAFEPATH": "1",
    **options.pop("env", {}),
  }
  return subprocess.Popen(
    [sys.executable, *arguments, str(os.getpid())],
    stdin=subprocess.DEVNULL,
    env=environment,
    start_new_session=True,
    **options,
  )


def start_connected(
  module: str, **options
) -> tuple[subprocess.Popen, Connection]:
  """Starts a module as a child process with a connection to this process.

  Args:
    module: Full name; the module calls `connection_to_parent`.
    **options: Options of `start`.

  Returns:
    The process and this process's end of the connection.
  """
  ours, theirs = socket.socketpair()
  with ours, theirs:
    descriptor = theirs.fileno()
    process = start(
      "-m", module, str(descriptor), pass_fds=(descriptor,), **options
    )
    return process, Connection(ours.detach())


def connection_to_parent(arguments: Sequence[str]) -> Connection:
  """Returns the child's end of the connection; binds the child to its parent.

  Args:
    arguments: Command line arguments that `start_connected` gave: descriptor of
      the connection, number of the parent process.
  """
  descriptor, parent = map(int, arguments)
  die_with(parent)
  return Connection(descriptor)


def end(process: subprocess.Popen) -> None:
  """Kills a child and all processes that it started; leaves no zombie."""
  # A process that was not waited for keeps its number.
  if process.returncode is None:
    with contextlib.suppress(ProcessLookupError):
      os.killpg(process.pid, signal.SIGKILL)
  process.wait()


def how_it_ended(returncode: int) -> str:
  """Returns a process's exit status in words."""
  if returncode < 0:
    return f"died of {signal.Signals(-returncode).name}"
  return f"ended with exit code {returncode}"


def die_with(parent: int) -> None:
  """Has the kernel kill this process when its parent ends, however it ends."""
  libc = ctypes.CDLL(None, use_errno=True)
  libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
  if os.getppid() != parent:  # The parent ended before the call above.
    os._exit(1)
