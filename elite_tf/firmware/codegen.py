"""Code generation: a program and its memory layout -> C sources."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from elite_tf.firmware.ir import ALL_ROWS, Program, Rows, Stage
from elite_tf.firmware.kernels import KERNELS
from elite_tf.firmware.memory_planner import Layout
from elite_tf.firmware.tables import Quantization

_C_TYPES = {"int8": "int8_t", "int32": "int32_t"}

_NUMBERS_PER_LINE = 16


@dataclasses.dataclass(frozen=True)
class Description:
  """What the sources tell about a network besides its program.

  Attributes:
    origin: What the network was made from, for a comment.
    input: Scale and zero point of the input.
    output: Scale and zero point of the output.
    labels: Names of the classes.
    input_codes: int8 (256,), the input for each value of a pixel.
    crop_eighths: How many eighths of a picture's shorter side are used.
  """

  origin: str
  input: Quantization
  output: Quantization
  labels: tuple[str, ...]
  input_codes: np.ndarray
  crop_eighths: int


def generate_sources(
  program: Program, layout: Layout, description: Description
) -> dict[str, str]:
  """Returns the C sources of a network, by file name.

  Args:
    program: The network.
    layout: Places of its maps.
    description: Everything else that the sources tell.
  """
  return {
    "model.h": "".join(_header(program, layout, description)),
    "model.c": "".join(_model(program, layout, description)),
    "labels.h": labels_header(description.labels),
  }


def fields_of(program: Program, layout: Layout, stage: Stage) -> dict[str, int]:
  """Returns the numbers of a stage's structure, with rows kept in memory."""
  fields = dict(stage.fields)
  if "in_rows" in fields:
    ring = layout.schedule.rings[stage.inputs[0]]
    whole = stage.rows[0] == ALL_ROWS
    fields["in_rows"] = fields["in_height"] if whole else ring
  return fields


def count_of(program: Program, stage: Stage) -> int:
  """Returns how many numbers one call of a stage computes."""
  return program.values[stage.output].bytes // stage.height


def _header(
  program: Program, layout: Layout, description: Description
) -> Iterator[str]:
  source, target = program.values[program.input], program.values[program.output]
  yield f"""\
/* {description.origin} */
#ifndef ELITE_MODEL_H
#define ELITE_MODEL_H

#include <stdint.h>

#define ELITE_INPUT_HEIGHT {source.height}
#define ELITE_INPUT_WIDTH {source.width}
#define ELITE_INPUT_CHANNELS {source.channels}
#define ELITE_INPUT_BYTES {source.bytes}
#define ELITE_OUTPUT_BYTES {target.bytes}

/* So many eighths of a picture's shorter side are used, around its centre. */
#define ELITE_CROP_EIGHTHS {description.crop_eighths}

/* real = (stored - zero point) * scale */
#define ELITE_INPUT_SCALE {description.input.scale!r}
#define ELITE_INPUT_ZERO_POINT {description.input.zero_point}
#define ELITE_OUTPUT_SCALE {description.output.scale!r}
#define ELITE_OUTPUT_ZERO_POINT {description.output.zero_point}

#define ELITE_BUFFER_BYTES {layout.bytes}
#define ELITE_LAYERS {len(program.stages)}

/* The input for each value of a pixel. */
extern const int8_t elite_input_codes[256];

/* ELITE_INPUT_BYTES of the network's own buffer. An input can be written here
 * and passed to elite_invoke without a copy; elite_invoke overwrites it. */
int8_t *elite_input(void);

/* Computes the outputs for one input. Only one thread may call it at a time.
 *
 * input: ELITE_INPUT_BYTES numbers, by row, column and channel; elite_input()
 *   or any other memory.
 * output: ELITE_OUTPUT_BYTES numbers.
 */
void elite_invoke(const int8_t *input, int8_t *output);

#ifdef ELITE_PROFILE
/* Names of the layers. elite_profile_begin and elite_profile_end, which the
 * measuring program defines, get a layer's position in this array. */
extern const char *const elite_layer_names[ELITE_LAYERS];
void elite_profile_begin(int32_t layer);
void elite_profile_end(int32_t layer);
#endif

#endif
"""


