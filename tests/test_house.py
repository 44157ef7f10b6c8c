"""The shape of the house: which room may know of which, and what it weighs."""

import ast
import functools
import graphlib
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
PACKAGE = HOME / "elite_tf"

LONGEST_FILE = 350  # Lines; a longer file holds more than one concept.

# The rooms, from the top: a room imports those below it only.
ORDER = (
  ("search", "convert", "deploy", "report.__main__"),  # The commands.
  ("engine",),
  ("report",),
  ("firmware",),
  ("conversion",),
  ("runs",),
  ("training",),
  ("hardware",),
  ("networks",),
  ("data",),
  ("tournament",),
  ("system",),
  ("types",),
  ("errors",),
)

# The rooms that decide: by arithmetic alone, with the standard library.
PURE = (
    "errors", "types", "networks.scaling", "networks.families",
    "networks.layers", "networks.cost",
    "networks.pool", "tournament.grouping", "tournament.criteria",
    "tournament.noise_ratio", "tournament.bracket", "runs.settings",
    "runs.journal", "runs.folder", "runs.plan", "hardware.boards",
    "hardware.latency", "hardware.memory",
)  # fmt: skip

# Registries that every search chooses from.
KNOWN = {
  "FAMILIES",
  "LAYER_KINDS",
  "OPERATORS",
  "CRITERIA",
  "SOURCES",
  "METHODS",
}

HEAVY = (
    "tensorflow", "keras", "tf_keras", "tflite_micro", "sklearn", "matplotlib",
    "jinja2", "tensorboard",
)  # fmt: skip


@functools.cache
def _modules():
  """Module name -> its parsed file."""
  found = {}
  for path in PACKAGE.rglob("*.py"):
    name = ".".join(path.relative_to(HOME).with_suffix("").parts)
    found[name.removesuffix(".__init__")] = ast.parse(path.read_text("utf-8"))
  return found


def _imported(nodes):
  """Names of what is imported; a module of a package by its own name."""
  for node in nodes:
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, "relative import"
      for alias in node.names:
        full = f"{node.module}.{alias.name}"
        yield full if full in _modules() else node.module


@functools.cache
def _imports(name):
  """What a module imports, in functions too, itself left out."""
  return frozenset(_imported(ast.walk(_modules()[name]))) - {name}


def _loaded_with(name):
  """Everything that is loaded with a module, the packages it lies in too."""
  left, seen = [name], set()
  while left:
    here = left.pop()
    if here in seen:
      continue
    seen.add(here)
    if here in _modules():
      left += _imported(_modules()[here].body)
      left += [here.rpartition(".")[0]] if "." in here else []
  return seen


def _commands():
  """The modules that define flags."""
  return {
    name
    for name, tree in _modules().items()
    for node in tree.body
    if isinstance(node, ast.FunctionDef) and node.name == "define_flags"
  }


def _registries():
  """(module, name) of every dictionary that makes names into things."""
  return {
    (module, node.target.id)
    for module, tree in _modules().items()
    for node in tree.body
    if isinstance(node, ast.AnnAssign)
    and ast.unparse(node.annotation).startswith("dict[str, ")
    and node.target.id.isupper()
    and not node.target.id.startswith("_")
  }


def test_imports_have_no_cycle():
  ours = {n: _imports(n) & _modules().keys() for n in _modules()}
  list(graphlib.TopologicalSorter(ours).static_order())


def _floor(module):
  """Number of the floor a module stands on, from the top; None for the door."""
  inside = module.removeprefix("elite_tf").lstrip(".")
  for number, rooms in enumerate(ORDER):
    if inside in rooms or inside.partition(".")[0] in rooms:
      return number
  assert inside == "", f"{module} stands in no room"
  return None


def test_imports_go_down_the_house():
  """A room knows those below it, and nothing knows the package's own door."""
  wrong = [
    f"{module} -> {known}"
    for module in _modules()
    if _floor(module) is not None
    for known in _imports(module) & _modules().keys() - {"elite_tf"}
    if _floor(known) < _floor(module)
  ]
  assert wrong == []


