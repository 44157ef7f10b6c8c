"""The firmware's preprocessing against the package's, which is Pillow's."""

import ctypes
import subprocess

import numpy as np
import pytest

from elite_tf.data.crop import CROP_EIGHTHS
from elite_tf.data.preprocess import resize
from elite_tf.firmware import sources

_MODEL = """
#include <stdint.h>
#define ELITE_INPUT_HEIGHT {size}
#define ELITE_INPUT_WIDTH {size}
#define ELITE_INPUT_CHANNELS {channels}
#define ELITE_INPUT_BYTES {bytes}
#define ELITE_CROP_EIGHTHS {eighths}
extern const int8_t elite_input_codes[256];
"""

GUARD = 64


def _compile(folder, size, channels, crop):
  header = _MODEL.format(
    size=size,
    channels=channels,
    bytes=size * size * channels,
    eighths=CROP_EIGHTHS if crop else 8,
  )
  (folder / "model.h").write_text(header)
  codes = ",".join(str(i - 128) for i in range(256))
  (folder / "codes.c").write_text(
    f'#include "model.h"\nconst int8_t elite_input_codes[256] = {{{codes}}};'
  )
  place = sources.FOLDER / "preprocess"
  subprocess.run(
      [
          "gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2",
          "-ffp-contract=off", "-shared", "-fPIC", f"-I{folder}", f"-I{place}",
          "-o", folder / "p.so", place / "preprocess.c", folder / "codes.c",
      ],
      check=True,
      timeout=60,
  )  # fmt: skip
  library = ctypes.CDLL(str(folder / "p.so"))
  library.elite_preprocess_bytes.restype = ctypes.c_size_t
  return library


def _pictures(height, width, channels):
  """Smooth ones with noise, and ones of black and white alone."""
  random = np.random.default_rng(0)
  y, x = np.mgrid[:height, :width]
  waves = 128 + 100 * np.sin(x / 7 + y / 11)[..., None]
  noisy = waves + random.normal(0, 30, (height, width, channels))
  yield np.clip(noisy, 0, 255).astype(np.uint8)
  yield random.integers(0, 2, (height, width, channels)).astype(np.uint8) * 255


@pytest.mark.parametrize(
    "size, channels, crop",
    [
        (96, 3, False), (29, 1, False), (7, 1, False), (96, 3, True),
        (64, 1, True), (32, 3, True), (224, 3, True),
    ],
)  # fmt: skip
def test_every_pixel_is_pillows(size, channels, crop, tmp_path):
  library = _compile(tmp_path, size, channels, crop)

  def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)

  sizes = [
      (480, 640), (28, 28), (size, size), (97, 96), (128, 130), (33, 64), (3, 5),
      (1, 1),
  ]  # fmt: skip
  for height, width in sizes:
    for picture in _pictures(height, width, channels):
      expected = resize(picture[None], size, crop)[0].astype(int) - 128
      needed = library.elite_preprocess_bytes(height, width)
      memory = np.full(needed + GUARD, 123, np.uint8)
      received = np.zeros((size, size, channels), np.int8)
      library.elite_preprocess(
        pointer(picture), height, width, pointer(memory), pointer(received)
      )
      assert np.array_equal(received, expected), (height, width)
      assert (memory[needed:] == 123).all()
