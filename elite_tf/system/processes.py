"""Child processes: how they find their modules, and how they end."""

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

# Added to the environment of a child that hardly computes: an accelerator's
# memory is for the workers.
WITHOUT_ACCELERATOR = {
  "CUDA_VISIBLE_DEVICES": "-1",
  "TF_CPP_MIN_LOG_LEVEL": "3",
}


def start(*arguments: str, **options) -> subprocess.Popen:
  """Starts Python as the leader of a process group of its own.

  An interrupt from the keyboard reaches this process alone, which then ends
  its children.

  Args:
    *arguments: Of Python: `-m`, the module and what it takes. The number of
      this process comes after them, for `die_with`.
    **options: As subprocess.Popen has them; `env` is added to the environment.
  """
  # The child finds its modules where this process does, wherever that is, and
  # this package even if it was found in a working directory since left.
  home = str(Path(__file__).parents[2])
  environment = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), home]),
    # And nowhere else: what lies in the working directory is not its concern.
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
  """Starts a module that speaks with this process.

  Args:
    module: Its name; it opens its end by `connection_to_parent`.
    **options: As `start` has them.
  """
  ours, theirs = socket.socketpair()
  with ours, theirs:
    descriptor = theirs.fileno()
    process = start(
      "-m", module, str(descriptor), pass_fds=(descriptor,), **options
    )
    return process, Connection(ours.detach())


def connection_to_parent(arguments: Sequence[str]) -> Connection:
  """Returns a child's end; from here on it ends with its parent.

  Args:
    arguments: Of a module that `start_connected` started: descriptor of the
      connection, number of the parent process.
  """
  descriptor, parent = map(int, arguments)
  die_with(parent)
  return Connection(descriptor)


def end(process: subprocess.Popen) -> None:
  """Kills a child with all that it started, and leaves no zombie."""
  # Not yet waited for, so that the number cannot be another process's.
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
  """Has the kernel kill this process when its parent ends, however it does."""
  libc = ctypes.CDLL(None, use_errno=True)
  libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
  if os.getppid() != parent:  # It had ended before it was asked for.
    os._exit(1)
