"""Flags and linker scripts of the real boards."""

import shutil
import subprocess

import pytest

from elite_tf import deploy
from elite_tf.errors import ConfigError
from elite_tf.firmware import sources
from elite_tf.firmware.targets import Project, get_target, require_fit
from elite_tf.hardware import boards

BOARDS = boards.load_boards()
CORES = sorted(name for name, board in BOARDS.items() if board.core)

PROGRAM = """
#include <stdint.h>
#include "copying.h"
extern uint8_t stack_end[];
static int8_t arena[1024];
int started = 7;
void reset(void) { while (started) arena[started++ % 1024] = 1; }
__attribute__((section(".vectors"), used)) static void *const vectors[2] = {
    stack_end, (void *)reset};
"""


@pytest.mark.parametrize("name", CORES)
def test_the_compiler_takes_flags_and_script(name, tmp_path):
  if shutil.which("arm-none-eabi-gcc") is None:
    pytest.skip("arm-none-eabi-gcc is not installed")
  board = BOARDS[name]
  files = get_target("c").board(board) | sources.read_files("kernels")
  for path, data in files.items():
    (tmp_path / path).write_bytes(data)
  (tmp_path / "main.c").write_text(PROGRAM)
  # As a Makefile uses it.
  (tmp_path / "Makefile").write_text(
    "include board.mk\n"
    "all:\n\t$(CC) -Wall -Wextra -Werror -O2 $(MACHINE) -o p.elf main.c"
    " convolution.c copying.c $(LINK) -Wl,-Map=map\n"
  )
  done = subprocess.run(
      ["make", "-s"], cwd=tmp_path, capture_output=True, text=True,
      timeout=60, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  said = subprocess.run(
      ["arm-none-eabi-readelf", "-A", "-S", "-W", "p.elf"], cwd=tmp_path,
      capture_output=True, text=True, timeout=60, check=True,
  ).stdout  # fmt: skip
  address = {
    words[1]: int(words[3], 16)
    for line in said.splitlines()
    if len(words := line.replace("[ ", "[").split()) > 4
    and words[0].startswith("[")
    and words[1].startswith(".")
  }
  assert address[".text"] == board.flash_origin
  start = board.sram_origin
  assert start <= address[".data"] < start + board.sram_bytes
  assert start <= address[".bss"] < start + board.sram_bytes
  # Cortex-M0+ and M33 without and with the unit that they have.
  assert ("Tag_ABI_VFP_args" in said) == bool(board.fpu)


def test_a_program_larger_than_the_board_does_not_link(tmp_path):
  if shutil.which("arm-none-eabi-gcc") is None:
    pytest.skip("arm-none-eabi-gcc is not installed")
  board = BOARDS["pico"]
  for path, data in get_target("c").board(board).items():
    (tmp_path / path).write_bytes(data)
  large = PROGRAM.replace("1024", str(board.sram_bytes - 8 * 1024))
  (tmp_path / "main.c").write_text(large.replace('"copying.h"', "<stddef.h>"))
  done = subprocess.run(
      ["arm-none-eabi-gcc", "-mcpu=cortex-m0plus", "-mthumb", "-nostartfiles",
       "--specs=nosys.specs", "-L.", "-Tboard.ld", "main.c"],
      cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
  )  # fmt: skip
  assert done.returncode and "does not fit the memory" in done.stderr


@pytest.mark.parametrize(
  "constants, buffer, message",
  [
    # 24 KiB of code and 16 KiB of stack besides, by hand.
    (1048576 - 24576, 262144 - 16384, ""),
    (1048576 - 24576 + 1, 0, "1 more than the 1,048,576 there are"),
    (0, 262144 - 16384 + 5, "bytes of RAM, 5 more than the 262,144"),
  ],
)
def test_networks_must_fit_the_board(constants, buffer, message):
  project = Project(b"", {}, (), constants, buffer)
  board = BOARDS["nano33ble"]
  given = ("--board=nano33ble", project, get_target("c").code_bytes,
           board.flash_bytes, board.sram_bytes)  # fmt: skip
  if not message:
    require_fit(*given)
    return
  with pytest.raises(ConfigError, match=message):
    require_fit(*given)


def test_boards_go_with_targets_that_are_none():
  assert deploy.find_board("", get_target("c-host")) is None
  assert deploy.find_board("pico", get_target("c")).name == "pico"
  assert deploy.find_board("esp32s3", get_target("tflm-esp-idf"))
  with pytest.raises(ConfigError, match="machine of its own"):
    deploy.find_board("pico", get_target("c-mps2-an386"))
  with pytest.raises(ConfigError, match="did you mean 'nano33ble'"):
    deploy.find_board("nano33", get_target("c"))
  assert get_target("c").board(BOARDS["esp32s3"]) == {}
