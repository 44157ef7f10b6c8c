"""What all commands have in common: errors, exit codes, interrupts, the log."""

import contextlib
import importlib.metadata
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from absl import app, flags

from elite_tf.errors import EliteError
from elite_tf.system.text import duration, one_line

if TYPE_CHECKING:  # Loaded only where a console is needed.
  from rich.console import Console

VERSIONED = (
  "elite-tf",
  "tensorflow",
  "jax",
  "keras",
  "numpy",
  "tflite-micro",
  "scikit-learn",
  "pillow",
)


def versions() -> dict[str, str]:
  """Returns the versions of the packages that decide a result."""
  found = {"python": sys.version.split()[0]}
  for name in VERSIONED:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      found[name] = "unknown"
  return found


# The commands define their flags through this module; with absl every flag
# belongs to the module that defines it, unless that module disclaims it.
flags.disclaim_key_flags()


def define_flag(
  name: str, default: bool | int | float | str, help: str
) -> None:
  """Defines a flag of the type of its default."""
  define = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
  }[type(default)]
  define(name, default, help)


def define_format(json: str) -> None:
  """Defines `--format`.

  Args:
    json: What `--format=json` prints.
  """
  flags.DEFINE_enum(
    "format",
    "text",
    ["text", "json"],
    f"text (to read) or json: {json} as one JSON object on stdout, everything"
    " else on stderr.",
  )


def given_flags(names: Iterable[str]) -> dict[str, object]:
  """Returns the values of those flags among `names` that were given."""
  return {
    name: flags.FLAGS[name].value for name in names if flags.FLAGS[name].present
  }


@contextlib.contextmanager
def show_log(console: "Console | None" = None) -> Iterator[None]:
  """Shows what the package logs, from INFO on, while the context lasts.

  Args:
    console: Prints each line after the time since the context began, for long
      work; lines appear above a `rich.live.Live` on the same console. None
      prints plain lines on stderr and does not load rich.
  """
  package = logging.getLogger("elite_tf")
  handler = _ConsoleHandler(console) if console else logging.StreamHandler()
  before = package.level, package.propagate
  package.addHandler(handler)
  package.setLevel(logging.INFO)
  package.propagate = False  # absl's handler would print each line again.
  try:
    yield
  finally:
    package.removeHandler(handler)
    package.setLevel(before[0])
    package.propagate = before[1]


def open_console(stderr: bool = False) -> "Console":
  """Returns a console that raises BrokenPipeError if nobody reads.

  rich's own ends the process, with the exit code of an error.

  Args:
    stderr: Whether it prints on stderr.
  """
  from rich.console import Console

  class Piped(Console):
    def on_broken_pipe(self):
      self.quiet = True
      raise BrokenPipeError

  return Piped(stderr=stderr)


class _ConsoleHandler(logging.Handler):
  """Prints records as plain lines; warnings in colour on a terminal."""

  def __init__(self, console: "Console"):
    super().__init__()
    self._console = console
    self._started = time.monotonic()

  def emit(self, record):
    spent = duration(time.monotonic() - self._started)
    self._console.print(
      f"[{spent:>7}] {self.format(record)}",
      style="yellow" if record.levelno >= logging.WARNING else None,
      markup=False,
      highlight=False,
      soft_wrap=True,
    )


class Terminated(BaseException):
  """SIGTERM, as an exception that no error handler catches."""


def nothing_left() -> str:
  """Returns the line about an interrupt after which nothing can be resumed."""
  return "interrupted; no file was left half-written"


def run(
  main: Callable[[], int], on_interrupt: Callable[[], str] = nothing_left
) -> None:
  """Runs a command and exits.

  Exit codes: 0 for success, 1 for an error that the user can fix (one line on
  stderr), 130 after Ctrl-C, 143 after SIGTERM. If whoever reads the output has
  gone (`| head`), the command ends without a word, of SIGPIPE, as other programs
  do. The first Ctrl-C or SIGTERM
  stops the command in order, the second one stops it at once. Worker processes
  end with this process, however it ends.

  Args:
    main: The command, called with all flags parsed; returns the exit code.
    on_interrupt: Returns the line that tells the user how to resume.
  """

  def interrupt(number, _):
    for each in (signal.SIGINT, signal.SIGTERM):
      signal.signal(each, _stop_at_once)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated

  def guarded(arguments: list[str]) -> int:
    for each in (signal.SIGINT, signal.SIGTERM):
      signal.signal(each, interrupt)
    try:
      if len(arguments) > 1:
        return _complain(f"unexpected argument {arguments[1]!r}")
      code = main()
      sys.stdout.flush()  # Here, where an error is answered.
      return code
    except BrokenPipeError:
      return _end_of_output()
    except EliteError as error:
      return _complain(str(error))
    except OSError as error:
      return _complain(
        f"{error.filename or 'input or output'}: {one_line(error)}"
      )
    except (KeyboardInterrupt, Terminated) as stop:
      print(f"\n{on_interrupt()}", file=sys.stderr)
      return 143 if isinstance(stop, Terminated) else 130

  app.run(guarded, flags_parser=_parse)


def _stop_at_once(number, _) -> None:
  if sys.stderr.isatty():
    os.write(2, b"\x1b[?25h\n")  # The cursor, which a table may have hidden.
  os._exit(128 + number)


def _end_of_output() -> int:
  # Nobody reads: what is still in the buffer must not be written at the exit.
  os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  signal.signal(signal.SIGPIPE, signal.SIG_DFL)
  os.kill(os.getpid(), signal.SIGPIPE)
  return 128 + signal.SIGPIPE  # Where the signal is blocked.


def _complain(line: str) -> int:
  print(f"error: {line}", file=sys.stderr)
  return 1


def _parse(arguments: list[str]) -> list[str]:
  # After an unknown flag absl would print the whole help; one line is enough.
  try:
    return flags.FLAGS(arguments)
  except flags.Error as error:
    sys.exit(_complain(one_line(error)))
