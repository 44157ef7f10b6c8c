"""The page says what the run folder says, and nothing runs in it."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from elite_tf.errors import ConfigError
from elite_tf.report import page
from elite_tf.report.ending import write_or_warn
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.journal import sealed
from elite_tf.system import lock

# Of result.json, what stands in headings and links, not as a number.
_HEADINGS = re.compile(r"/groups/\d+/(group|rounds/\d+/round)")

_VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
  """What a page holds.

  Attributes:
    numbers: (JSON pointer, value, text) of every number.
    tags: Every element's name and attributes.
    text: All of it.
    open: Elements that were not closed.
  """

  def __init__(self, source):
    super().__init__()
    self.numbers, self.tags, self.text, self.open = [], [], "", []
    self._number = None
    self.feed(source)
    self.close()

  def handle_starttag(self, tag, attrs):
    attrs = dict(attrs)
    self.tags.append((tag, attrs))
    if tag not in _VOID:
      self.open.append(tag)
    if tag == "data":
      self._number = [attrs.get("data-key"), json.loads(attrs["value"]), ""]

  def handle_startendtag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))

  def handle_endtag(self, tag):
    assert self.open.pop() == tag
    if tag == "data":
      self.numbers.append(tuple(self._number))
      self._number = None

  def handle_data(self, data):
    self.text += data
    if self._number:
      self._number[2] += data


def _page(folder, **options):
  page.write(folder, **options)
  read = Page((folder.path / "report.html").read_text("utf-8"))
  assert not read.open
  return read


@pytest.fixture(scope="module")
def finished(make_run):
  """(folder, result, page) of a search that ended; to be read alone."""
  folder = make_run()
  return folder, json.loads(folder.result.read_text()), _page(folder)


def _leaves(value, place=""):
  """Yields (JSON pointer, number) of every number of a JSON value."""
  if isinstance(value, dict):
    for key, inner in value.items():
      yield from _leaves(inner, f"{place}/{key}")
  elif isinstance(value, list):
    for number, inner in enumerate(value):
      yield from _leaves(inner, f"{place}/{number}")
  elif isinstance(value, (int, float)):
    yield place, value


_UNITS = {
    "%": 0.01, "M": 1e6, "KiB": 1024, "s": 1, "min": 60, "h": 3600, "ms": 1e-3,
    "": 1,
}  # fmt: skip


def _shows(text, value):
  """Returns whether a text is a number rounded to the digits that it has."""
  number, _, unit = text.replace(",", "").partition(" ")
  _, _, decimals = number.partition(".")
  step = _UNITS[unit] * 10.0 ** -len(decimals)
  error = float(number) * _UNITS[unit] - value
  if unit == "KiB":  # What a board must have: rounded up.
    return 0 <= error < step
  return abs(error) <= step / 2 * (1 + 1e-9)


def test_every_number_is_that_of_the_result(finished):
  _, result, read = finished
  expected = {
    place: value
    for place, value in _leaves(result)
    if not _HEADINGS.fullmatch(place)
  }
  shown = [(k, v, text) for k, v, text in read.numbers if k]
  assert {place: value for place, value, _ in shown} == expected
  assert [row for row in shown if not _shows(row[2], row[1])] == []


def test_brackets_show_every_score(finished):
  folder, result, _ = finished
  text = (folder.path / "report.html").read_text("utf-8")
  for group in result["groups"]:
    (bracket,) = re.findall(
      rf'<svg[^>]*"Bracket of group {group["group"]}:.*?</svg>', text
    )
    words = "".join(ElementTree.fromstring(bracket).itertext())
    for played in group["rounds"]:
      for score in played["scores"].values():
        assert f"{100 * score:.1f}" in words


def test_it_needs_nothing_but_itself(finished):
  """No script, no other file but the champions' own, no network."""
  _, _, read = finished
  names = {tag for tag, _ in read.tags}
  assert not names & {"script", "iframe", "object", "embed", "form"}
  for tag, attributes in read.tags:
    assert not [name for name in attributes if name.startswith("on")]
    for name in ("src", "href"):
      target = attributes.get(name, "")
      if tag == "a" and target.startswith("https://arxiv.org/"):
        continue
      assert re.match(r"^(|#.*|data:.*|champions/.*)$", target), target
  source = "".join(str(attributes) for _, attributes in read.tags)
  assert set(re.findall(r"url\((.)", source)) <= {"#"}


def test_links_lead_to_the_champions_files(finished):
  folder, result, read = finished
  links = {a["href"] for t, a in read.tags if t == "a"}
  for champion in result["champions"]:
    assert set(champion["files"]) <= links
    assert all((folder.path / file).is_file() for file in champion["files"])


def test_every_id_is_there_once_and_every_reference_leads_to_one(finished):
  _, _, read = finished
  ids = [a["id"] for _, a in read.tags if "id" in a]
  assert len(ids) == len(set(ids))
  source = " ".join(str(v) for _, a in read.tags for v in a.values())
  used = re.findall(r"url\(#([^)]*)\)", source) + [
    a["href"][1:] for _, a in read.tags if a.get("href", "").startswith("#")
  ]
  assert used and set(used) <= set(ids)


