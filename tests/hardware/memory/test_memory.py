"""Predicted flash and RAM against what is measured, and against hand work."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elite_tf.conversion.verify import compare
from elite_tf.errors import ConfigError
from elite_tf.hardware import memory
from elite_tf.hardware.memory.arena import buffers, tail_bytes
from elite_tf.hardware.memory.graph import Graph, Operator, Tensor, lower
from elite_tf.hardware.memory.machine import BOARD, HOST
from elite_tf.hardware.memory.operators import OPERATORS
from elite_tf.hardware.memory.planner import Buffer, align, peak, place
from elite_tf.networks.families import FAMILIES, get_family
from elite_tf.networks.families.efficientnet import ACTIVATIONS
from elite_tf.networks.layers import LAYER_KINDS
from elite_tf.networks.pool import make_pool
from elite_tf.types import Layer

TOOL = Path(__file__).parents[3] / "tools" / "check_memory.py"


def _load_tool():
  spec = importlib.util.spec_from_file_location("check_memory", TOOL)
  module = importlib.util.module_from_spec(spec)
  sys.modules["check_memory"] = module  # Dataclasses look for their module.
  spec.loader.exec_module(module)
  return module


check_memory = _load_tool()


def _predict(*row):
  candidate = check_memory.find(*row)
  return memory.predict(get_family(candidate.family).layers(candidate))


@pytest.mark.parametrize(
    ("requests", "offsets", "total"),
    [
        ([], [], 0),
        # Sizes are rounded up to 16.
        ([(10, 0, 0)], [0], 16),
        ([(16, 0, 0)], [0], 16),
        ([(17, 0, 0)], [0], 32),
        # Never alive together: one place for all.
        ([(16, 0, 0), (32, 1, 1), (48, 2, 2)], [0, 0, 0], 48),
        # Alive together in the one operator that both touch.
        ([(16, 0, 1), (32, 1, 2)], [32, 0], 48),
        # A chain: the widest first; its neighbours share what is above it.
        ([(16, 0, 1), (32, 1, 2), (16, 2, 3)], [32, 0, 32], 48),
        # Of equals, the one added last is placed first.
        ([(16, 0, 1), (16, 0, 1), (16, 0, 1)], [32, 16, 0], 48),
        # 48 at 0, beside 64 at 0 at another time; 48 above both, which leaves
        # 16 free where 32 are wanted: 144, where 128 would do.
        ([(64, 0, 0), (48, 0, 1), (48, 1, 1), (32, 1, 1)],
         [0, 64, 0, 112], 144),
        # The gap between two that live longer is found: 80 at 0; 64 above it
        # while both live; 48 above that; the first then leaves 80 free bytes
        # at 0, of which 32 are taken.
        ([(80, 0, 1), (64, 0, 3), (48, 1, 3), (32, 2, 3)],
         [0, 80, 144, 0], 192),
        # A gap that fits exactly is taken: from 64 to 96.
        ([(96, 0, 0), (80, 0, 1), (64, 1, 1), (32, 1, 1)],
         [0, 96, 0, 64], 176),
        # A gap too small is passed over: 32 does not fit into 16.
        ([(16, 0, 0), (96, 0, 1), (64, 0, 0), (32, 0, 1)],
         [192, 0, 96, 160], 208),
    ],
)  # fmt: skip
def test_planner_by_hand(requests, offsets, total):
  requests = [Buffer(*request) for request in requests]
  assert place(requests) == offsets
  assert peak(requests) == total


def test_placed_buffers_never_overlap():
  generator = np.random.default_rng(3)
  requests = [
    Buffer(int(size), int(first), int(first + length))
    for size, first, length in generator.integers(1, [900, 60, 9], (200, 3))
  ]
  placed = list(zip(place(requests), requests))
  for offset, one in placed:
    assert offset % 16 == 0
    for other_offset, other in placed:
      if one is other or one.last < other.first or other.last < one.first:
        continue
      assert (
        offset + align(one.size) <= other_offset
        or other_offset + align(other.size) <= offset
      )


def _mean_graph():
  """An image of 2 x 3 x 5, its mean over the pixels, a softmax of that."""
  tensors = (
    Tensor((1, 2, 3, 5)),
    Tensor((2,), "int32", 0, True),
    Tensor((1, 5)),
    Tensor((1, 5)),
  )
  operators = (Operator("MEAN", (0, 1), 2), Operator("SOFTMAX", (2,), 3))
  return Graph(tensors, operators)


def test_buffers_of_a_graph_by_hand():
  """Three tensors; the mean's scratch: 5 sums, 4 places, 2 axes, 4 each."""
  assert buffers(_mean_graph()) == [
      (30, 0, 1), (5, 1, 2), (5, 2, 2), (20, 1, 1), (16, 1, 1), (8, 1, 1),
  ]  # fmt: skip


