"""Writes the page of a search: finished, stopped or still at work.

python -m elite_tf.report --run_dir=runs/mine

Reads the folder and writes report.html, nothing else; a search at work there is
not disturbed.
"""

import json
import sys
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.system.cli import run


def define_flags() -> None:
  """Defines the command's flags."""
  from absl import flags

  flags.DEFINE_string("run_dir", "", "Folder of the search.")
  flags.DEFINE_enum(
      "format", "text", ["text", "json"],
      "json: where the page is and what it shows as one JSON object on stdout.",
  )  # fmt: skip


def main() -> int:
  """Runs the command; flags are parsed."""
  from absl import flags

  values = flags.FLAGS
  if not values.run_dir:
    raise ConfigError("--run_dir must name the folder of a search")
  folder = RunFolder(Path(values.run_dir))
  if not folder.config.is_file():
    raise ConfigError(f"--run_dir={folder.path} holds no search")
  # Drawing takes half a second to load.
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
