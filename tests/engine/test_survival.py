"""A search goes on after whatever has ended it, and comes to the same end.

The search is the real one but for its workers, which compute next to nothing
(`quick_search.py`).
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

HOME = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HOME)}
PROGRAM = Path(__file__).with_name("quick_search.py")
SEARCH = (sys.executable, str(PROGRAM))
EPOCH = '{"event": "epoch"'
FLAGS = (
  "--include=elite-w4-d4-*",
  "--group_size=4",
  "--round_epochs=4",
  "--epochs=30",
  "--quantize=none",
)


def _run(*flags):
  return subprocess.run(
      [*SEARCH, *flags], cwd=HOME, env=ENVIRONMENT,
      capture_output=True, text=True, timeout=120, check=False,
  )  # fmt: skip


def _ended(done):
  assert done.returncode == 0, done.stderr
  assert "Traceback" not in done.stderr
  return done


@pytest.fixture
def hold(tmp_path):
  """A file: while it is there, a search holds at so many epochs."""
  path = tmp_path / "hold"
  path.touch()
  return path


@pytest.fixture
def start(hold):
  """Starts a search that holds at an epoch; it is ended afterwards."""
  started = []

  def start(*flags, at):
    environment = {"HOLD_FILE": str(hold), "HOLD_AT": str(at)}
    process = subprocess.Popen(
        [*SEARCH, *flags], cwd=HOME, env={**ENVIRONMENT, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    started.append(process)
    return process

  yield start
  for process in started:
    process.kill()
    process.stdout.close()
    process.wait()


def _wait_for_epochs(run_dir, count, process):
  journal, end = run_dir / "journal.jsonl", time.monotonic() + 120
  while not journal.exists() or journal.read_text().count(EPOCH) < count:
    assert process.poll() is None, process.stdout.read()
    assert time.monotonic() < end, "the search came to nothing"
    time.sleep(0.005)


def _children(pid):
  path = Path(f"/proc/{pid}/task/{pid}/children")
  return [int(child) for child in path.read_text().split()]


def _wait_until_gone(pids):
  end = time.monotonic() + 60
  while any(Path(f"/proc/{pid}").exists() for pid in pids):
    assert time.monotonic() < end, f"still there: {pids}"
    time.sleep(0.01)


def _found(run_dir):
  """What has to be the same in every run of a search."""
  result = json.loads((run_dir / "result.json").read_text())
  assert not list(run_dir.rglob(".*")), "something half written is left"
  assert not (run_dir / "search.lock").exists()
  return {
    **{key: result[key] for key in ("groups", "champions", "unverified")},
    "histories": {
      path.parent.name: path.read_text()
      for path in run_dir.glob("candidates/*/history.csv")
    },
    "checkpoints": sorted(
      path.parent.name for path in run_dir.glob("candidates/*/checkpoint.npz")
    ),
  }


def _trained(run_dir):
  """(candidate, epoch) of all epochs that were trained."""
  lines = (run_dir / "journal.jsonl").read_text().splitlines()
  events = [json.loads(line) for line in lines]
  return [(e["name"], e["epoch"]) for e in events if e["event"] == "epoch"]


@pytest.fixture(scope="module", autouse=True)
def data(tmp_path_factory):
  """A data set of a few images; read in no time."""
  global FLAGS
  path = tmp_path_factory.mktemp("data") / "few.npz"
  images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
  np.savez(path, x=images, y=np.arange(60) % 2)
  FLAGS = (f"--data=npz:{path}", *FLAGS)
  return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
  """What the search comes to, as `_found` has it."""
  run_dir = tmp_path_factory.mktemp("undisturbed") / "run"
  _ended(_run(*FLAGS, f"--run_dir={run_dir}"))
  trained = _trained(run_dir)
  # Four for four epochs, two for four, one to the end: once each.
  assert len(trained) == len(set(trained)) == 4 * 4 + 2 * 4 + 22
  return _found(run_dir)


@pytest.fixture
def killed(tmp_path, start):
  """The run folder of a search that was killed in its second round."""
  run_dir = tmp_path / "run"
  process = start(*FLAGS, f"--run_dir={run_dir}", at=20)
  _wait_for_epochs(run_dir, 20, process)
  workers = _children(process.pid)
  process.kill()
  process.wait()
  _wait_until_gone(workers)
  return run_dir


def test_killed_it_goes_on_where_it_was(undisturbed, killed):
  """No epoch is trained again, not even one of the round that was cut."""
  done = _ended(_run(*FLAGS, f"--run_dir={killed}"))
  assert re.search(r"resumes after \d+ epochs", done.stdout)
  assert _found(killed) == undisturbed
  trained = _trained(killed)
  assert len(trained) == len(set(trained))


def test_flipped_byte_in_the_journal(undisturbed, killed):
  """An outcome that is lost comes out of the checkpoints again."""
  journal = killed / "journal.jsonl"
  lines = journal.read_bytes().splitlines(keepends=True)
  number = next(n for n, ln in enumerate(lines) if b'"trained"' in ln)
  lines[number] = lines[number].replace(b"trained", b"tr!ined")
  journal.write_bytes(b"".join(lines))
  done = _ended(_run(*FLAGS, f"--run_dir={killed}"))
  assert f"{journal}: line {number + 1} is damaged; what is" in done.stdout
  assert _found(killed) == undisturbed


def test_last_line_of_the_journal_cut(undisturbed, killed):
  journal = killed / "journal.jsonl"
  journal.write_bytes(journal.read_bytes()[:-30])
  done = _ended(_run(*FLAGS, f"--run_dir={killed}"))
  assert "damaged" not in done.stdout
  assert _found(killed) == undisturbed


@pytest.mark.parametrize("both", [False, True])
def test_checkpoints_truncated(undisturbed, killed, both):
  last = list(killed.glob("candidates/*/checkpoint.npz"))
  before = list(killed.glob("candidates/*/checkpoint.previous.npz"))
  for path in last + before * both:
    path.write_bytes(path.read_bytes()[:-1000])
  done = _ended(_run(*FLAGS, f"--run_dir={killed}"))
  told = [path for path in last if f"{path}: damaged" in done.stdout]
  assert told
  assert ("trained anew" if both else "the one before it") in done.stdout
  assert _found(killed) == undisturbed
  # Trained again is what the damaged ones held beyond those before them.
  again = len(_trained(killed)) - len(set(_trained(killed)))
  assert again > len(told) if both else again <= len(told)


def test_killed_worker_costs_nothing_but_time(
  undisturbed, tmp_path, start, hold
):
  run_dir = tmp_path / "run"
  process = start(*FLAGS, f"--run_dir={run_dir}", at=2)
  _wait_for_epochs(run_dir, 2, process)
  os.kill(_children(process.pid)[0], signal.SIGKILL)
  hold.unlink()
  out, _ = process.communicate(timeout=120)
  assert process.returncode == 0, out
  assert _found(run_dir) == undisturbed
  trained = _trained(run_dir)
  assert len(trained) == len(set(trained))


@pytest.mark.parametrize(
  "how, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_interrupted_it_says_how_to_go_on(
  undisturbed, tmp_path, start, how, code
):
  run_dir = tmp_path / "a run"
  process = start(*FLAGS, f"--run_dir={run_dir}", at=5)
  _wait_for_epochs(run_dir, 5, process)
  workers = _children(process.pid)
  assert workers
  process.send_signal(how)
  out, _ = process.communicate(timeout=60)
  assert process.returncode == code
  _wait_until_gone(workers)
  assert (
    not list(run_dir.rglob(".*")) and not (run_dir / "search.lock").exists()
  )
  assert "Traceback" not in out
  said, command = out.strip().splitlines()[-1].split(": ", 1)
  assert said == "interrupted; to continue from the last epoch"
  python, *module, flagfile, place = shlex.split(command)
  assert [python, *module] == ["python", "-m", "elite_tf.search"]
  _ended(_run(flagfile, place))
  assert _found(run_dir) == undisturbed


def test_two_at_once(undisturbed, tmp_path, start, hold):
  run_dir = tmp_path / "run"
  first = start(*FLAGS, f"--run_dir={run_dir}", at=2)
  _wait_for_epochs(run_dir, 2, first)
  second = _run(*FLAGS, f"--run_dir={run_dir}")
  hold.unlink()
  assert second.returncode == 1
  (line,) = second.stderr.strip().splitlines()
  assert line.startswith(
    f"error: --run_dir={run_dir} is in use by process {first.pid} on "
  )
  out, _ = first.communicate(timeout=120)
  assert first.returncode == 0, out
  assert _found(run_dir) == undisturbed


def test_hidden_files_of_others_are_left_alone(killed):
  (killed / ".gitignore").write_text("*")
  (killed / "candidates" / ".checkpoint.npz.123").write_text("half")
  _ended(_run(*FLAGS, f"--run_dir={killed}"))
  assert [path.name for path in killed.rglob(".*")] == [".gitignore"]


def test_kept_checkpoints(tmp_path):
  run_dir = tmp_path / "run"
  _ended(_run(*FLAGS, "--keep_checkpoints", f"--run_dir={run_dir}"))
  assert len(list(run_dir.glob("candidates/*/checkpoint.npz"))) == 4


@pytest.fixture
def small_disk(tmp_path):
  """A file system of 200 MiB, of which the plan asks for less."""
  place = tmp_path / "small"
  place.mkdir()
  made = os.geteuid() == 0 and not subprocess.run(
      ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", place],
      capture_output=True, check=False,
  ).returncode  # fmt: skip
  if not made:
    pytest.skip("no file system can be mounted here")
  yield place
  subprocess.run(["umount", "--lazy", place], check=True)


def test_disk_filled(undisturbed, small_disk, start, hold):
  run_dir, filler = small_disk / "run", small_disk / "filler"
  process = start(*FLAGS, f"--run_dir={run_dir}", at=3)
  _wait_for_epochs(run_dir, 3, process)
  with contextlib.suppress(OSError), open(filler, "wb", 0) as file:
    while True:
      file.write(bytes(1 << 16))
  hold.unlink()
  out, _ = process.communicate(timeout=120)
  assert process.returncode == 1
  assert "Traceback" not in out
  last = out.strip().splitlines()[-1]
  assert last.startswith("error: ") and "No space left on device" in last
  filler.unlink()
  _ended(_run(*FLAGS, f"--run_dir={run_dir}"))
  assert _found(run_dir) == undisturbed
  trained = _trained(run_dir)
  assert len(trained) == len(set(trained))


def test_killed_at_any_moment(data):
  """The harness of tools/, with fewer kills and without TensorFlow."""
  done = subprocess.run(
      [sys.executable, str(HOME / "tools" / "kill_search.py"), "--kills=4",
       f"--program={PROGRAM}", f"--data=npz:{data}"],
      env=ENVIRONMENT, capture_output=True, text=True, timeout=240, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stdout + done.stderr
  found = json.loads(done.stdout)
  assert found["kills"] == 4 and found["ends"] >= 1
  assert found["equal"] and found["trained_twice"] == []


SLOW_TO_END = """
import sys, time
from elite_tf.system.cli import run
def main():
  try:
    print("begun", flush=True)
    time.sleep(60)
  finally:
    print("ends", flush=True)
    time.sleep(60)