def _model(
  program: Program, layout: Layout, description: Description
) -> Iterator[str]:
  headers = sorted({KERNELS[stage.kernel].header for stage in program.stages})
  yield f"/* {description.origin} */\n"
  yield '#include "model.h"\n\n#include <string.h>\n\n'
  yield from (f'#include "{header}.h"\n' for header in headers)
  yield """
#ifndef ELITE_PROFILE
#define elite_profile_begin(layer) ((void)0)
#define elite_profile_end(layer) ((void)0)
#endif

/* All maps. Maps that are not needed at the same time share memory. */
static _Alignas(16) int8_t memory[ELITE_BUFFER_BYTES];

"""
  for index, value in enumerate(program.values):
    if value.data is not None:
      yield _array(f"value_{index}", value.data)
  for stage in program.stages:
    yield from _constants(program, layout, stage)
  yield from _functions(program, layout)
  codes = _array("elite_input_codes", description.input_codes)
  yield codes.removeprefix("static ") + "\n"
  source, target = program.values[program.input], program.values[program.output]
  place = layout.offsets[program.input]
  yield f"int8_t *elite_input(void) {{ return memory + {place}; }}\n\n"
  yield "void elite_invoke(const int8_t *input, int8_t *output) {\n"
  yield (
    f"  if (input != memory + {place}) memcpy(memory + {place}, input,"
    f" {source.bytes});\n"
  )
  if layout.streamed:
    yield "  memset(done, 0, sizeof done);\n"
  for stage in program.stages:
    if stage.output not in layout.streamed:
      yield f"  run_{stage.name}();\n"
  place = layout.offsets[program.output]
  yield f"  memcpy(output, memory + {place}, {target.bytes});\n}}\n"
  yield "\n#ifdef ELITE_PROFILE\n"
  yield "const char *const elite_layer_names[ELITE_LAYERS] = {\n"
  yield from (f'    "{stage.name}",\n' for stage in program.stages)
  yield "};\n#endif\n"


def _constants(program: Program, layout: Layout, stage: Stage) -> Iterator[str]:
  kernel = KERNELS[stage.kernel]
  members = []
  for name, _ in kernel.arrays:
    if name in stage.arrays:
      yield _array(f"{stage.name}_{name}", stage.arrays[name])
      members.append(f".{name} = {stage.name}_{name}")
  fields = fields_of(program, layout, stage)
  members += [f".{name} = {fields[name]}" for name in kernel.fields]
  yield f"static const {kernel.structure} {stage.name} = {{\n"
  yield from (f"    {member},\n" for member in members)
  yield "};\n\n"


def _functions(program: Program, layout: Layout) -> Iterator[str]:
  """Yields a function for every stage; streamed ones count their rows."""
  streamed = [s for s in program.stages if s.output in layout.streamed]
  if streamed:
    yield (
      "/* Rows computed so far, of the maps whose rows are computed only when"
      " needed. */\n"
    )
    yield f"static int32_t done[{len(streamed)}];\n\n"
    yield "static inline int32_t at_most(int32_t x, int32_t limit) {\n"
    yield "  return x < limit ? x : limit;\n}\n\n"
  counters = {stage.output: i for i, stage in enumerate(streamed)}
  makers = {stage.output: stage for stage in program.stages}
  for index, stage in enumerate(program.stages):
    counter = counters.get(stage.output)
    body = [
      *_pulls(program, layout, stage, makers),
      f"elite_profile_begin({index});",
      *_call(program, layout, stage),
      f"elite_profile_end({index});",
    ]
    if counter is not None:
      yield f"static void run_{stage.name}(int32_t end) {{\n"
      yield (
        f"  for (int32_t y; (y = done[{counter}]) < end;"
        f" done[{counter}] = y + 1) {{\n"
      )
    else:
      yield f"static void run_{stage.name}(void) {{\n"
      if stage.height > 1:
        yield f"  for (int32_t y = 0; y < {stage.height}; ++y) {{\n"
    loop = counter is not None or stage.height > 1
    yield from (f"  {'  ' * loop}{line}\n" for line in body)
    yield "  }\n}\n\n" if loop else "}\n\n"


