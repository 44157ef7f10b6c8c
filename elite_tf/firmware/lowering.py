"""Lowers a graph to a program: a stage for one operator or for several.

A program has fewer stages than the graph has operators:
  - RESHAPE needs no stage: the map stays in the same memory.
  - A function of one number is a table. Two such functions in sequence are one
    table. So is the sum or the product of two functions of the same map, such as
    swish: x * logistic(x).
  - A table is looked up by the stage that computes its input, if no other stage
    reads that input (see `passes`).
  - PAD is part of the convolution after it, if no other stage reads its output
    (see `passes`).
"""

import functools
from collections.abc import Callable

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.firmware import common, fixed_point, parameters, tables, weighted
from elite_tf.firmware.builder import Builder
from elite_tf.firmware.graph import Graph, Operator
from elite_tf.firmware.ir import ALL_ROWS, Program
from elite_tf.firmware.passes import fuse


def lower(graph: Graph) -> Program:
  """Lowers a graph to a program.

  Args:
    graph: The network, as `parse_tflite.read` returns it.

  Returns:
    The program. It has only stages and values that the output depends on.

  Raises:
    ConfigError: No kernel computes an operator with these options and shapes.
  """
  builder = Builder(graph)
  for index, operator in enumerate(graph.operators):
    builder.name = f"{operator.code.lower()}_{index}"
    try:
      _OPERATORS[operator.code](builder, operator)
    except ConfigError as error:
      raise ConfigError(f"Operator {index}, {operator.code}: {error}") from None
  return fuse(builder.program())


def _windowed(
  kernel: str, compute: Callable, builder: Builder, operator: Operator
) -> None:
  """Lowers an operator with weights and a sliding window."""
  source, target = builder.source(operator), builder.target(operator)
  weights = builder.tensor(operator, 1)
  builder.constant(operator, 1)
  fields, arrays, rows = compute(
    operator, source, weights, builder.tensor(operator, 2), target
  )
  builder.add(operator, kernel, fields, arrays, rows)


def _fully_connected(builder: Builder, operator: Operator) -> None:
  source, target = builder.source(operator), builder.target(operator)
  weights = builder.tensor(operator, 1)
  builder.constant(operator, 1)
  fields, arrays = weighted.fully_connected(
    operator, source, weights, builder.tensor(operator, 2), target
  )
  builder.add(operator, "convolution", fields, arrays, ALL_ROWS, whole=True)


def _mean(builder: Builder, operator: Operator) -> None:
  source, target = builder.source(operator), builder.target(operator)
  axes = builder.constant(operator, 1)
  fields = parameters.mean(source, axes, target)
  builder.add(operator, "mean", fields, rows=ALL_ROWS, whole=True)


def _average_pool(builder: Builder, operator: Operator) -> None:
  source, target = builder.source(operator), builder.target(operator)
  fields, rows = parameters.average_pool(operator, source, target)
  builder.add(operator, "average_pool", fields, rows=rows)


def _sum(builder: Builder, operator: Operator) -> None:
  _elementwise(builder, operator, "sum", parameters.sum_of, _table_of_sum)


def _product(builder: Builder, operator: Operator) -> None:
  _elementwise(
    builder, operator, "product", parameters.product_of, _table_of_product
  )


def _elementwise(builder: Builder, operator, kernel, describe, table) -> None:
  a, b = builder.source(operator), builder.source(operator, 1)
  fields = describe(operator, a, b, builder.target(operator))
  same = a.shape == b.shape
  if same and builder.add_joint_table(
    operator, lambda left, right: table(fields, left, right)
  ):
    return
  builder.add_by_rows(operator, kernel, fields, {}, 2)


def _table_of_sum(fields, a: np.ndarray, b: np.ndarray) -> np.ndarray:
  def scaled(x, which):
    return fixed_point.scale(
      (x + fields[f"offset_{which}"]) << 20,
      fields[f"multiplier_{which}"],
      fields[f"shift_{which}"],
    )

  return _finish(fields, scaled(a, "a") + scaled(b, "b"))


def _table_of_product(fields, a: np.ndarray, b: np.ndarray) -> np.ndarray:
  return _finish(fields, (a + fields["offset_a"]) * (b + fields["offset_b"]))


def _finish(fields, x: np.ndarray) -> np.ndarray:
  x = fixed_point.scale(x, fields["multiplier"], fields["shift"])
  x = np.clip(x + fields["output_zero"], fields["low"], fields["high"])
  return x.astype(np.int8)


def _logistic(builder: Builder, operator: Operator) -> None:
  target = common.one_quantization(builder.target(operator))
  if target != tables.Quantization(1 / 256, -128):
    raise ConfigError(
      "its output must have scale 1/256 and zero point -128. Received:"
      f" {target.scale}, {target.zero_point}"
    )
  source = common.one_quantization(builder.source(operator))
  builder.add_table(operator, tables.logistic(source))


def _relu6(builder: Builder, operator: Operator) -> None:
  source, target = builder.source(operator), builder.target(operator)
  common.require_same_quantization(source, target)
  builder.add_table(operator, tables.relu6(common.one_quantization(source)))


def _function(table: Callable[..., np.ndarray]):
  def add(builder: Builder, operator: Operator) -> None:
    source = common.one_quantization(builder.source(operator))
    target = common.one_quantization(builder.target(operator))
    builder.add_table(operator, table(source, target))

  return add


def _softmax(builder: Builder, operator: Operator) -> None:
  source, target = builder.source(operator), builder.target(operator)
  fields, arrays = parameters.softmax(operator, source, target)
  builder.add(operator, "softmax", fields, arrays)


def _pad(builder: Builder, operator: Operator) -> None:
  source, target = builder.source(operator), builder.target(operator)
  fields, rows = parameters.pad(source, builder.constant(operator, 1), target)
  builder.add(operator, "pad", fields, rows=rows)


def _concatenation(builder: Builder, operator: Operator) -> None:
  sources = [builder.source(operator, i) for i in range(len(operator.inputs))]
  fields, arrays = parameters.concatenation(
    operator, sources, builder.target(operator)
  )
  builder.add_by_rows(operator, "concatenation", fields, arrays, len(sources))


def _reshape(builder: Builder, operator: Operator) -> None:
  source, target = builder.source(operator), builder.target(operator)
  if np.prod(source.shape) != np.prod(target.shape):
    raise ConfigError(
      f"{list(source.shape)} cannot become {list(target.shape)}"
    )
  common.require_same_quantization(source, target)
  builder.same(operator)


_OPERATORS = {
  "ADD": _sum,
  "AVERAGE_POOL_2D": _average_pool,
  "CONCATENATION": _concatenation,
  "CONV_2D": functools.partial(_windowed, "convolution", weighted.convolution),
  "DEPTHWISE_CONV_2D": functools.partial(
    _windowed, "depthwise", weighted.depthwise
  ),
  "FULLY_CONNECTED": _fully_connected,
  "HARD_SWISH": _function(tables.hard_swish),
  "LOGISTIC": _logistic,
  "MEAN": _mean,
  "MUL": _product,
  "PAD": _pad,
  "QUANTIZE": _function(tables.requantize),
  "RELU": _function(tables.relu),
  "RELU6": _relu6,
  "RESHAPE": _reshape,
  "SOFTMAX": _softmax,
}