HOSTILE = (
  "<script>alert(1)</script>",
  '" onload="alert(1)\' --> ]]>',
  "$\\frac{1}$ & 100 % {{ 7*7 }} \x07\u732b",
)


@pytest.fixture(scope="module")
def hostile(make_run):
  """(source, page) of a search whose names are meant to do harm."""
  folder = make_run(HOSTILE, name="a <b>'\"& run")
  read = _page(folder)
  return (folder.path / "report.html").read_text("utf-8"), read


def test_what_comes_from_outside_is_text(hostile):
  _, read = hostile
  names = {tag for tag, _ in read.tags}
  assert not names & {"script", "b", "frac"}
  for _, attributes in read.tags:
    assert not [name for name in attributes if name.startswith("on")]
  for label in HOSTILE[:2]:
    assert label in read.text
  assert "$\\frac{1}$ & 100 % {{ 7*7 }} \ufffd\u732b" in read.text
  assert "a <b>'" in read.text


def test_pictures_are_well_formed_and_take_the_colours_of_the_page(hostile):
  source, _ = hostile
  pictures = re.findall(r"<svg [^>]*role.*?</svg>", source, re.DOTALL)
  assert len(pictures) == 3 + 2 + 2 + 3 + 1 + 2  # Costs to confusion matrices.
  for picture in pictures:
    root = ElementTree.fromstring(picture)
    assert root.get("aria-label")
    assert not re.search(r"#[0-9a-f]{6}", picture), "a colour of its own"
    assert "var(--" in picture


@pytest.mark.parametrize("outcomes", [0, 1, 4, 6, 7, 9])
def test_a_search_at_work_has_a_page_so_far(make_run, outcomes, request):
  """Groups are played one after the other here: 4, 2 and 1 outcomes each."""
  if outcomes not in (0, 6):
    request.getfixturevalue("undrawn")
  folder = make_run(outcomes=outcomes)
  before = {
    p: (p.stat().st_mtime_ns, p.read_bytes())
    for p in folder.path.rglob("*")
    if p.is_file()
  }
  with lock.hold(folder.lock):
    read = _page(folder)
    held = folder.lock.read_bytes()
    assert page.read_run(folder).state == "still running"
    assert folder.lock.read_bytes() == held
  assert "still running" in read.text
  epochs = 3 * min(outcomes, 6) + 6 * (outcomes >= 7) + 3 * max(0, outcomes - 7)
  assert f"{epochs} of 48 epochs so far" in " ".join(read.text.split())
  for path, state in before.items():
    assert (path.stat().st_mtime_ns, path.read_bytes()) == state, path
  assert {p for p in folder.path.rglob("*") if p.is_file()} == {
      *before, folder.path / "report.html"
  }  # fmt: skip


def test_a_search_at_work_stands_where_the_finished_one_stood(make_run):
  """Scores replayed from the journal are those that result.json has later."""
  done = json.loads(make_run(name="done").result.read_text())
  run = page.read_run(make_run(outcomes=6, name="begun"))
  assert [len(group.rounds) for group in run.groups] == [2, 0]
  for played, row in zip(run.groups[0].rounds, done["groups"][0]["rounds"]):
    assert played.scores == row["scores"]
    assert list(played.eliminated) == row["eliminated"]
    assert played.nu == row["nu"]
  assert run.groups[0].alive == (done["groups"][0]["champion"],)


def test_a_search_that_was_stopped_says_how_to_go_on(make_run, undrawn):
  folder = make_run(outcomes=3)
  text = _page(folder, stopped="No space left on device").text
  assert "stopped before the end" in text
  assert "No space left on device" in text
  assert f"--flagfile={folder.flags}" in text


def test_failures_are_told(make_run, undrawn):
  whole = json.loads(make_run(name="whole").result.read_text())
  name = whole["groups"][0]["candidates"][1]
  folder = make_run(failures={name: "val_accuracy became <nan> in epoch 1"})
  text = _page(folder).text
  assert "val_accuracy became <nan> in epoch 1" in text
  failed = make_run(
    name="nobody",
    failures=dict.fromkeys(whole["groups"][0]["candidates"], "planted"),
  )
  read = _page(failed)
  assert "ended without all champions" in read.text
  assert "every candidate failed" in read.text


def test_what_does_not_fit_is_told(make_run, undrawn):
  folder = make_run(flash="1MB", sram="115KB", include="elite-w4-*")
  plan = json.loads(folder.plan.read_text())
  misfits = [row["name"] for row in plan["candidates"] if not row["fits"]]
  assert misfits
  text = _page(folder).text
  for name in misfits:
    assert re.search(rf"{name}\s*not trained\s*does not fit", text), name


