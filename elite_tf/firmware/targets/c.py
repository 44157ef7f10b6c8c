"""Plain C for any compiler, this computer and the boards of the emulator."""

import dataclasses
import functools
import re
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from elite_tf.errors import ConfigError, VerificationFailed
from elite_tf.firmware import sources
from elite_tf.firmware.targets import program
from elite_tf.firmware.targets.base import Figures, Project, Target, require_fit
from elite_tf.hardware.boards import Board
from elite_tf.system.text import one_line

# Time limit of a compilation.
BUILD_SECONDS = 300

# Estimated flash of a small program without the constants of the network.
CODE_BYTES = 24 * 1024

_LINK = (
  "LINK = --specs=nano.specs --specs=nosys.specs -nostartfiles -L. -T{}"
  " -Wl,--gc-sections"
)


@dataclasses.dataclass(frozen=True)
class Machine:
  """A machine that programs are compiled for and run on.

  Attributes:
    compiler: Name of the compiler.
    package: Debian packages that hold the compiler.
    flags: Flags of the compiler.
    script: Linker script in `tflite/boards`; empty for the system's own.
    emulator: Machine of the emulator; empty if the program runs here.
    clock_hz: Clock of SysTick in hertz.
    flash_bytes: Size of the region for constants.
    ram_bytes: Size of the region for variables and stack.
  """

  compiler: str
  package: str
  flags: str = ""
  script: str = ""
  emulator: str = ""
  clock_hz: int = 0
  flash_bytes: int = 0
  ram_bytes: int = 0


_HOST = Machine("gcc", "gcc make")

_ARM = functools.partial(
  Machine, "arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi"
)

# Name -> title, machine.
BOARDS = {
  "mps2-an386": (
    "Cortex-M4, emulated",
    _ARM(
      flags="-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard -mthumb",
      script="mps2.ld",
      emulator="mps2-an386",
      clock_hz=25_000_000,
      flash_bytes=4 << 20,
      ram_bytes=4 << 20,
    ),
  ),
  "mps2-an500": (
    "Cortex-M7, emulated",
    _ARM(
      flags="-mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard -mthumb",
      script="mps2.ld",
      emulator="mps2-an500",
      clock_hz=25_000_000,
      flash_bytes=4 << 20,
      ram_bytes=4 << 20,
    ),
  ),
  "mps3-an547": (
    "Cortex-M55, emulated",
    _ARM(
      flags="-mcpu=cortex-m55 -mfloat-abi=hard -mthumb",
      script="mps3-an547.ld",
      emulator="mps3-an547",
      clock_hz=32_000_000,
      flash_bytes=2 << 20,
      ram_bytes=512 << 10,
    ),
  ),
}


def _files(machine: Machine, project: Project) -> dict[str, bytes]:
  """Returns all files of a project's folder."""
  platform = "cortex_m.c" if machine.script else "host.c"
  found = {
    **project.files,
    **sources.read_files("preprocess", "check/main.c", "check/platform.h"),
    "Makefile": sources.read_files("check/Makefile")["Makefile"],
    "target.mk": "".join(_settings(machine, platform)).encode(),
  }
  for name, data in sources.read_files("kernels").items():
    found[f"kernels/{name}"] = data
  if machine.script:
    found |= sources.read_files(
      "boards/cortex_m.c",
      "boards/sections.ld",
      f"boards/{machine.script}",
    )
  else:
    found |= sources.read_files("check/host.c")
  return found


def _settings(machine: Machine, platform: str) -> Iterator[str]:
  """Yields the settings of make that depend on the machine."""
  yield f"CC = {machine.compiler}\nPLATFORM = {platform}\n"
  if not machine.script:
    yield "RUN = ./check.elf\n"
    return
  yield f"MACHINE = {machine.flags}\n"
  yield (
    f"MACHINE += -DELITE_CLOCK_HZ={machine.clock_hz}\n"
    f"{_LINK.format(machine.script)}\n"
    f"RUN = {' '.join(emulation(machine, 'check.elf'))}\n"
  )


def _command(machine: Machine, name: str) -> list[str]:
  return emulation(machine, name) if machine.emulator else [f"./{name}"]


def emulation(machine: Machine, name: str) -> list[str]:
  """Returns the command that runs a program in the emulator."""
  return [
      "qemu-system-arm", "-M", machine.emulator, "-nographic", "-monitor",
      "none", "-serial", "none", "-icount", "shift=0", "-semihosting-config",
      "enable=on,target=native", "-kernel", name,
  ]  # fmt: skip


def _check(name: str, machine: Machine, project: Project) -> None:
  """Checks that a network fits the machine."""
  require_fit(
    f"--target={name}",
    project,
    CODE_BYTES,
    machine.flash_bytes,
    machine.ram_bytes,
  )


def _require(machine: Machine, tflm_root: str = "") -> None:
  del tflm_root  # Not used by plain C.
  tools = {machine.compiler: machine.package, "make": "make"}
  if machine.emulator:
    tools["qemu-system-arm"] = "qemu-system-arm"
  program.require_tools(tools)


