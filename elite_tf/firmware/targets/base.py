"""What a target is."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Board

STACK_BYTES = 16 * 1024  # As in the linker scripts.


@dataclasses.dataclass(frozen=True)
class Project:
  """What a target's project is made of.

  Attributes:
    model: The .tflite file.
    files: What is the same for every target, by file name: the network's
      sources and the vectors.
    layers: Names of the network's layers.
    constant_bytes: Of the network, in flash.
    buffer_bytes: Of the network, in RAM.
    tflm_root: Where TensorFlow Lite Micro is, if the target needs it.
  """

  model: bytes
  files: Mapping[str, bytes]
  layers: tuple[str, ...]
  constant_bytes: int
  buffer_bytes: int
  tflm_root: str = ""


@dataclasses.dataclass(frozen=True)
class Figures:
  """What a run measured; None where it cannot be known.

  Attributes:
    vectors: Inputs compared.
    equal: Those whose outputs are the same to the last byte.
    images: Images classified.
    images_equal: Those whose outputs are the same to the last byte.
    images_right: Those classified rightly.
    flash_bytes: Code and constants of the whole program.
    code_bytes: Of them, what is not the network's constants.
    static_ram_bytes: Of the whole program, without its stack.
    buffer_bytes: Of them, the network's buffer.
    stack_bytes: The most that was used.
    instructions: Retired in one pass.
    preprocess_instructions: Retired in making an input of an image.
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
  """Something that firmware is made for.

  Attributes:
    name: As `--target` has it.
    title: A line about it.
    files: Project -> all files of the folder, by path.
    check: Project -> nothing; raises ConfigError where it does not fit.
    require: What `--tflm_root` has -> nothing; raises ConfigError where a tool
      that a run needs is not there; None if the target cannot be run.
    run: Folder, project and what to call with the number of each image done
      -> what the run measured; None if the target cannot be run.
    generate: As `elite_tf.firmware.generate.generate`, which None stands for:
      makes what is the network's of the folder.
    hint: How to go on with the folder.
    code_bytes: About what a program takes of flash besides the constants.
    board: A real board -> files that are added for it; None if the target is
      made for a board already.
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
  """Refuses a network that is larger than a board.

  Args:
    what: The flag and its value, for the error.
    project: The network.
    code_bytes: What the program takes of flash besides the constants.
    flash_bytes: Of the board; 0 for no limit.
    ram_bytes: Of the board; 0 for no limit.

  Raises:
    ConfigError: It is; says by how much.
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
