"""The boards as a table of plain text: what `--board=list` prints."""

from elite_tf.hardware.boards import load_boards

_HEAD = ("name", "core", "clock", "flash", "SRAM", "board")


def describe_boards() -> str:
  """Returns the boards of the package: a heading, then one line per board.

  Clock in MHz, flash and SRAM in KiB; SRAM is the largest piece of memory that
  an arena can be in.
  """
  rows = [_HEAD] + [
    (
      board.name,
      board.processor,
      f"{board.clock_hz / 1e6:g} MHz",
      f"{board.flash_bytes / 1024:g} KiB",
      f"{board.sram_bytes / 1024:g} KiB",
      board.title,
    )
    for board in load_boards().values()
  ]
  widths = [max(map(len, column)) for column in zip(*rows)]
  return "\n".join(
    f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  "
    + "  ".join(f"{row[i]:>{widths[i]}}" for i in (2, 3, 4))
    + f"  {row[5]}"
    for row in rows
  )