def test_tail_of_a_graph_by_hand():
  """Summed up from the structures' declarations, each aligned by itself."""
  graph = _mean_graph()
  # 32-bit: allocator of the arena 36, planner 44, allocator 36, of parameters
  # 8, subgraph 8, four tensors of 12, two nodes of 32: 244. Parameters of MEAN
  # 1, of SOFTMAX 4: 252, for the tail grows down and aligns each start. What
  # kernels keep, at multiples of 16: MEAN 44, 304; SOFTMAX 56, 368. Three
  # handles: 380. Input: 4, 384; 32, 416; 12, 428; 8, 436. Output: 448; 480;
  # 492; 500.
  assert tail_bytes(graph, BOARD) == 500
  # 64-bit, with records: 104, 72, 272, 16, 24, 96, 128: 712. Parameters: 713,
  # 720. Kernels: 768, 848. Handles: 872. Input: 8, 880; 64, 944; 24, 968; 8,
  # 976. Output: 984, so 992; 1056; 1080; 1088.
  assert tail_bytes(graph, HOST) == 1088


def test_known_figures():
  small = _predict("elite", 4, 4, 96, 3, 10, "")
  # x, its LOGISTIC and their product: three maps of 48 x 48 x 48.
  assert small.arena_head_bytes == 3 * 48**3 == 331_776
  large = _predict("elite", 4, 4, 224, 3, 1000, "")
  assert large.arena_bytes_host == 1_914_176  # Measured.
  # Measured where the dense layer was a FULLY_CONNECTED.
  assert large.arena_bytes_host == pytest.approx(1_913_680, rel=1e-3)
  # ReLU6 has one map in and one out: 48 x 48 x (8 + 48) at its widest block,
  # but the stem's 48 x 48 x 32 and what is made of it is more.
  lite = _predict("lite", 4, 4, 96, 3, 10, "")
  assert lite.arena_head_bytes == 2 * 48 * 48 * 32


def test_sums():
  found = _predict("hf", 4, 4, 64, 1, 10, "")
  assert found.flash_bytes == found.tflite_bytes + found.code_bytes
  assert 50_000 <= found.code_bytes <= 96 * 1024
  head, tail = found.arena_head_bytes, found.arena_tail_bytes
  assert found.arena_bytes == head + tail < found.arena_bytes_host


def test_operators_share_what_the_converter_shares():
  """A convolution of one pixel between two reshapes; no mean of one pixel."""
  layers = (
    Layer("image", "input", (), (1, 1, 3)),
    Layer("c", "conv", ("image",), (1, 1, 3)),
    Layer("n", "batch_norm", ("c",), (1, 1, 3)),
    Layer("s", "mean", ("n",), (1, 1, 3)),
    Layer("a", "add", ("s", "image"), (1, 1, 3)),
    Layer("f", "dense", ("a",), (2,), bias=True),
  )
  codes = [operator.code for operator in lower(layers).operators]
  assert codes == ["CONV_2D", "ADD", "RESHAPE", "CONV_2D", "RESHAPE"]


def test_two_classes_are_as_many_tensors_as_three():
  """(1, 2) is the shape of two answers and the axes of a mean: two constants,
  as the converter has it. Equal shapes are one."""
  counts = [
    len(lower(get_family("elite").layers(candidate)).tensors)
    for candidate in (
      check_memory.find("elite", 4, 4, 32, 1, classes, "") for classes in (2, 3)
    )
  ]
  assert counts[0] == counts[1]


