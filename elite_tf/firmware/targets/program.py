"""Runs a check program and reads the figures that it prints."""

import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from elite_tf.errors import ConfigError, VerificationFailed

# Time limit of a run without images.
RUN_SECONDS = 600

# Additional seconds per image: the emulator executes about 10^8 instructions per
# second, and the largest networks need 10^9 per image.
IMAGE_SECONDS = 30

_LINE = re.compile(r"elite (\S+) (\d+)")


def require_tools(tools: Mapping[str, str]) -> None:
  """Checks that the programs that a run needs are installed.

  Args:
    tools: Names of programs, each with the Debian package that holds it.

  Raises:
    ConfigError: A program is not installed.
  """
  for tool, package in tools.items():
    if shutil.which(tool) is None:
      raise ConfigError(
        f"--run needs {tool}, which is not installed: on Debian,"
        f" apt-get install {package}"
      )


def execute(
  command: list[str], folder: Path, on_image: Callable[[int], None]
) -> dict[str, int]:
  """Runs a check program and returns the figures that it prints.

  Args:
    command: Command that starts the program; its last word is the program.
    folder: Working folder, which holds the vectors and the images.
    on_image: Called after each image with the number of images done.

  Raises:
    VerificationFailed: The program ended without a result.
  """
  process = subprocess.Popen(
    command,
    cwd=folder,
    stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    errors="replace",
  )
  images = folder / "images.bin"
  limit = RUN_SECONDS
  if images.exists():
    count = int.from_bytes(images.read_bytes()[4:8], "little")
    limit += IMAGE_SECONDS * count
  said: dict[str, int] = {}
  other = []
  timer = threading.Timer(limit, process.kill)
  timer.start()
  try:
    for line in process.stdout:
      found = _LINE.fullmatch(line.strip())
      if found:
        said[found[1]] = int(found[2])
        if found[1] == "image":
          on_image(int(found[2]))
      else:
        other.append(line.strip())
    process.wait()
  finally:
    timer.cancel()
    process.kill()
    process.wait()
    process.stdout.close()
  if "vectors" not in said or process.returncode not in (0, 1):
    raise VerificationFailed(
      f"{Path(command[-1]).name} ended without a result, exit code"
      f" {process.returncode}. Last output: {' '.join(other[-2:]) or 'none'}"
    )
  return said
