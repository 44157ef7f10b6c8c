"""The machine that TensorFlow Lite Micro is compiled for."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Machine:
  """What decides the sizes of TensorFlow Lite Micro's structures.

  Attributes:
    pointer: Bytes of a pointer, and of a size.
    enum: Bytes of an enumeration: four; with compilers for microcontrollers
      (the ABI of arm-none-eabi) one, the fewest that hold its values.
    records: Whether allocations are recorded: in the Python package they are,
      in a firmware not.
  """

  pointer: int
  enum: int
  records: bool


HOST = Machine(pointer=8, enum=4, records=True)
BOARD = Machine(pointer=4, enum=1, records=False)

INT = 4  # Bytes of a C int, and of an int32.
