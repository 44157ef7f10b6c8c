"""The documents: links lead somewhere, quoted code and commands are real.

Blocks of code are read with the comment before them:

    <!-- from: examples/nets.py -->   the block stands in that file, line by line
    <!-- needs: a cluster -->         CI lacks that: commands are not run here

Every other command of README and of the guides in docs/ is run below, or by the
test of its own command; so `sh` blocks hold commands only.
"""

import ast
import dataclasses
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import elite_tf

HOME = Path(__file__).parents[1]
COMMANDS = ("search", "convert", "deploy", "report")
COLUMNS = 100  # Of prose.
README_LINES = 120

# What a user reads to do something; the others record what was.
GUIDES = (HOME / "README.md", *sorted((HOME / "docs").glob("*.md")))
RECORDS = tuple(
  path
  for path in (
    HOME / "BUILD_NOTES.md",
    HOME / "CONTRIBUTING.md",
    *sorted((HOME / "docs").glob("*/**/*.md")),
  )
  if path.exists()
)
EXAMPLES = sorted(
  path
  for path in (HOME / "examples").rglob("*")
  if path.is_file() and "__pycache__" not in path.parts
)


def _id(path):
  return str(path.relative_to(HOME))


documents = pytest.mark.parametrize("path", GUIDES + RECORDS, ids=_id)
guides = pytest.mark.parametrize("path", GUIDES, ids=_id)


@dataclasses.dataclass(frozen=True)
class Block:
  """A block of code of a document.

  Attributes:
    path: The document.
    number: Of its first line, from 1.
    language: What stands after the fence; "indented" for one without a fence.
    text: Its lines.
    origin: File that it is quoted from; empty for none.
    needs: What CI lacks for it; empty for nothing.
  """

  path: Path
  number: int
  language: str
  text: str
  origin: str = ""
  needs: str = ""


_BLOCK = re.compile(
  r"(?:^<!-- (?P<key>from|needs): (?P<value>.+?) -->\n\n?)?"
  r"^```(?P<language>.*)\n(?P<text>(?:.*\n)*?)^```$"
  r"|(?P<indented>(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+)",
  re.MULTILINE,
)


@functools.cache
def _blocks(path):
  text = path.read_text("utf-8")
  found = []
  for match in _BLOCK.finditer(text):
    number = text.count("\n", 0, match.start()) + 1
    if match["indented"]:
      code = re.sub("^ {4}", "", match["indented"], flags=re.MULTILINE)
      found.append(Block(path, number, "indented", code))
      continue
    note = {match["key"]: match["value"]}
    found.append(
      Block(
        path,
        number,
        match["language"],
        match["text"],
        note.get("from", ""),
        note.get("needs", ""),
      )
    )
  return tuple(found)


def _prose(path):
  """A document's text, blank where its blocks of code are."""
  return _BLOCK.sub(
    lambda match: "\n" * match[0].count("\n"), path.read_text("utf-8")
  )


# Links.


def _anchors(path):
  """The anchors of a document's headings, as GitHub makes them."""
  found = []
  for heading in re.findall(r"^#+ (.+)$", _prose(path), re.MULTILINE):
    plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    found.append(plain)
  counted = [found[:i].count(one) for i, one in enumerate(found)]
  return {f"{a}-{n}" if n else a for a, n in zip(found, counted)}


@documents
def test_relative_links_lead_somewhere(path):
  text = re.sub(r"`[^`\n]*`(?!\])", "", _prose(path))
  wrong = []
  for link in re.findall(r"\]\(([^)\s]+)\)", text):
    if re.match(r"[a-z]+:", link):
      continue
    file, _, anchor = link.partition("#")
    target = (path.parent / file).resolve() if file else path
    if not target.exists() or (anchor and anchor not in _anchors(target)):
      wrong.append(link)
  assert wrong == []


# Form.


def test_readme_is_short():
  assert len(GUIDES[0].read_text("utf-8").splitlines()) <= README_LINES


