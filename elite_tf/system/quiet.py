"""Holds back what C++ libraries print where nobody asked for it."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

# Redirecting a file descriptor is an act of the whole process: one at a time.
_STDERR_LOCK = threading.Lock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Holds back what is written to stderr while the body runs.

  TensorFlow logs to file descriptor 2 before any of its log levels is asked,
  and some lines never ask: only the descriptor itself helps. If the body
  raises, what was held back is written after all.
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
