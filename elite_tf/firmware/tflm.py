"""A .tflite file -> sources that run it with TensorFlow Lite Micro."""

import math

import numpy as np

from elite_tf.conversion.interpreters.micro import run_micro
from elite_tf.conversion.tflite.inspect import Inspection, inspect
from elite_tf.data.crop import CROP_EIGHTHS
from elite_tf.errors import ConfigError
from elite_tf.firmware import codegen, resolver
from elite_tf.firmware.generate import Generated, input_codes

_NUMBERS_PER_LINE = 20


def generate(
  model: bytes, labels: tuple[str, ...], origin: str, crop: bool = False
) -> Generated:
  """Returns the sources of a network that the interpreter runs.

  The arena has the size that TensorFlow Lite Micro uses on this computer. Its
  pointers are twice as wide as a microcontroller's, so it is enough there with
  the reference kernels. Optimized kernels need additional scratch memory.

  Args:
    model: The .tflite file, int8 throughout.
    labels: Names of the classes; empty: their numbers.
    origin: What it was made from, for a comment.
    crop: As for `elite_tf.firmware.generate.generate`.

  Raises:
    ConfigError: It is not a .tflite file, it has an operator that
      `elite_tf.firmware.resolver` does not know, or there are not as many
      labels as outputs.
  """
  found = inspect(model)
  _require_int8(found)
  outputs = math.prod(found.output.shape)
  if labels and len(labels) != outputs:
    raise ConfigError(
      f"{outputs} outputs need as many labels. Received: {len(labels)}"
    )
  operators = resolver.header(found.operators)
  arena = arena_bytes(model, found)
  comment = f"/* {origin.replace('*/', '* /')} */\n"
  eighths = CROP_EIGHTHS if crop else 8
  files = {
    "model.h": comment + _header(found, arena, eighths),
    "model_data.h": _data_header(len(model)),
    "model_data.cc": comment + _data(model, found),
    "resolver.h": operators,
    "labels.h": codegen.labels_header(
      labels or tuple(str(i) for i in range(outputs))
    ),
  }
  return Generated(
    files=files,
    layers=(),
    constant_bytes=len(model),
    buffer_bytes=arena,
    streamed=0,
  )


def arena_bytes(model: bytes, found: Inspection) -> int:
  """Returns the arena that the network uses here, a multiple of 16 bytes."""
  shape = found.input.shape[1:]
  used = run_micro(model, np.zeros((1, *shape), np.int8), processes=1)
  return -(-used.arena_bytes // 16) * 16


def _require_int8(found: Inspection) -> None:
  if found.float_tensors:
    raise ConfigError(
      "The firmware computes in int8 only; quantize the network to int8."
      f" Received: floating-point tensors {', '.join(found.float_tensors)}"
    )
  for what, tensor in (("input", found.input), ("output", found.output)):
    if tensor.dtype != "int8":
      raise ConfigError(
        f"The network's {what} must be int8. Received: {tensor.dtype}"
      )
  shape = found.input.shape
  if len(shape) != 4 or shape[0] != 1 or shape[1] != shape[2]:
    raise ConfigError(
      "The network's input must be one square image, (1, size, size,"
      f" channels). Received: {list(shape)}"
    )


def _header(found: Inspection, arena: int, eighths: int) -> str:
  _, height, width, channels = found.input.shape
  return f"""\
#ifndef ELITE_MODEL_H
#define ELITE_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define ELITE_INPUT_HEIGHT {height}
#define ELITE_INPUT_WIDTH {width}
#define ELITE_INPUT_CHANNELS {channels}
#define ELITE_INPUT_BYTES {height * width * channels}
#define ELITE_OUTPUT_BYTES {math.prod(found.output.shape)}

/* So many eighths of a picture's shorter side are used, around its centre. */
#define ELITE_CROP_EIGHTHS {eighths}

/* real = (stored - zero point) * scale */
#define ELITE_INPUT_SCALE {found.input.scale!r}
#define ELITE_INPUT_ZERO_POINT {found.input.zero_point}
#define ELITE_OUTPUT_SCALE {found.output.scale!r}
#define ELITE_OUTPUT_ZERO_POINT {found.output.zero_point}

/* The interpreter's memory: the size that the reference kernels need with
 * pointers of 64 bits. Optimized kernels may need more (elite_setup then fails
 * with ELITE_NO_MEMORY), a board usually needs less: see elite_arena_used(). */
#ifndef ELITE_ARENA_BYTES
#define ELITE_ARENA_BYTES {arena}
#endif

/* Errors of elite_setup, elite_invoke and elite_classify. */
#define ELITE_NO_OPERATOR (-1)   /* The library lacks an operator. */
#define ELITE_NO_MEMORY (-2)     /* The arena is too small. */
#define ELITE_OTHER_LIBRARY (-3) /* Built with other definitions. */
#define ELITE_NOT_SET_UP (-4)
#define ELITE_FAILED (-5) /* The interpreter prints why. */

/* elite_setup() must be called first. */
#define ELITE_SET_UP

#ifdef __cplusplus
extern "C" {{
#endif

/* The input for each value of a pixel. */
extern const int8_t elite_input_codes[256];

/* Prepares the network. Returns 0 or one of the errors above; later calls
 * return the same. */
int elite_setup(void);

/* Bytes of the arena in use; 0 before elite_setup. */
size_t elite_arena_used(void);

/* Memory for an input. An input can be written here and passed to elite_invoke
 * without a copy; elite_invoke may overwrite it. NULL before elite_setup. */
int8_t *elite_input(void);

/* Computes the outputs for one input. Only one thread may call it at a time.
 *
 * input: ELITE_INPUT_BYTES numbers, by row, column and channel; elite_input()
 *   or any other memory.
 * output: ELITE_OUTPUT_BYTES numbers; zeros if it fails.
 *
 * Returns 0 or one of the errors above.
 */
int elite_invoke(const int8_t *input, int8_t *output);

/* Classifies a camera's picture.
 *
 * pixels: height rows of width pixels of ELITE_INPUT_CHANNELS bytes each.
 * memory: elite_preprocess_bytes(height, width) bytes, at a multiple of 4.
 *
 * Returns the class's position in elite_labels, or one of the errors above.
 */
int32_t elite_classify(const uint8_t *pixels, int32_t height, int32_t width,
                       void *memory);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _data_header(count: int) -> str:
  return f"""\
#ifndef ELITE_MODEL_DATA_H
#define ELITE_MODEL_DATA_H

/* The .tflite file, in flash, at a multiple of 16. */
extern const unsigned char elite_model_data[{count}];

#endif
"""


def _data(model: bytes, found: Inspection) -> str:
  codes = input_codes(found.input.scale, found.input.zero_point).tolist()
  return (
    '#include "model_data.h"\n\n#include "model.h"\n\n'
    f"const int8_t elite_input_codes[256] = {{\n{_lines(codes)}}};\n\n"
    f"alignas(16) const unsigned char elite_model_data[{len(model)}] = {{\n"
    f"{_lines(model)}}};\n"
  )


def _lines(numbers) -> str:
  return "".join(
    f"    {','.join(map(str, numbers[start : start + _NUMBERS_PER_LINE]))},\n"
    for start in range(0, len(numbers), _NUMBERS_PER_LINE)
  )