@documents
def test_prose_is_wrapped(path):
  """Tables and links excepted, so that a change can be read."""
  wide = [
    f"{number}: {line}"
    for number, line in enumerate(_prose(path).splitlines(), start=1)
    if len(line) > COLUMNS and not re.match(r"\s*\|", line)
    if not re.search(r"\]\(|https?:", line)
  ]
  assert wide == []


# Quoted code.


@guides
def test_quoted_code_stands_in_its_example(path):
  for block in _blocks(path):
    if block.origin:
      lines = (HOME / block.origin).read_text("utf-8")
      assert f"\n{block.text}" in f"\n{lines}", (block.number, block.origin)
    elif block.language in ("python", "c", "cpp", "csv"):
      assert block.needs, f"line {block.number} is no part of an example"


def test_every_example_is_in_the_guides():
  texts = [path.read_text("utf-8") for path in GUIDES]
  names = [_id(path) for path in EXAMPLES]
  assert [n for n in names if not any(n in text for text in texts)] == []


# Names of files, modules and flags.

_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"(?:elite_tf|examples|tests|tflite|tools)/[\w./-]*\w/?")
_MODULE = re.compile(r"elite_tf(?:\.\w+)+")


@guides
def test_files_that_are_named_exist(path):
  names = [n for n in _CODE.findall(_prose(path)) if _FILE.fullmatch(n)]
  assert [name for name in names if not (HOME / name).exists()] == []


def _exists(name):
  """Whether a module, or a name in one, is there; nothing is imported."""
  parts = name.split(".")
  for end in range(len(parts), 0, -1):
    folder, rest = HOME.joinpath(*parts[:end]), parts[end:]
    for file in (folder.with_suffix(".py"), folder / "__init__.py"):
      if file.is_file():
        text = file.read_text("utf-8")
        public = dir(elite_tf) if end == 1 else ()
        return all(
          one in public
          or re.search(rf"^\s*(?:def |class )?{one}\b", text, re.MULTILINE)
          for one in rest
        )
  return False


@guides
def test_modules_that_are_named_exist(path):
  names = [
    re.sub(r"\(.*", "", name)
    for name in _CODE.findall(_prose(path))
    if name.startswith("elite_tf.")
  ]
  wrong = [n for n in names if _MODULE.fullmatch(n) and not _exists(n)]
  assert wrong == []


def test_architecture_shows_the_rooms_in_their_order():
  text = (HOME / "docs/architecture.md").read_text("utf-8")
  first = re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
  shown = [
    name.removesuffix("/").removesuffix(".py").replace("/", ".")
    for cell in first
    for name in _CODE.findall(cell)
  ]
  house = ast.parse((HOME / "tests/test_house.py").read_text("utf-8"))
  order = next(
    ast.literal_eval(node.value)
    for node in house.body
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ORDER"
  )
  assert shown == [room for floor in order for room in floor]


def test_architecture_names_files_that_exist():
  names = _CODE.findall(_prose(HOME / "docs/architecture.md"))
  files = [n for n in names if re.fullmatch(r"(?:\w+/)+(?:\w+\.\w+)?", n)]
  assert len(files) > 20
  places = (HOME, HOME / "elite_tf")
  files = [n for n in files if not n.startswith("my_images/")]
  assert [n for n in files if not any((p / n).exists() for p in places)] == []


def _python(*arguments, cwd=HOME, stdin=None):
  return subprocess.run(
    [sys.executable, *arguments],
    cwd=cwd,
    input=stdin,
    env={**os.environ, "PYTHONPATH": str(HOME)},
    capture_output=True,
    text=True,
    timeout=600,
    check=False,
  )


# Flags of absl itself, which act at once.
_ABSL = ("--helpshort", "--flagfile")