def test_only_commands_errors_types_and_rooms_are_at_the_top():
  names = {path.name for path in PACKAGE.iterdir() if path.name[0] != "_"}
  rooms = {room.partition(".")[0] for floor in ORDER for room in floor}
  modules = {"search", "convert", "deploy", "types", "errors"}
  assert names == {f"{n}.py" for n in modules} | (rooms - modules)


def test_commands_are_at_the_top():
  """Nobody imports a command; what they share serves them alone."""
  assert _commands() == {f"elite_tf.{name}" for name in ORDER[0]}
  for name in _modules():
    assert not _imports(name) & _commands(), name
    if name not in _commands():
      assert "elite_tf.system.cli" not in _imports(name), name


@pytest.mark.parametrize(
  "package",
  [
    "networks.families",
    "networks.layers",
    "data.sources",
    "conversion.quantize",
    "engine.runners",
    "system.backend",
  ],
)
def test_registry_imports_its_members_and_never_the_reverse(package):
  registry = f"elite_tf.{package}"
  members = {n for n in _modules() if n.startswith(f"{registry}.")}
  assert _imports(registry) & members
  for member in members:
    assert registry not in _imports(member), member


@pytest.mark.parametrize("name", PURE)
def test_decisions_need_the_standard_library_alone(name):
  others = {
    module.partition(".")[0]
    for module in _loaded_with(f"elite_tf.{name}") - _modules().keys()
  }
  assert others <= set(sys.stdlib_module_names)


def test_tournament_knows_no_runner_and_no_training():
  known = _loaded_with("elite_tf.tournament.bracket") & _modules().keys()
  assert known == {
    f"elite_tf{name}"
    for name in (
      "",
      ".tournament",
      ".tournament.bracket",
      ".tournament.criteria",
      ".tournament.history",
      ".tournament.noise_ratio",
      ".errors",
      ".types",
    )
  }