def test_what_is_missing_is_told_and_the_rest_is_there(make_run, undrawn):
  """No plan, no answers, no metrics, a journal whose every line is damaged."""
  folder = make_run()
  result = json.loads(folder.result.read_text())
  folder.plan.unlink()
  lines = map(json.loads, folder.journal.read_text().splitlines())
  folder.journal.write_text(
    "".join(json.dumps({**e, "crc": None}) + "\n" for e in lines)
  )
  for champion in result["champions"]:
    place = folder.champion(champion["name"])
    (place / "predictions.npz").unlink()
    (place / "metrics.json").unlink()
  read = _page(folder)
  assert read.text.count("predictions.npz is missing") == 2
  assert read.text.count("metrics.json is missing") == 2
  assert "The plan could not be read" in read.text
  shown = {key for key, _, _ in read.numbers}
  assert {
    place for place, _ in _leaves(result["champions"], "/champions")
  } <= shown


@pytest.mark.parametrize(
  "file", ["plan.json", "predictions.npz", "metrics.json"]
)
def test_a_damaged_file_costs_its_section_alone(make_run, undrawn, file):
  folder = make_run()
  for path in folder.path.rglob(file):
    path.write_bytes(b"PK not what it was")
  read = _page(folder)
  assert "damaged" in read.text and file in read.text
  assert len({k for k, _, _ in read.numbers if k}) > 30


def test_published_models_are_there_for_imagenet_alone(
  make_run, finished, undrawn
):
  folder = make_run()
  plan = json.loads(folder.plan.read_text())
  plan["data"]["classes"] = 1000
  folder.plan.write_text(json.dumps(plan))
  text = _page(folder).text
  assert "EfficientNet-B0" in text and "MobileNetV2" in text
  assert "HF5" in text and "eLite9" in text
  assert "EfficientNet-B0" not in finished[2].text


def test_a_search_without_its_plan_has_a_page_so_far(make_run, undrawn):
  folder = make_run(outcomes=5)
  folder.plan.unlink()
  text = _page(folder).text
  assert "plan.json is missing" in text and "stopped before the end" in text


def test_a_champion_that_does_not_fit_has_lost_its_title(make_run, undrawn):
  """Told apart from a candidate that failed, finished or not."""
  limits = {"flash": "1MB", "sram": "256KB"}
  folder = make_run(**limits)
  result = json.loads(folder.result.read_text())
  group = result["groups"][0]
  first = group["champion"]
  (second,) = group["rounds"][-1]["eliminated"]
  group["rejected"] = {first: "planted reason"}
  group["champion"] = result["champions"][0]["name"] = second
  folder.champion(first).rename(folder.champion(second))
  folder.result.write_text(json.dumps(result))
  text = _page(folder).text
  assert re.search(rf"{first}\s*rejected as champion\s*planted reason", text)
  folder.result.unlink()
  folder.journal.write_text("".join(_with_larger_champion(folder, first)))
  run = page.read_run(folder)
  assert list(run.groups[0].rejected) == [first]
  assert run.groups[0].failures == {}
  assert "does not fit: 0 bytes of flash" in run.groups[0].rejected[first]
  assert run.groups[0].alive == (second,)


def _with_larger_champion(folder, name):
  """Yields the journal's lines; an arena of 1 MiB was measured of one."""
  for line in folder.journal.read_text().splitlines():
    event = json.loads(line)
    del event["crc"]
    if event["event"] == "champion" and event["champion"]["name"] == name:
      event["champion"]["arena_bytes"] = 1 << 20
    yield sealed(event).decode()


def test_a_search_without_quantization_has_its_page(make_run, undrawn):
  folder = make_run(quantize="none")
  result = json.loads(folder.result.read_text())
  for champion in result["champions"]:
    champion |= {
        "kind": None, "test_accuracy_int8": None, "tflite_bytes": None,
        "arena_bytes": None, "test_balanced_accuracy_int8": None,
    }  # fmt: skip
  folder.result.write_text(json.dumps(result))
  assert not re.search(r"fits \d+ of", _page(folder).text)


def test_no_folder_is_no_page(tmp_path):
  with pytest.raises(ConfigError, match="holds no search"):
    page.write(RunFolder(tmp_path))
  assert not list(tmp_path.iterdir())


def test_a_page_that_fails_is_one_line(make_run, monkeypatch, log):
  folder = make_run()

  def fail(*_, **__):
    raise ValueError("planted\nin two lines")

  monkeypatch.setattr(page, "render", fail)
  before = folder.result.read_bytes()
  write_or_warn(folder)
  (line,) = log.messages
  assert (
    "report.html was not written (ValueError: planted in two lines)" in line
  )
  assert folder.result.read_bytes() == before
  assert not (folder.path / "report.html").exists()


def test_the_page_of_the_papers_search_is_small(make_run):
  """64 candidates in eight groups, champions of 350 epochs."""
  folder = make_run(include="", group_size=8, round_epochs=10, epochs=350)
  read = _page(folder)
  assert len({k for k, _, _ in read.numbers if k and "/scores/" in k}) == 8 * 14
  assert (folder.path / "report.html").stat().st_size < 2_000_000