# Reads lists of flags as a command does; prints what it refuses, and all flags.
_PARSE = """
import importlib, json, sys
from absl import flags
importlib.import_module(sys.argv[1]).define_flags()
refused = []
for arguments in json.load(sys.stdin):
  flags.FLAGS.unparse_flags()
  try:
    rest = flags.FLAGS(["command", *arguments])[1:]
    refused += [f"unexpected {rest}"] if rest else []
  except flags.Error as error:
    refused.append(str(error))
print(json.dumps([refused, sorted(flags.FLAGS)]))
"""


def _module(command):
  return (
    "elite_tf.report.__main__"
    if command == "report"
    else (f"elite_tf.{command}")
  )


@functools.cache
def _parsed(command, lists=()):
  done = _python("-c", _PARSE, _module(command), stdin=json.dumps(lists))
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout)


@functools.cache
def _flags():
  """All flags of the commands and of the tools."""
  tools = "".join(p.read_text("utf-8") for p in (HOME / "tools").glob("*.py"))
  return {
    *(flag.removeprefix("--") for flag in _ABSL),
    *(flag for command in COMMANDS for flag in _parsed(command)[1]),
    *re.findall(r"\"--(\w+)\"", tools),
    *re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", tools),
  }


@guides
def test_flags_that_are_named_exist(path):
  names = re.findall(r"`--([a-z]\w+)[^`\n]*`", _prose(path))
  assert set(names) - _flags() == set()


# Commands.


@dataclasses.dataclass(frozen=True)
class Command:
  """A command of a document, as words; shell syntax has words of its own."""

  block: Block
  text: str
  words: tuple[str, ...]

  @property
  def python(self):
    """What Python is given: (-m module or file, its arguments), or None."""
    words = self.words
    while words and re.match(r"\w+=", words[0]):
      words = words[1:]
    if not words or Path(words[0]).name not in ("python", "python3"):
      return None
    if words[1] == "-m":
      return words[2], words[3:]
    return words[1], words[2:]

  @property
  def ours(self):
    """(command, flags) of a command of the package; else None."""
    if self.python and self.python[0].startswith("elite_tf."):
      name = self.python[0].removeprefix("elite_tf.")
      return name, self.python[1]
    return None


# Where a block says no language, lines that begin so are commands.
_STARTS = re.compile(r"(?:\w+=\S+ )*(?:\S*/)?python3?\s|tools/|\.ci/")


def _commands(path):
  for block in _blocks(path):
    text = block.text.replace("\\\n", " ")
    for line in text.splitlines():
      line = line.removeprefix("$ ").strip()
      plain = block.language in ("", "indented") and _STARTS.match(line)
      if not line or not (block.language in ("sh", "bash") or plain):
        continue
      words = tuple(shlex.split(line, comments=True))
      if words:
        yield Command(block, line, words)


ALL = [c for path in GUIDES + RECORDS for c in _commands(path)]
OURS = [c for c in ALL if c.ours]
RUN = [c for c in ALL if c.block.path in GUIDES and not c.block.needs]


