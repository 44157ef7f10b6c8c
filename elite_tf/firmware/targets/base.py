"""Targets of the firmware, their projects and their figures."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Board

STACK_BYTES = 16 * 1024  # As in the linker scripts.


@dataclasses.dataclass(frozen=True)
class Project:
  """A network and its sources, from which a target makes a folder.

  Attributes:
    model: The .tflite file.
    files: Contents by file name: the sources of the network and the vectors.
    layers: Names of the network's layers.
    constant_bytes: Bytes of the network in flash.
    buffer_bytes: Bytes of the network in RAM.
    tflm_root: Folder of TensorFlow Lite Micro, for targets that use it.
  """

  model: bytes
  files: Mapping[str, bytes]
  layers: tuple[str, ...]
  constant_bytes: int
  buffer_bytes: int
  tflm_root: str = ""


@dataclasses.dataclass(frozen=True)
class Figures:
  """Figures of a run; None if the target cannot measure a figure.

  Attributes:
    vectors: Number of inputs compared.
    equal: Number of inputs with outputs that are the same to the last byte.
    images: Number of images classified.
    images_equal: Number of images with outputs that are the same to the last
      byte.
    images_right: Number of images with the right answer.
    flash_bytes: Bytes of code and constants of the whole program.
    code_bytes: `flash_bytes` without the constants of the network.
    static_ram_bytes: Bytes of variables of the whole program, without stack.
    buffer_bytes: Bytes of the network's buffer, part of `static_ram_bytes`.
    stack_bytes: Largest size of the stack during the run.
    instructions: Instructions executed for one input.
    preprocess_instructions: Instructions executed to turn one image into an
      input.
    layers: Instructions by layer.
  """

  vectors: int
  equal: int
  images: int = 0
  images_equal: int = 0
  images_right: int = 0
  flash_bytes: int | None = None
  code_bytes: int | None = None
  static_ram_bytes: int | None = None
  buffer_bytes: int | None = None
  stack_bytes: int | None = None
  instructions: int | None = None
  preprocess_instructions: int | None = None
  layers: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Target:
  """A platform that firmware is made for.

  Attributes:
    name: Name in `--target`.
    title: Description in one line.
    files: Called with a project; returns all files of its folder by path.
    check: Called with a project; raises ConfigError if it does not fit.
    require: Called with `--tflm_root`; raises ConfigError if a tool that a run
      needs is missing. None if the target cannot be run.
    run: Called with the folder, the project and a function that takes the
      number of images done; returns the figures. None if the target cannot be
      run.
    generate: Generates the sources of a network; None means
      `elite_tf.firmware.generate.generate`, which has the same signature.
    hint: The next step of the user, for the message.
    code_bytes: Estimated bytes of the program in flash without constants.
    board: Called with a board; returns the files to add for it. None if the
      target is made for a machine of its own.
  """

  name: str
  title: str
  files: Callable[[Project], dict[str, bytes]]
  check: Callable[[Project], None] = lambda project: None
  require: Callable[[str], None] | None = None
  run: Callable[[Path, Project, Callable[[int], None]], Figures] | None = None
  generate: Callable[..., Any] | None = None
  hint: str = "make check runs it"
  code_bytes: int = 24 * 1024
  board: Callable[[Board], dict[str, bytes]] | None = None


def require_fit(
  what: str,
  project: Project,
  code_bytes: int,
  flash_bytes: int,
  ram_bytes: int,
) -> None:
  """Checks that a network fits a board.

  Args:
    what: The flag and its value, for the error.
    project: The network.
    code_bytes: Bytes of the program in flash without constants.
    flash_bytes: Flash of the board; 0 for no limit.
    ram_bytes: RAM of the board; 0 for no limit.

  Raises:
    ConfigError: The network is too large; the error says by how much.
  """
  needs = (
    ("flash", project.constant_bytes + code_bytes, flash_bytes),
    ("RAM", project.buffer_bytes + STACK_BYTES, ram_bytes),
  )
  for kind, needed, there in needs:
    if there and needed > there:
      raise ConfigError(
        f"{what}: the network needs about {needed:,} bytes of {kind},"
        f" {needed - there:,} more than the {there:,} there are"
      )
