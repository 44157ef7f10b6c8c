"""`Target`: something that firmware can be made for."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Board

STACK_BYTES = 16 * 1024  # The same as in the linker scripts.


@dataclasses.dataclass(frozen=True)
class Project:
  """The parts of a project that are the same for every target.

  Attributes:
    model: The .tflite file.
    files: The network's sources and the vectors, by file name.
    layers: Names of the network's layers.
    constant_bytes: Flash for the network's constants.
    buffer_bytes: RAM for the network's buffer.
    tflm_root: Folder of TensorFlow Lite Micro, if the target needs it.
  """

  model: bytes
  files: Mapping[str, bytes]
  layers: tuple[str, ...]
  constant_bytes: int
  buffer_bytes: int
  tflm_root: str = ""


@dataclasses.dataclass(frozen=True)
class Figures:
  """What a run measured; None for what the target cannot measure.

  Attributes:
    vectors: Number of inputs compared.
    equal: Number of inputs whose outputs are equal to the last byte.
    images: Number of images classified.
    images_equal: Number of images whose outputs are equal to the last byte.
    images_right: Number of images classified correctly.
    flash_bytes: Code and constants of the whole program.
    code_bytes: The same without the network's constants.
    static_ram_bytes: RAM of the whole program without its stack.
    buffer_bytes: The network's buffer, part of the static RAM.
    stack_bytes: Largest use of the stack.
    instructions: Retired instructions of one inference.
    preprocess_instructions: Retired instructions to make an input of an image.
    layers: Retired instructions by layer.
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
  """Something that firmware can be made for.

  Attributes:
    name: As for `--target`.
    title: One line that describes it.
    files: Function of a project -> all files of the folder, by path.
    check: Function of a project; raises ConfigError if the project does not
      fit.
    require: Function of the value of `--tflm_root`; raises ConfigError if a
      tool for a run is missing. None if the target cannot be run.
    run: Function of folder, project and a function called with the number of
      each image done -> what the run measured. None if the target cannot be
      run.
    generate: Makes the network's sources; None stands for
      `elite_tf.firmware.generate.generate`.
    hint: What to do with the folder.
    code_bytes: Approximate flash of a program without the constants.
    board: Function of a real board -> additional files for it; None if the
      target is for one board already.
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
    code_bytes: Flash of the program without the constants.
    flash_bytes: Of the board; 0 for no limit.
    ram_bytes: Of the board; 0 for no limit.

  Raises:
    ConfigError: It does not fit; says by how much.
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