run(main, lambda: "how to go on")
"""


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interrupt_ends_at_once(first):
  with subprocess.Popen(
      [sys.executable, "-c", SLOW_TO_END], env=ENVIRONMENT,
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
  ) as process:  # fmt: skip
    assert process.stdout.readline() == "begun\n"
    process.send_signal(first)
    assert process.stdout.readline() == "ends\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert process.stderr.read() == ""


def _events(run_dir, kind):
  lines = (run_dir / "journal.jsonl").read_text().splitlines()
  return [e for e in map(json.loads, lines) if e["event"] == kind]


def test_export_that_failed_is_tried_again_by_the_same_command(
  undisturbed, tmp_path, monkeypatch
):
  """The first session leaves the model and its figures."""
  monkeypatch.setitem(ENVIRONMENT, "SEARCH_FAULT", "export")
  run_dir = tmp_path / "run"
  first = _run(*FLAGS, f"--run_dir={run_dir}")
  assert first.returncode == 1
  (line,) = [n for n in first.stderr.splitlines() if n.startswith("error: ")]
  assert "the first export fails" in line and "the same command" in line
  result = json.loads((run_dir / "result.json").read_text())
  (champion,) = result["champions"]
  assert list(result["unverified"]) == [champion["name"]]
  assert champion["tflite_bytes"] is None
  assert (run_dir / "champions" / champion["name"] / "model.keras").exists()
  done = _ended(_run(*FLAGS, f"--run_dir={run_dir}"))
  assert "ended already" not in done.stdout
  assert _found(run_dir) == undisturbed
  assert len(_trained(run_dir)) == 4 * 4 + 2 * 4 + 22, "trained again"


def test_champion_too_large_is_replaced_and_the_search_resumed(
  tmp_path, monkeypatch
):
  """It is rejected again when the journal is played again."""
  monkeypatch.setitem(ENVIRONMENT, "SEARCH_FAULT", "size:4")
  run_dir = tmp_path / "run"
  flags = (*FLAGS, "--quantize=int8", "--flash=10MB", f"--run_dir={run_dir}")
  done = _ended(_run(*flags))
  told = re.findall(
    r"champion (\S+) does not fit: (\d+) bytes of flash.*; (\S+) takes its",
    done.stdout,
  )
  found = _found(run_dir)
  (group,) = found["groups"]
  assert group["champion"].endswith("-r10") and len(group["rejected"]) >= 1
  assert [name for name, *_ in told] == list(group["rejected"])
  assert told[-1][2] == group["champion"]
  exported = len(_events(run_dir, "champion"))
  assert exported == 1 + len(group["rejected"])
  (run_dir / "result.json").unlink()  # Killed before it was written.
  _ended(_run(*flags))
  assert _found(run_dir) == found
  assert len(_events(run_dir, "champion")) == exported, "exported again"


def test_what_was_lost_of_an_ended_search_is_made_again(undisturbed, tmp_path):
  """Files of champions and tables of epochs, without training."""
  run_dir = tmp_path / "run"
  _ended(_run(*FLAGS, f"--run_dir={run_dir}"))
  (model,) = run_dir.glob("champions/*/model.keras")
  model.unlink()
  tables = list(run_dir.glob("candidates/*/history.csv"))
  tables[0].unlink()
  done = _ended(_run(*FLAGS, f"--run_dir={run_dir}"))
  assert f"{model.parent}/" in done.stdout and "is missing" in done.stdout
  assert model.exists() and _found(run_dir) == undisturbed
  assert len(_trained(run_dir)) == 4 * 4 + 2 * 4 + 22
