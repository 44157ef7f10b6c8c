"""What decides the sizes of TensorFlow Lite Micro's structures."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Machine:
  """What decides the sizes of TensorFlow Lite Micro's structures.

  Attributes:
    pointer: Bytes of a pointer, and of a size.
    enum: Bytes of an enumeration. Four, but for the compilers of
      microcontrollers (the ABI of arm-none-eabi), where it is as short as its
      values allow: one.
    records: Whether allocations are recorded, as the Python package does; a
      firmware does not.
  """

  pointer: int
  enum: int
  records: bool


HOST = Machine(pointer=8, enum=4, records=True)
BOARD = Machine(pointer=4, enum=1, records=False)

INT = 4  # Bytes of a C int, and of an int32.
