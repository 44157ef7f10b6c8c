"""How commands show the package's log."""

import io
import logging
import os
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from elite_tf.system.cli import show_log

logger = logging.getLogger("elite_tf.anywhere")


def _console(**options):
  return Console(file=io.StringIO(), width=20, **options)


def test_plain_lines_on_stderr(capsys):
  with show_log():
    logger.info("a [line] with 100 % and {braces}")
    logger.warning("a warning")
    logger.debug("not shown")
  logger.warning("nor this")
  assert capsys.readouterr().err == (
    "a [line] with 100 % and {braces}\na warning\n"
  )


def test_a_console_prints_whole_lines_with_the_time():
  console = _console()
  with show_log(console):
    logger.info("a [line] longer than the console is wide")
    logger.warning("a warning")
  assert console.file.getvalue() == (
    "[    0 s] a [line] longer than the console is wide\n[    0 s] a warning\n"
  )


def test_only_warnings_are_coloured():
  console = _console(force_terminal=True, color_system="standard")
  with show_log(console):
    logger.info("a line 1")
    logger.warning("a warning")
  first, second = console.file.getvalue().splitlines()
  assert "\x1b" not in first and "\x1b" in second


def test_each_line_is_shown_once_whatever_handles_the_root(capsys):
  """As absl does, whose handler prints on stderr too."""
  other = logging.StreamHandler(sys.stderr)
  logging.getLogger().addHandler(other)
  try:
    with show_log():
      logger.info("once")
  finally:
    logging.getLogger().removeHandler(other)
  assert capsys.readouterr().err == "once\n"


def test_errors_leave_the_log_as_it_was():
  package = logging.getLogger("elite_tf")
  before = package.level, package.propagate, list(package.handlers)
  with pytest.raises(ValueError), show_log():
    raise ValueError
  assert (package.level, package.propagate, package.handlers) == before


@pytest.mark.parametrize("level", ["info", "warning"])
def test_a_library_is_silent(level):
  code = (
    f"import elite_tf, logging; logging.getLogger('elite_tf.a').{level}('x')"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, check=True
  )
  assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.parametrize("flags", [["--board=list"], ["--dry_run"]])
def test_a_reader_who_has_gone_ends_it_quietly(flags):
  """As SIGPIPE ends other programs: `| head` prints no error."""
  reader, writer = os.pipe()
  os.close(reader)
  try:
    done = subprocess.run(
        [sys.executable, "-m", "elite_tf.search", *flags],
        stdout=writer, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
  finally:
    os.close(writer)
  assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