def _unique(commands):
  """The commands without repetitions, as parameters of a test."""
  found = {}
  for command in commands:
    text = " ".join(command.python[1])
    name = f"{_id(command.block.path)}: {text}"
    found.setdefault(text, pytest.param(command, id=name))
  return list(found.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_have_the_flags_they_are_given(name):
  lists = tuple(
    tuple(w for w in c.ours[1] if not w.startswith(_ABSL))
    for c in OURS
    if c.ours[0] == name
  )
  assert lists
  assert _parsed(name, lists)[0] == []


def test_commands_of_the_package_exist():
  assert {c.ours[0] for c in OURS} <= set(COMMANDS)


def test_tools_exist_and_have_the_flags_they_are_given():
  wrong = []
  for command in ALL:
    file = command.python[0] if command.python else command.words[0]
    if not file.startswith(("tools/", ".ci/")):
      continue
    if not (HOME / file).is_file():
      wrong.append(command.text)
    elif command.python:
      text = (HOME / file).read_text("utf-8")
      flags = re.findall(r"(?<= )--(\w+)", command.text)
      wrong += [command.text for f in flags if not re.search(rf"\b{f}\b", text)]
    else:
      assert os.access(HOME / file, os.X_OK), file
  assert wrong == []


# Programs of the system that the test of the firmware runs, of docs/firmware.md.
_COMPILED = ("cc", "head")


def test_nothing_else_is_left_to_run():
  """What no test here knows says what it needs."""
  known = ("tools/", ".ci/", "examples/")
  wrong = [
    f"{_id(c.block.path)}, line {c.block.number}: {c.text}"
    for c in RUN
    if not c.ours
    and not (c.python and c.python[0].startswith(known))
    and not c.words[0].startswith(known)
    and not (c.words[0] == "cd" and (HOME / c.words[1]).is_dir())
    and not (c.words[0] in _COMPILED and c.block.path.name == "firmware.md")
  ]
  assert wrong == []


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
  """A user's folder: a clone's examples, pictures, arrays, a finished search."""
  place = tmp_path_factory.mktemp("user")
  (place / "examples").symlink_to(HOME / "examples")
  generator = np.random.default_rng(0)
  for name in ("cats", "dogs"):
    folder = place / "my_images" / name
    folder.mkdir(parents=True)
    for number in range(12):
      pixels = generator.integers(0, 256, (96, 128, 3), np.uint8)
      Image.fromarray(pixels).save(folder / f"{number}.png")
  images = generator.integers(0, 256, (40, 32, 32), np.uint8)
  np.savez(place / "my_images.npz", x=images, y=np.arange(40) % 2)
  return place


@pytest.fixture(scope="module")
def finished(workspace):
  """The workspace with what the example of a search leaves in it."""
  done = _python(
    "examples/search_from_python.py", "runs/digits-elite", cwd=workspace
  )
  assert done.returncode == 0, done.stderr
  return workspace, done.stdout


def _plans(command):
  """Whether a command is one of a search that builds no network."""
  return (
    command.ours
    and command.ours[0] == "search"
    and not any(re.match("--pool=.*:", word) for word in command.words)
  )


@pytest.mark.parametrize("command", _unique(filter(_plans, RUN)))
def test_search_begins(command, workspace, request):
  """Every search of the guides has its plan; those of --pool=nets:tiny are run
  by tests/test_custom_search.py."""
  if any(word.startswith("--flagfile") for word in command.words):
    request.getfixturevalue("finished")
  flags = list(command.ours[1])
  last = set(flags) & {"--helpshort", "--board=list"}
  done = _python(
    "-m", "elite_tf.search", *flags, *[] if last else ["--dry_run"],
    cwd=workspace,
  )  # fmt: skip
  # absl exits with 1 after its help.
  assert done.returncode == ("--helpshort" in last), done.stderr
  assert done.stdout


def _reads_a_search(command):
  """Whether a command is a quick one; that of plain C has a test of its own."""
  return command.ours and (
    command.ours[0] == "report" or "--target=list" in command.words
  )


@pytest.mark.parametrize("command", _unique(filter(_reads_a_search, RUN)))
def test_command_on_a_finished_search_runs(command, finished):
  name, flags = command.ours
  done = _python("-m", f"elite_tf.{name}", *flags, cwd=finished[0])
  assert done.returncode == 0, done.stderr
  assert done.stdout


# The examples.


def _champion(workspace):
  (folder,) = (workspace / "runs/digits-elite/champions").iterdir()
  return folder


def test_example_of_a_search(finished):
  workspace, said = finished
  folder = _champion(workspace)
  metrics = json.loads((folder / "metrics.json").read_text())
  accuracy = metrics["conversions"]["int8"]["accuracy"]
  assert f"int8 accuracy {100 * accuracy:.1f} %" in said
  assert str(folder.relative_to(workspace)) in said


def test_example_of_a_plan():
  done = _python("examples/plan_for_a_board.py")
  assert done.returncode == 0, done.stderr
  first, *others = done.stdout.splitlines()
  fitting, total = map(int, re.findall(r"\d+", first))
  # Six levels of each of width, depth and resolution.
  assert 0 < fitting < total == 6**3
  assert len(others) == 5


def test_example_of_networks_in_keras():
  done = _python("examples/networks_in_keras.py")
  assert done.returncode == 0, done.stderr
  first, second = done.stdout.splitlines()
  # Table 5 of the paper has 1.34 M parameters for three channels and 1,000
  # classes: less 990 of 656 features and a bias.
  name, params = first.removesuffix(" parameters").split(": ")
  assert name.lower() == "efficientnetelite9"
  wanted = 1_340_000 - 990 * (656 + 1)
  assert abs(int(params.replace(",", "")) - wanted) < 5_000
  # Every width of HF is a power of two.
  features = int(second.removesuffix(" features").split(": ")[1])
  assert features.bit_count() == 1


def _classified(workspace, picture):
  done = _python(
    "examples/classify.py", str(_champion(workspace)), picture, cwd=workspace
  )
  assert done.returncode == 0, done.stderr
  return done.stdout


def test_example_classifies_as_the_verified_network_did(finished):
  from elite_tf.data import sources

  workspace, _ = finished
  pixels = sources.load("digits").test.images[0, ..., 0]
  Image.fromarray(pixels).save(workspace / "digit.png")
  kept = np.load(_champion(workspace) / "predictions.npz")
  answer, probability = kept["answers"][0], kept["probabilities"][0]
  said = _classified(workspace, "digit.png")
  assert said == f"{answer} {probability:.3f}\n"


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_example_of_a_program_of_ones_own(finished):
  """The commands of docs/firmware.md as they stand there; then a frame that
  Pillow and TensorFlow Lite Micro see as the program does."""
  workspace, _ = finished

  def run(*lines):
    done = subprocess.run(
      ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
      cwd=workspace,
      env={**os.environ, "PYTHONPATH": str(HOME), "PYTHON": sys.executable},
      capture_output=True,
      text=True,
      timeout=300,
      check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  commands = [
    c.text
    for c in RUN
    if c.words[0] in _COMPILED or {"--target=c", "--out=firmware"} <= {*c.words}
  ]
  assert len(commands) == 3
  *_, last = run('python() { "$PYTHON" "$@"; }', *commands).splitlines()
  assert re.fullmatch(r"\d [01]\.\d{3}", last)

  pixels = np.random.default_rng(1).integers(0, 256, (120, 160), np.uint8)
  Image.fromarray(pixels).save(workspace / "frame.png")
  (workspace / "frame.raw").write_bytes(pixels.tobytes())
  assert run("./classify < frame.raw") == _classified(workspace, "frame.png")


# The run folder.

# Fields that are named after candidates, classes or methods.
_FREE = ("scores", "failures", "unverified", "skipped", "rejected", "settings")


def _keys(found):
  if isinstance(found, dict):
    for key, value in found.items():
      yield key
      if key not in _FREE:
        yield from _keys(value)
  elif isinstance(found, list):
    for value in found:
      yield from _keys(value)


def test_run_folder_names_every_file_and_field(finished):
  workspace, _ = finished
  run = workspace / "runs/digits-elite"
  text = (HOME / "docs/run-folder.md").read_text("utf-8")
  told = set(re.findall(r"`([^`\n]+)`", text))
  files = {path for path in run.rglob("*") if path.is_file()}
  names = {path.name for path in files}
  assert {n for n in names if not any(t.endswith(n) for t in told)} == set()
  found = []
  for path in files:
    if path.suffix == ".json":
      found += _keys(json.loads(path.read_text()))
    elif path.suffix == ".jsonl":
      for line in path.read_text().splitlines():
        found += [*_keys(json.loads(line)), json.loads(line)["event"]]
    elif path.name == "history.csv":
      found += path.read_text().splitlines()[0].split(",")
    elif path.suffix == ".npz":
      raw = path.read_bytes()
      found += np.load(path).files if raw[:2] == b"PK" else []
  assert set(found) - told == set()
