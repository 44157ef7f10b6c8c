"""Holds back messages that C++ libraries print to stderr."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

# A file descriptor belongs to the whole process: one redirection at a time.
_STDERR_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Holds back what is written to stderr while the body runs.

  TensorFlow writes to file descriptor 2 before its log level is known, and some
  lines ignore the log level, so the descriptor itself is redirected. If the body
  raises, the text that was held back is written after all.
  """
  with _STDERR_LOCK, tempfile.TemporaryFile() as held:
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(held.fileno(), 2)
    try:
      yield
    except BaseException:
      held.seek(0)
      os.write(kept, held.read())
      raise
    finally:
      os.dup2(kept, 2)
      os.close(kept)