def _pulls(
  program: Program, layout: Layout, stage: Stage, makers: dict[int, Stage]
) -> Iterator[str]:
  """Yields calls that compute the input rows that a row of a stage needs."""
  for value, rows in dict(zip(stage.inputs, stage.rows)).items():
    if value in layout.streamed:
      height = program.values[value].height
      yield f"run_{makers[value].name}({_end(rows, stage, height)});"


def _end(rows: Rows, stage: Stage, height: int) -> str:
  if rows == ALL_ROWS or stage.height == 1:
    return str(rows.span(0, height)[1])
  first = f"y * {rows.stride}" if rows.stride != 1 else "y"
  shift = rows.extent - rows.pad
  if shift:
    first += f" {'+' if shift > 0 else '-'} {abs(shift)}"
  return f"at_most({first}, {height})"


def _call(program: Program, layout: Layout, stage: Stage) -> Iterator[str]:
  kernel = KERNELS[stage.kernel]
  by_row = stage.height > 1 or stage.output in layout.streamed
  output = program.values[stage.output]
  inputs = [
    _row(program, layout, value, by_row and rows != ALL_ROWS)
    for value, rows in zip(stage.inputs, stage.rows)
  ]
  whole = [_row(program, layout, value, False) for value in stage.inputs]
  scratch = layout.scratch.get(program.stages.index(stage))
  values = {
    "input": whole[0],
    "a": inputs[0],
    "b": inputs[-1],
    "inputs": "inputs",
    "y": "y" if by_row else "0",
    "count": str(count_of(program, stage)),
    "output": _row(program, layout, stage.output, by_row and output.height > 1),
    "scratch": "0" if scratch is None else f"memory + {scratch}",
  }
  if "inputs" in kernel.call:
    yield f"const int8_t *const inputs[] = {{{', '.join(inputs)}}};"
  arguments = ", ".join([f"&{stage.name}", *(values[x] for x in kernel.call)])
  yield f"{kernel.function}({arguments});"


def _row(program: Program, layout: Layout, index: int, by_row: bool) -> str:
  """Returns the C address of row y of a value, or of its first row."""
  value = program.values[index]
  if value.data is not None:
    name = f"value_{index}"
    if not by_row or value.height == 1:
      return name
    return f"{name} + y * {value.row_bytes}"
  place = f"memory + {layout.offsets[index]}"
  ring = layout.schedule.rings[index]
  if not by_row or ring == 1:
    return place
  row = "y" if ring == value.height else f"(y % {ring})"
  return f"{place} + {row} * {value.row_bytes}"


def _array(name: str, data: np.ndarray) -> str:
  kind = _C_TYPES[data.dtype.name]
  # C has no literal for the least number of 32 bits.
  numbers = [
    "INT32_MIN" if number == -(2**31) else str(number)
    for number in data.reshape(-1).tolist()
  ]
  lines = _lines(numbers)
  return (
    f"static const _Alignas(4) {kind} {name}[{len(numbers)}] = {{\n"
    + "".join(f"    {line},\n" for line in lines)
    + "};\n"
  )


def _lines(numbers: list[str]) -> Iterable[str]:
  for start in range(0, len(numbers), _NUMBERS_PER_LINE):
    yield ",".join(numbers[start : start + _NUMBERS_PER_LINE])


def labels_header(labels: tuple[str, ...]) -> str:
  """Returns the header with the names of the classes."""
  names = "".join(f"    {_literal(label)},\n" for label in labels)
  return f"""\
/* Names of the classes, in the order of the outputs. */
#ifndef ELITE_LABELS_H
#define ELITE_LABELS_H

#define ELITE_CLASSES {len(labels)}

static const char *const elite_labels[ELITE_CLASSES] = {{
{names}}};

#endif
"""


def _literal(text: str) -> str:
  """Returns a text as a C string; bytes that are not plain are octal."""
  plain = set(range(32, 127)) - set(b'"\\?')
  return '"{}"'.format(
    "".join(
      chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()
    )
  )
