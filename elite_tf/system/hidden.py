"""Packages that are not to be loaded although they are installed."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def hidden(*names: str) -> Iterator[None]:
  """Makes packages count as not installed inside a `with` block.

  For packages that another one loads if they are there, and that nothing here
  uses. Those that are loaded already stay as they are.

  Args:
    *names: Names of the packages.
  """
  missing = [name for name in names if name not in sys.modules]
  # None: the import system raises ModuleNotFoundError.
  sys.modules.update(dict.fromkeys(missing))
  try:
    yield
  finally:
    for name in missing:
      if sys.modules.get(name, missing) is None:
        del sys.modules[name]