# Which operators the converter makes of each kind of layer.
CODES = {
  "conv": ["CONV_2D"],
  "depthwise": ["DEPTHWISE_CONV_2D"],
  "dense": ["RESHAPE", "CONV_2D", "RESHAPE"],
  "batch_norm": [],
  "relu": [],
  "relu6": [],
  "swish": ["LOGISTIC", "MUL"],
  "hard_swish": ["HARD_SWISH"],
  "sigmoid": ["LOGISTIC"],
  "softmax": ["SOFTMAX"],
  "mean": ["MEAN"],
  "dropout": [],
  "stochastic_depth": [],
  "multiply": ["MUL"],
  "add": ["ADD"],
  "concatenate": ["CONCATENATION"],
}


@pytest.mark.parametrize("name", sorted(LAYER_KINDS))
def test_every_kind_of_layer_can_be_lowered(name):
  kind = LAYER_KINDS[name]
  shape = (4,) if name in ("dense", "mean") else (3, 3, 4)
  source = "v" if name == "dense" else "x"
  inputs = (source,) * (2 if name in ("multiply", "add", "concatenate") else 1)
  layers = (
    Layer("x", "input", (), (3, 3, 4)),
    Layer("v", "mean", ("x",), (4,)),
    Layer("y", kind.op, inputs, shape, function=kind.function),
  )
  if name == "activation":  # A function that no kind has.
    with pytest.raises(ConfigError, match="cannot be predicted"):
      lower(layers)
  elif name != "input":
    found = [operator.code for operator in lower(layers).operators]
    assert found == ["MEAN", *CODES[name]]


@pytest.mark.parametrize("code", OPERATORS)
def test_every_operator_is_one_that_a_kind_of_layer_becomes(code):
  assert code in {code for codes in CODES.values() for code in codes}


def test_every_pool_is_predicted_at_once():
  """In a process that loads neither TensorFlow nor NumPy."""
  code = """
import json, sys, time
from elite_tf.hardware import memory
from elite_tf.networks.families import FAMILIES
from elite_tf.networks.layers import LAYER_KINDS
from elite_tf.networks.pool import make_pool
began = time.process_time()
found = [
    memory.predict(family.layers(candidate)).arena_bytes
    for name, family in FAMILIES.items() for candidate in make_pool(name)
]
heavy = {"tensorflow", "keras", "numpy", "tflite_micro"} & set(sys.modules)
print(json.dumps([len(found), min(found), time.process_time() - began,
                  sorted(heavy)]))
"""
  done = subprocess.run(
    [sys.executable, "-c", code],
    cwd=TOOL.parent.parent,
    capture_output=True,
    text=True,
    check=True,
  )
  count, least, seconds, heavy = json.loads(done.stdout)
  assert count == sum(len(make_pool(name)) for name in FAMILIES)
  assert least > 0 and heavy == []
  assert seconds < 2  # A third of it on an idle core.


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_smaller_networks_take_less(family, activation):
  """Along every axis, the others being equal."""
  pool = make_pool(family, activation=activation)
  found = {
    (c.w, c.d, c.r): memory.predict(get_family(family).layers(c)) for c in pool
  }
  for (w, d, r), large in found.items():
    for smaller in ((w + 1, d, r), (w, d + 1, r), (w, d, r + 1)):
      if smaller in found:
        small = found[smaller]
        assert small.arena_bytes <= large.arena_bytes
        assert small.tflite_bytes <= large.tflite_bytes


@pytest.fixture(scope="module", params=check_memory.REDUCED, ids=str)
def converted(request):
  candidate = check_memory.find(*request.param)
  return candidate, check_memory.convert(check_memory.network(candidate))


