"""Prices of a user's own networks, by a child process that may do anything."""

import json

import pytest

import elite_tf
from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Limits, Shortfall
from elite_tf.hardware.fit import measured_shortfall
from elite_tf.hardware.memory import CODE_BYTES
from elite_tf.networks import custom_cost
from elite_tf.networks.custom_worker import digest
from elite_tf.networks.pool import make_pool
from elite_tf.runs import plan as planning
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.presets import resolve
from elite_tf.system import processes

POOL = "nets:mine"

# Stands in for elite_tf.networks.custom_worker: parameters and multiply-accumulates follow the
# resolution.
CHILD = """
import os, sys, time
from multiprocessing.connection import Connection
from elite_tf.errors import ConfigError
from elite_tf.networks.custom_worker import Price, Source, digest
from elite_tf.types import Cost, Size
with Connection(int(sys.argv[1])) as connection:
  request = connection.recv()
  connection.send(Source(os.environ["SOURCE"], digest(os.environ["SOURCE"])))
  for number, candidate in enumerate(request.candidates):
    exec(os.environ["INSTEAD"])
    params = 1000 * candidate.resolution * int(os.environ["FACTOR"])
    cost = Cost(params, 7 * candidate.resolution + candidate.w)
    connection.send(Price(cost, Size(3, 100)))
"""


@pytest.fixture
def child(monkeypatch, tmp_path):
  """Starts the stand-in; counts how often."""
  source = tmp_path / "nets.py"
  source.write_text("# the networks\n")
  monkeypatch.setenv("SOURCE", str(source))
  monkeypatch.setenv("INSTEAD", "")
  monkeypatch.setenv("FACTOR", "1")
  script = tmp_path / "child.py"
  script.write_text(CHILD)
  start, started = processes.start, []

  def stand_in(*arguments, **options):
    assert arguments[:2] == ("-m", "elite_tf.networks.custom_worker")
    started.append(source)
    return start(str(script), arguments[2], **options)

  monkeypatch.setattr(processes, "start", stand_in)
  return started


def _settings(**given):
  return resolve({"pool": POOL, "include": "mine-w4-*", **given})


def _plan(known=None, **given):
  return planning.make_plan(_settings(**given), 10, 1, 32, known)


def test_a_plan_has_what_the_child_counted(child):
  plan = elite_tf.plan(POOL, classes=10, base_resolution=32)
  assert len(child) == 1 and len(plan["candidates"]) == 64
  for row in plan["candidates"]:
    assert row["name"].startswith("mine-w") and ":" not in row["name"]
    assert row["params"] == 1000 * row["resolution"]
    assert row["macs"] == 7 * row["resolution"] + row["w"]
    assert row["flash_bytes"] is None and row["fits"]
  assert json.loads(json.dumps(plan)) == plan


def test_only_what_is_included_is_built(child, monkeypatch):
  monkeypatch.setenv("INSTEAD", "assert candidate.w == 4")
  plan = _plan()
  assert len(plan.candidates) == len(plan.sizes) == 16
  assert {size.layers for size in plan.sizes} == {3}


def test_what_is_known_is_not_built_again(child, tmp_path):
  plan = _plan()
  path = tmp_path / "prices.json"
  path.write_text(plan.prices.to_json())
  known = custom_cost.Prices.read(path)
  assert known == plan.prices
  assert _plan(known) == plan and len(child) == 1
  assert custom_cost.Prices.read(tmp_path / "none.json") is None
  path.write_text(path.read_text()[:-9])
  assert custom_cost.Prices.read(path) is None


def test_other_classes_are_other_networks(child):
  known = _plan().prices
  other = planning.make_plan(_settings(), 7, 1, 32, known)
  assert len(child) == 2 and other.prices.key != known.key


def test_the_run_folder_is_where_prices_are_found(child, tmp_path, log):
  settings = _settings(run_dir=str(tmp_path / "run"), data="digits")
  plan, _ = planning.plan_for_data(settings)
  assert log.messages == [
    "--pool=nets:mine: 16 networks are built to be priced"
  ]
  assert not (tmp_path / "run").exists()  # A plan writes nothing.
  folder = RunFolder(tmp_path / "run")
  folder.path.mkdir()
  folder.prices.write_text(plan.prices.to_json())
  assert planning.plan_for_data(settings)[0] == plan
  assert len(child) == len(log.messages) == 1


def test_a_changed_file_is_priced_anew_and_must_cost_the_same(
  child, monkeypatch
):
  known = _plan().prices
  child[0].write_text("# a comment more\n")
  plan = _plan(known)
  assert len(child) == 2 and plan.prices.found == known.found
  assert plan.prices.source.digest != known.source.digest
  monkeypatch.setenv("FACTOR", "2")
  with pytest.raises(ConfigError) as caught:
    _plan(known)
  assert str(caught.value) == (
    "--pool=nets:mine must build the networks with which the search in this"
    " --run_dir began: mine-w4-d1-r32 had 32000 parameters and 228"
    " multiply-accumulates. Received: 64000 and 228"
  )


@pytest.mark.parametrize(
  ("instead", "said"),
  [
    ("os._exit(3)", "building mine-w4-d1-r32 ended with exit code 3"),
    ("os.abort()", "building mine-w4-d1-r32 died of SIGABRT"),
    # On a busy machine it may not even have begun.
    ("number and time.sleep(99)", "has not finished after 2 s"),
    ("connection.send(ConfigError('--pool=x: no'))", "--pool=x: no"),
  ],
)
def test_whatever_the_child_does_is_one_line(child, monkeypatch, instead, said):
  monkeypatch.setenv("INSTEAD", instead)
  candidates = [c for c in make_pool(POOL, 10, 1, 32) if c.w == 4]
  patience = 2.0 if "sleep" in instead else custom_cost.PATIENCE
  with pytest.raises(ConfigError) as caught:
    custom_cost.price(candidates, patience=patience)
  line = str(caught.value)
  assert line.startswith("--pool=") and line.endswith(said)


@pytest.mark.parametrize(
  ("wrong", "said"),
  [
    ({"slices": True}, "--slices is for the built-in families."),
    ({"activation": "relu6"}, "--activation and --stem_stride are for"),
    ({"stem_stride": 2}, "--activation and --stem_stride are for"),
  ],
)
def test_what_only_rows_can_do_is_refused(child, wrong, said):
  with pytest.raises(ConfigError) as caught:
    _plan(**wrong)
  line = str(caught.value)
  assert line.startswith(said) and line.endswith("Received: --pool=nets:mine")
  assert not child


def test_limits_are_for_what_is_measured(child):
  """A note says so; 300,000 and 20,000 bytes into 350,000 and 16,384."""
  plan = _plan(flash="1MB", sram="16KB")
  assert set(plan.needs) == {None} and plan.misfits == ()
  (note,) = plan.notes
  assert "cannot be predicted" in note and _plan().notes == ()
  limits = Limits(350_000, 16_384)
  assert measured_shortfall(None, limits, 300_000, 20_000) == Shortfall(
    300_000 + CODE_BYTES - 350_000, 20_000 - 16_384
  )


def test_a_file_that_cannot_be_read_has_no_digest(tmp_path):
  assert digest(str(tmp_path / "none")) == ""
