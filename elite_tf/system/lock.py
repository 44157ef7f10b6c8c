"""One search a folder: a lock that its holder's death releases."""

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from elite_tf.errors import ConfigError

# What a file system answers that knows no such locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS,
             errno.EINVAL)  # fmt: skip


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
  """Holds the lock of a folder for as long as the context lasts.

  The kernel releases it when this process ends, however it does; the file says
  who holds it. Where the file system has no locks (some network file systems),
  the file alone counts: it is taken over if its process, on this host, is gone.

  Args:
    path: The lock's file; its folder is made if it is missing.

  Raises:
    ConfigError: Another process holds it, which is named; or the file cannot be
      written.
  """
  try:
    file = _take(path)
  except OSError as error:
    raise ConfigError(
      f"--run_dir={path.parent} cannot be used ({error.strerror})"
    ) from error
  try:
    yield
  finally:
    # Removed while it is held: whoever waits opens the next one.
    path.unlink(missing_ok=True)
    os.close(file)


def _take(path: Path) -> int:
  path.parent.mkdir(parents=True, exist_ok=True)
  while True:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
      _acquire(file, path)
      if is_still(file, path):
        os.ftruncate(file, 0)
        os.pwrite(file, _who_am_i(), 0)
        return file
    except BaseException:
      os.close(file)
      raise
    os.close(file)  # Its holder has removed it meanwhile.


def _acquire(file: int, path: Path) -> None:
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    raise _refusal(path, _holder(path)) from None
  except OSError as error:
    if error.errno not in _NO_LOCKS:
      raise
    holder = _holder(path)
    if holder and not _is_gone(holder):
      raise _refusal(path, holder) from None


def is_held(path: Path) -> bool:
  """Returns whether somebody is at work in a folder; takes no lock.

  Of a process on another host the file alone tells.

  Args:
    path: The lock's file.
  """
  holder = _holder(path)
  return bool(holder) and not _is_gone(holder)


def is_still(file: int, path: Path) -> bool:
  """Returns whether an open file is the one at a path: it may be removed.

  Args:
    file: Its descriptor.
    path: Where it was opened.
  """
  try:
    return os.path.samestat(os.fstat(file), os.stat(path))
  except FileNotFoundError:
    return False


def _who_am_i() -> bytes:
  return json.dumps(
    {
      "pid": os.getpid(),
      "host": socket.gethostname(),
      "since": time.strftime("%Y-%m-%d %H:%M:%S"),
      "started": _started(os.getpid()),
    }
  ).encode()


def _started(pid: int) -> str | None:
  """Returns when a process began, None if there is none: numbers are reused."""
  try:
    stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
  except (FileNotFoundError, ProcessLookupError):
    return None
  return stat.rpartition(")")[2].split()[19]


def _holder(path: Path) -> dict:
  """Returns what the file says; empty if that is nothing yet."""
  try:
    return dict(json.loads(path.read_text("utf-8")))
  except (FileNotFoundError, ValueError, TypeError):
    return {}


def _is_gone(holder: dict) -> bool:
  return holder.get("host") == socket.gethostname() and _started(
    holder.get("pid", 0)
  ) != holder.get("started")


def _refusal(path: Path, holder: dict) -> ConfigError:
  return ConfigError(
    f"--run_dir={path.parent} is in use by process {holder.get('pid', '?')} on"
    f" {holder.get('host', '?')} since {holder.get('since', '?')}"
    + (
      ""
      if holder.get("host") == socket.gethostname()
      else f"; if that has ended, remove {path}"
    )
  )