def _read(file):
  """(code, shapes, types, numbers of scales) of a file's operators."""
  from tflite_micro.python.tflite_micro import runtime

  schema = runtime.schema_fb
  root = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(file, 0))
  (graph,) = root.subgraphs
  types = {v: k for k, v in vars(schema.TensorType).items()}
  codes = {v: k for k, v in vars(schema.BuiltinOperator).items()}

  def tensor(index):
    found = graph.tensors[index]
    scale = found.quantization.scale
    return (
      tuple(int(size) for size in found.shape),
      types[found.type].lower(),
      0 if scale is None else len(scale),
    )

  operators = []
  for operator in graph.operators:
    code = root.operatorCodes[operator.opcodeIndex]
    code = codes[max(code.builtinCode, code.deprecatedBuiltinCode)]
    indices = [int(i) for i in (*operator.inputs, operator.outputs[0])]
    operators.append((code, indices, [tensor(i) for i in indices]))
  return len(graph.tensors), operators


def test_graph_is_the_converted_one(converted):
  """Operator by operator, with the tensors at the same positions."""
  candidate, file = converted
  graph = lower(get_family(candidate.family).layers(candidate))
  count, operators = _read(file)
  assert len(graph.tensors) == count
  assert len(graph.operators) == len(operators)
  for mine, (code, indices, tensors) in zip(graph.operators, operators):
    positions = [*mine.inputs, mine.output]
    assert (mine.code, positions) == (code, indices)
    found = [graph.tensors[i] for i in positions]
    assert [(t.shape, t.dtype, t.scales) for t in found] == tensors


def test_activations_export_as_they_should(converted):
  """Hard swish as one operator, ReLU6 as none."""
  candidate, file = converted
  codes = {code for code, _, _ in _read(file)[1]}
  default = get_family(candidate.family).activation
  activation = candidate.activation or default
  assert ("HARD_SWISH" in codes) == (activation == "hard_swish")
  assert not codes & {"RELU6", "RELU", "MINIMUM", "MAXIMUM", "DIV"}
  # Of lite by ReLU6 there is neither gate nor swish.
  assert ("LOGISTIC" in codes) == (candidate.family != "lite")


def test_prediction_is_what_is_measured(converted):
  check = check_memory.measure(*converted)
  assert check.holds
  assert check.head[0] == check.head[1]
  assert check.arena[0] == check.arena[1]
  assert check.file[0] == pytest.approx(check.file[1], rel=3e-4)


def test_network_of_the_tool_computes(converted):
  """Its softmax has a range: the classes are told apart."""
  candidate, file = converted
  size = candidate.resolution
  images = np.random.default_rng(1).integers(
    -128, 128, (4, size, size, candidate.channels), np.int8
  )
  answers = compare.run_micro(file, images, processes=1).outputs
  assert len(np.unique(answers)) >= 8


@pytest.mark.parametrize(
    ("file", "arena", "code"),
    [
        ((1029, 1000), (1049, 1000), 0), ((971, 1000), (951, 1000), 0),
        ((1031, 1000), (1, 1), 1), ((969, 1000), (1, 1), 1),
        ((1, 1), (1051, 1000), 1), ((1, 1), (949, 1000), 1),
    ],
)  # fmt: skip
def test_tool_fails_where_a_prediction_is_off(
  monkeypatch, capsys, file, arena, code
):
  check = check_memory.Check("name", 1, 10, file, (1, 1), arena)
  monkeypatch.setattr(check_memory, "network", lambda candidate: None)
  monkeypatch.setattr(check_memory, "convert", lambda model: b"")
  monkeypatch.setattr(check_memory, "measure", lambda candidate, file: check)
  assert check_memory.main(["--reduced", "--format=json"]) == code
  result = json.loads(capsys.readouterr().out)
  assert len(result["checks"]) == len(check_memory.REDUCED)
  assert result["failed"] == ["name"] * len(result["checks"]) * code
  assert check_memory.main(["--reduced"]) == code
  assert ("OFF" in capsys.readouterr().out) == bool(code)


def test_full_check_covers_what_it_should():
  rows = check_memory.FULL
  assert len(set(rows)) == len(rows) >= 24
  assert {row[0] for row in rows} == set(FAMILIES)
  assert {row[4] for row in rows} == {1, 3}
  sizes = {row[3] for row in rows}
  assert min(sizes) <= 32 and max(sizes) == 224
