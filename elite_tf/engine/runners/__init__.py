"""Where candidates train: the registry of runners.

To add one: a file with a subclass of `elite_tf.engine.runners.base.Runner`, and
one line in `RUNNERS`.
"""

from elite_tf.engine.runners.base import Runner
from elite_tf.engine.runners.local import LocalRunner
from elite_tf.engine.runners.ray import RayRunner
from elite_tf.errors import ConfigError

RUNNERS: dict[str, Runner] = {
  runner.name: runner for runner in (LocalRunner(), RayRunner())
}


def check_runner(name: str) -> Runner:
  """Returns the runner called `name` if it can be used here.

  Raises:
    ConfigError: There is none, or its package is not installed.
  """
  if name not in RUNNERS:
    raise ConfigError(
      f"--runner must be one of {', '.join(sorted(RUNNERS))}."
      f" Received: {name!r}"
    )
  RUNNERS[name].check()
  return RUNNERS[name]
