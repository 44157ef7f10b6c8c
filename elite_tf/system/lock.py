"""One process per folder: a lock that its holder's death releases."""

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from elite_tf.errors import ConfigError
from elite_tf.system.text import one_line

# Answers of a file system that has no such locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS,
             errno.EINVAL)  # fmt: skip

_POLL_SECONDS = 0.2


@contextlib.contextmanager
def hold(
  path: Path, flag: str = "--run_dir", wait: bool = False
) -> Iterator[None]:
  """Holds the lock of a folder for as long as the context lasts.

  The kernel releases the lock when this process ends, however it ends; the lock
  file says who holds it. Where the file system has no locks (some network file
  systems), the file alone counts: it is taken over if the process that it names
  is gone from this host.

  Args:
    path: The lock file; missing folders above it are made.
    flag: The flag that names the folder, for errors.
    wait: Whether to wait for another holder; otherwise the lock is refused.

  Raises:
    ConfigError: Another process holds the lock (the message names it), or the
      file cannot be written.
  """
  lock = filelock.FileLock(path, blocking=wait, fallback_to_soft=False)
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    _acquire(lock, path, flag)
    path.write_text(_who_am_i(), "utf-8")
  except OSError as error:
    lock.release()
    raise ConfigError(
      f"{flag}={path.parent} cannot be used ({one_line(error)})"
    ) from error
  try:
    yield
  finally:
    # Removed while held: whoever waits for this file then locks the next one.
    path.unlink(missing_ok=True)
    lock.release()


def _acquire(lock: filelock.BaseFileLock, path: Path, flag: str) -> None:
  try:
    lock.acquire()
  except filelock.Timeout:
    raise _refusal(path, flag, _holder(path)) from None
  except OSError as error:
    if error.errno not in _NO_LOCKS:
      raise
    while is_held(path):
      if not lock.blocking:
        raise _refusal(path, flag, _holder(path)) from None
      time.sleep(_POLL_SECONDS)


def is_held(path: Path) -> bool:
  """Returns whether a process holds a lock, without taking it.

  Of a process on another host only the lock file tells.
  """
  holder = _holder(path)
  return bool(holder) and not _is_gone(holder)


def _who_am_i() -> str:
  return json.dumps(
    {
      "pid": os.getpid(),
      "host": socket.gethostname(),
      "since": time.strftime("%Y-%m-%d %H:%M:%S"),
      "started": _started(os.getpid()),
    }
  )


def _started(pid: int) -> str | None:
  """Returns when a process began, None if it has ended: numbers are reused."""
  try:
    stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
  except (FileNotFoundError, ProcessLookupError):
    return None
  fields = stat.rpartition(")")[2].split()
  return None if fields[0] == "Z" else fields[19]


def _holder(path: Path) -> dict:
  """Returns what the lock file says; empty if that is nothing yet."""
  try:
    return dict(json.loads(path.read_text("utf-8")))
  except (FileNotFoundError, ValueError, TypeError):
    return {}


def _is_gone(holder: dict) -> bool:
  return holder.get("host") == socket.gethostname() and _started(
    holder.get("pid", 0)
  ) != holder.get("started")


def _refusal(path: Path, flag: str, holder: dict) -> ConfigError:
  here = holder.get("host") == socket.gethostname()
  remedy = "" if here else f"; if that has ended, remove {path}"
  return ConfigError(
    f"{flag}={path.parent} is in use by process {holder.get('pid', '?')} on"
    f" {holder.get('host', '?')} since {holder.get('since', '?')}{remedy}"
  )
