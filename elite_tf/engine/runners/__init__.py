"""Where candidates train: the registry of runners.

A runner is a module with `open_runner(settings, folder, plan, description,
on_start, on_epoch)`, which returns a context manager with the methods of
`elite_tf.tournament.bracket.Runner` and `workers`, their number; its requests may be
`elite_tf.engine.runners.worker.Export`, too. It is loaded when a search begins: a dry
run needs none. To add one: one file and one line in `RUNNERS`.
"""

import importlib
import importlib.util
from types import ModuleType

from elite_tf.errors import ConfigError

# Name -> package that has to be there for it, an extra of the same name; empty
# for none.
RUNNERS: dict[str, str] = {"local": "", "ray": "ray"}


def check_runner(name: str) -> None:
  """Checks that there is such a runner and that it can be loaded.

  Raises:
    ConfigError: It is not so.
  """
  if name not in RUNNERS:
    raise ConfigError(
      f"--runner must be one of {', '.join(sorted(RUNNERS))}."
      f" Received: {name!r}"
    )
  package = RUNNERS[name]
  if package and importlib.util.find_spec(package) is None:
    raise ConfigError(
      f"--runner={name} needs the package {package}, which is not installed:"
      f" pip install 'elite-tf[{name}]'"
    )


def get_runner(name: str) -> ModuleType:
  """Loads the runner called `name`.

  Raises:
    ConfigError: There is none, or its package is not installed.
  """
  check_runner(name)
  return importlib.import_module(f"{__name__}.{name}")
