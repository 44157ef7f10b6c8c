"""Writes the report of a search: finished, stopped or running.

python -m elite_tf.report --run_dir=runs/mine

Reads the run folder and writes report.html in it, nothing else; a running
search is not disturbed.
"""

import json
import sys
from pathlib import Path

from absl import flags

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.system.cli import define_flag, define_format, run


def define_flags() -> None:
  """Defines the flags of the command."""
  define_flag("run_dir", "", "Folder of the search.")
  define_format("the path of the page, its size and what it shows")


def main() -> int:
  """Runs the command with the flags given; returns the exit code."""
  values = flags.FLAGS
  if not values.run_dir:
    raise ConfigError(
      "--run_dir must name the folder of a search. Received: ''"
    )
  folder = RunFolder(Path(values.run_dir))
  if not folder.config.is_file():
    raise ConfigError(f"--run_dir={folder.path} holds no search")
  # Loading the drawing library takes half a second.
  from elite_tf.report import page

  written = page.write(folder)
  if values.format == "json":
    print(json.dumps(written.to_json()))
  else:
    print(
      f"{written.page}: {written.state}, {written.champions} champions,"
      f" {written.bytes:,} bytes"
    )
  return 0


def console() -> None:
  """Entry point."""
  define_flags()
  run(main)


if __name__ == "__main__":
  sys.exit(console())
