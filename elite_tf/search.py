"""Searches for the best networks: from a data set to verified champions.

python -m elite_tf.search --data=digits --preset=quick
"""

import json
import logging
import shlex
from collections.abc import Callable
from pathlib import Path

from absl import flags

from elite_tf.engine.prepare_search import PreparedSearch, prepare_search
from elite_tf.hardware.board_list import describe_boards
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.plan_json import plan_to_json
from elite_tf.runs.presets import resolve
from elite_tf.runs.setting_field import flag_help
from elite_tf.runs.settings import FIELDS
from elite_tf.system.cli import (
  define_flag,
  define_format,
  given_flags,
  open_console,
  run,
  show_log,
  versions,
)

logger = logging.getLogger("elite_tf.search")


def define_flags() -> None:
  """Defines the flags of the command."""
  for name, field in FIELDS.items():
    define_flag(name, field.default, flag_help(field))
  define_flag(
    "preset",
    "",
    "Name of a set of settings, which other flags can override: quick (minutes"
    " on two cores) or paper (the settings of the paper).",
  )
  define_flag("dry_run", False, "Print the plan and stop.")
  define_format("the plan or the result")


def run_search(preset: str = "", progress: bool = True, **settings) -> dict:
  """Runs a search, or continues it, and returns its result.

  ```
  result = elite_tf.run_search(preset="quick", data="digits", epochs=30)
  ```

  The same call again continues a search that was interrupted, and returns the
  result of a search that has ended.

  Args:
    preset: "quick", "paper" or "" for none; `settings` override it.
    progress: Whether the progress is shown, on stderr or in the notebook.
    **settings: The flags of `python -m elite_tf.search`, listed in
      `docs/settings.md`. NumPy numbers, `pathlib.Path` for paths and lists of
      strings for comma-separated texts are accepted.

  Returns:
    What result.json in the run folder holds.

  Raises:
    ConfigError: A setting or the data set is wrong.
    SearchFailed: Every candidate of a group failed, or a champion computes
      something else on a microcontroller.
  """
  if not progress:
    return _play(prepare_search(resolve(settings, preset)), None).to_json()
  console = open_console(stderr=True)
  with show_log(console):
    result = _play(prepare_search(resolve(settings, preset)), console)
    return result.to_json()


def _play(search: PreparedSearch, console) -> dict:
  # TensorFlow is loaded only when settings and data are known to be right.
  from elite_tf.engine import pipeline

  return pipeline.run_search(
    search.settings, search.plan, search.description, versions(), console
  )


def main(on_begin: Callable[[RunFolder], None] = lambda folder: None) -> int:
  """Runs the command with the flags given; returns the exit code.

  Args:
    on_begin: Called with the run folder before anything is written to it.
  """
  values = flags.FLAGS
  if values.board == "list":
    print(describe_boards())
    return 0
  settings = resolve(given_flags(FIELDS), values.preset)
  as_json = values.format == "json"
  if values.dry_run:
    with show_log():
      _print_plan(prepare_search(settings), as_json)
    return 0
  from elite_tf.engine import tables

  console = open_console(stderr=as_json)
  with show_log(console):
    search = prepare_search(settings)
    on_begin(RunFolder(Path(search.settings.run_dir)))
    result = _play(search, console)
  if as_json:
    print(json.dumps(result.to_json()))
  else:
    tables.print_result(console, result, search.settings.run_dir)
  return 0


def _print_plan(search: PreparedSearch, as_json: bool) -> None:
  if as_json:
    print(json.dumps(plan_to_json(search.plan)))
    for note in (*search.description.notes, *search.plan.notes):
      logger.info(note)
    return
  from elite_tf.engine import tables

  tables.print_plan(open_console(), search.plan, search.description)


def how_to_continue(folder: RunFolder | None) -> str:
  """Returns the line for a user who has interrupted a search."""
  if folder is None or not folder.config.exists():
    return "interrupted before anything was written"
  return (
    "interrupted; to continue from the last epoch: python -m elite_tf.search"
    f" --flagfile={shlex.quote(str(folder.flags))}"
    f" --run_dir={shlex.quote(str(folder.path))}"
  )


def console() -> None:
  """Entry point."""
  begun: list[RunFolder | None] = [None]
  define_flags()
  run(lambda: main(begun.append), lambda: how_to_continue(begun[-1]))


if __name__ == "__main__":
  console()