def _run(
  machine: Machine,
  folder: Path,
  project: Project,
  on_image: Callable[[int], None],
) -> Figures:
  """Compiles a project, runs it and returns its figures."""
  # A copy is compiled: the folder stays as it was written.
  with tempfile.TemporaryDirectory(prefix="elite_tf-deploy-") as place:
    build = Path(place) / "build"
    shutil.copytree(folder, build)
    programs = ["check.elf"] + ["profile.elf"] * bool(machine.emulator)
    _make(build, programs)
    said = program.execute(_command(machine, "check.elf"), build, on_image)
    layers = {}
    if machine.emulator:
      profile = program.execute(
        _command(machine, "profile.elf"), build, lambda _: None
      )
      # The profile adds up all vectors, which take the same instructions each.
      layers = {
        name: profile[name] // profile["vectors"] for name in project.layers
      }
    sizes = _sizes(build) if machine.emulator else {}
  flash = sizes.get("flash")
  return Figures(
    vectors=said["vectors"],
    equal=said["equal"],
    images=said.get("images", 0),
    images_equal=said.get("images_equal", 0),
    images_right=said.get("images_right", 0),
    flash_bytes=flash,
    code_bytes=flash - project.constant_bytes if flash else None,
    static_ram_bytes=sizes.get("ram"),
    buffer_bytes=project.buffer_bytes,
    stack_bytes=said["stack"] or None,
    instructions=said["instructions"] or None,
    preprocess_instructions=said.get("preprocess_instructions") or None,
    layers=layers,
  )


def _make(build: Path, programs: list[str]) -> None:
  done = subprocess.run(
    ["make", "-s", *programs],
    cwd=build,
    capture_output=True,
    text=True,
    timeout=BUILD_SECONDS,
    check=False,
  )
  if done.returncode == 0:
    return
  over = re.search(r"region `(\w+)' overflowed by (\d+) bytes", done.stderr)
  if over:
    raise ConfigError(
      f"the network is too large for the board: {over[1]} needs"
      f" {int(over[2]):,} bytes more"
    )
  raise VerificationFailed(
    "the sources cannot be compiled: " + one_line(done.stderr)
  )


def _sizes(build: Path) -> dict[str, int]:
  """Returns the bytes of flash and of static RAM of the program."""
  done = subprocess.run(
    ["arm-none-eabi-size", "-A", "check.elf"],
    cwd=build,
    capture_output=True,
    text=True,
    timeout=60,
    check=True,
  )
  found = {}
  for line in done.stdout.splitlines():
    parts = line.split()
    if len(parts) == 3 and parts[0].startswith("."):
      found[parts[0]] = int(parts[1])
  parts = {
    "flash": (".text", ".rodata", ".data", ".ARM.exidx"),
    "ram": (".data", ".bss"),
  }
  return {
    what: sum(found.get(name, 0) for name in names)
    for what, names in parts.items()
  }


def board_files(board: Board) -> dict[str, bytes]:
  """Returns a linker script and the compiler's flags for a board's core.

  The script is for a program without the vendor's kit, which has its own start-up
  code. A board whose core is not known gets no files.
  """
  if not board.core:
    return {}
  flags = f"-mcpu={board.core} -mthumb"
  if board.fpu:
    flags += f" -mfpu={board.fpu} -mfloat-abi=hard"
  about = f"{board.title or board.name}. {board.caveats}".replace("*/", "* /")
  about = "\n * ".join(textwrap.wrap(about, 76))
  script = f"""\
/* {about}
 *
 * For a program without the vendor's kit and without a bootloader. */
MEMORY {{
  flash (rx) : ORIGIN = {board.flash_origin:#010x}, LENGTH = {board.flash_bytes}
  ram (rwx) : ORIGIN = {board.sram_origin:#010x}, LENGTH = {board.sram_bytes}
}}
REGION_ALIAS("constants", flash)
STACK_BYTES = 16K;
INCLUDE sections.ld
"""
  settings = f"""\
# The compiler for {board.title or board.name}. Include this file after
# target.mk. main.c and its platform are for computers and emulators only.
CC = arm-none-eabi-gcc
MACHINE = {flags}
{_LINK.format("board.ld")}
"""
  return {
    **sources.read_files("boards/sections.ld"),
    "board.ld": script.encode(),
    "board.mk": settings.encode(),
  }


def _target(
  name: str, title: str, machine: Machine, runs: bool, board=None
) -> Target:
  return Target(
    board=board,
    name=name,
    title=title,
    files=functools.partial(_files, machine),
    check=functools.partial(_check, name, machine),
    require=functools.partial(_require, machine) if runs else None,
    run=functools.partial(_run, machine) if runs else None,
  )


TARGETS = (
  _target(
    "c",
    "plain C11 sources for any compiler and board, with a check program",
    dataclasses.replace(_HOST, compiler="cc"),
    False,
    board_files,
  ),
  _target("c-host", "the same, compiled and run here", _HOST, True),
  *(
    _target(f"c-{name}", f"Arm {name.upper()}: {title}", machine, True)
    for name, (title, machine) in BOARDS.items()
  ),
)
