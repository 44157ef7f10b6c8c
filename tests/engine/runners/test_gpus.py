"""How many workers a machine with GPUs takes."""

import pytest

from elite_tf.engine.runners.gpus import (
  CONTEXT_BYTES,
  Gpu,
  least_used,
  parse_gpus,
  workers_for,
)

GIB = 1 << 30

TABLE = """0, GPU-aa11, 10240
1, GPU-bb22, 512
2, GPU-cc33, [N/A]
"""


@pytest.mark.parametrize(
  "cores, gpus, memory, need, expected",
  [
    (2, 0, 0, GIB, 2),
    (16, 1, 10 * (GIB + CONTEXT_BYTES), GIB, 10),
    (16, 1, 10 * (GIB + CONTEXT_BYTES) - 1, GIB, 9),
    (16, 2, 2 * (GIB + CONTEXT_BYTES), GIB, 4),
    (4, 2, 80 * GIB, GIB, 4),
    # Too little for one: it is tried all the same.
    (16, 1, GIB // 2, GIB, 1),
    (1, 2, 80 * GIB, GIB, 1),
  ],
)
def test_workers_share_gpus_as_memory_allows(
  cores, gpus, memory, need, expected
):
  assert workers_for(cores, gpus, memory, need) == expected


def test_workers_take_turns_on_the_gpus():
  gpus = (Gpu("0", GIB), Gpu("1", GIB))
  taken = []
  for _ in range(5):
    taken.append(least_used(gpus, taken))
  assert taken == ["0", "1", "0", "1", "0"]
  # The one that takes a dead worker's place takes its GPU, too.
  assert least_used(gpus, ["1", "0", "1"]) == "0"
  assert least_used((), []) == ""


@pytest.mark.parametrize(
    "visible, names",
    [(None, ["0", "1"]), ("", []), ("1", ["1"]), ("1,0", ["1", "0"]),
     ("GPU-bb", ["GPU-bb"]), ("7", [])],
)  # fmt: skip
def test_visible_devices_are_kept(visible, names):
  assert [gpu.name for gpu in parse_gpus(TABLE, visible)] == names


def test_memory_is_in_bytes():
  assert parse_gpus(TABLE, "0") == (Gpu("0", 10 * GIB),)