def _run(code, *arguments):
  done = subprocess.run(
    [sys.executable, "-c", code, *arguments],
    env={**os.environ, "PYTHONPATH": str(HOME)},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout


# Prints, as the last line, which of the heavy packages were loaded.
_SAY_LOADED = (
  "import sys; print(sorted({name.partition('.')[0] for name in sys.modules}"
  f" & {{*{HEAVY}, 'numpy', 'rich', 'absl'}}))"
)


def _loaded(output):
  return ast.literal_eval(output.splitlines()[-1])


def test_importing_the_package_loads_nothing():
  assert _loaded(_run(f"import elite_tf; {_SAY_LOADED}")) == []


def test_public_names_are_there():
  """And those that are cheap to load stay so."""
  code = (
    "import elite_tf; elite_tf.ConfigError; elite_tf.plan;"
    "assert all(map(callable, (elite_tf.run_search, elite_tf.ConfigError)));"
    "import elite_tf.search; assert callable(elite_tf.search.main);"
    "assert not callable(elite_tf.search);"
  )
  assert set(_loaded(_run(code + _SAY_LOADED))) == {"absl"}
  code = (
    "import elite_tf; assert set(elite_tf.__all__) <= set(dir(elite_tf));"
    "assert all(getattr(elite_tf, name) for name in elite_tf.__all__);"
    "import elite_tf.data.preprocess as p;"
    "assert elite_tf.preprocess is p.preprocess;"
  )
  _run(code)


def test_planning_and_costing_load_nothing():
  code = (
    "import elite_tf; elite_tf.plan(); elite_tf.plan(data='digits');"
    "from elite_tf.data import sources; from elite_tf.networks import cost;"
    "from elite_tf.tournament import bracket, grouping;"
    "from elite_tf.runs import journal; sources.describe('digits');"
  )
  assert _loaded(_run(code + _SAY_LOADED)) == []


DRY_RUN = """
import runpy, sys
sys.argv = ["search", *sys.argv[1:]]
try:
  runpy.run_module("elite_tf.search", run_name="__main__", alter_sys=True)
except SystemExit as stop:
  assert not stop.code, stop.code
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_dry_run_loads_nothing_heavy(form):
  output = _run(DRY_RUN + _SAY_LOADED, "--dry_run", f"--format={form}")
  assert not set(_loaded(output)) & {*HEAVY, "numpy"}
  if form == "json":
    plan = json.loads(output.splitlines()[0])
    assert len(plan["candidates"]) == 64


def test_dry_run_answers_in_under_a_second():
  """By the clock; on a machine busy with other tests, by what it computes."""
  times = []
  for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(
      [sys.executable, "-m", "elite_tf.search", "--dry_run"],
      env={**os.environ, "PYTHONPATH": str(HOME)},
      stdout=subprocess.DEVNULL,
      check=True,
    )
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    computed = sum(after[:2]) - sum(before[:2])  # User and system.
    busy = os.getloadavg()[0] > len(os.sched_getaffinity(0))
    times.append(computed if busy else wall)
  assert min(times) < 1, times


@pytest.mark.parametrize("folder", ["tflite", "tools", "tests"])
def test_folders_beside_the_package_are_no_packages(folder):
  """A package called tflite would hide the one that is installed."""
  assert not list((HOME / folder).rglob("__init__.py"))


def test_every_folder_of_the_package_is_one():
  for path in PACKAGE.rglob("*.py"):
    assert (path.parent / "__init__.py").exists(), path


@pytest.mark.parametrize("folder", ["elite_tf", "tools"])
def test_no_file_is_too_long(folder):
  lengths = {
    str(path.relative_to(HOME)): len(path.read_text("utf-8").splitlines())
    for path in (HOME / folder).rglob("*.py")
  }
  assert {n: c for n, c in lengths.items() if c > LONGEST_FILE} == {}


def _public(tree):
  """The public functions and classes of a module, and their methods."""
  kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
  for node in getattr(tree, "body", ()):
    if isinstance(node, kinds) and not node.name.startswith("_"):
      yield node
      if isinstance(node, ast.ClassDef):
        yield from _public(node)


@pytest.mark.parametrize("name", sorted(_modules()))
def test_everything_public_is_documented(name):
  tree = _modules()[name]
  assert ast.get_docstring(tree), "the module"
  bare = [node.name for node in _public(tree) if not ast.get_docstring(node)]
  assert bare == []


def _parametrized():
  """Every name that a test or fixture is parametrized over."""
  for path in (HOME / "tests").rglob("*.py"):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
      if not isinstance(node, ast.Call):
        continue
      called = ast.unparse(node.func)
      if called not in ("pytest.mark.parametrize", "pytest.fixture"):
        continue
      for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute):
          yield inner.attr
        elif isinstance(inner, ast.Name):
          yield inner.id


def test_every_registry_is_tested_over_all_of_its_entries():
  """What is added to one is tested the day it is added."""
  names = {name for _, name in _registries()}
  assert names >= KNOWN
  assert names - set(_parametrized()) == set()


# Of any one machine, and of the places where packages come from: how to reach
# them is the installer's configuration.
_NOT_IN_CODE = re.compile(
  r"/(?:root|home|work|mnt|Users)/"
  r"|pyp[i][.]org|python[h]osted[.]|anacond[a][.]|index[-]url|trusted[-]host"
)


def test_code_names_no_machine_and_no_registry():
  places = ("elite_tf", "tests", "tools", "tflite", "examples", "docs", ".ci")
  files = [
    HOME / "setup.cfg",
    HOME / "pyproject.toml",
    *(f for place in places for f in (HOME / place).rglob("*")),
  ]
  for path in files:
    if not path.is_file() or path.suffix == ".pyc":
      continue
    text = path.read_text("utf-8", errors="replace")
    assert not _NOT_IN_CODE.search(text), path


def test_modules_that_are_run_log_under_the_name_of_the_package():
  """Run by `python -m`, a module is called __main__: nobody hears its logger."""
  programs = [
    path
    for path in PACKAGE.rglob("*.py")
    if '__name__ == "__main__"' in path.read_text("utf-8")
  ]
  assert len(programs) > 4
  for path in programs:
    assert "getLogger(__name__)" not in path.read_text("utf-8"), path
