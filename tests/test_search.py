"""The main job as a person runs it: real images, real processes."""

import csv
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from elite_tf.data import preprocess, sources
from elite_tf.hardware.board_list import describe_boards
from elite_tf.runs.settings import FIELDS, PRESETS

HOME = Path(__file__).parents[1]
SEARCH = (sys.executable, "-m", "elite_tf.search")

# Four of the smallest networks in one group: two rounds and the champion.
SMALL = (
  "--include=elite-w4-d4-*",
  "--group_size=4",
  "--round_epochs=1",
  "--epochs=3",
  "--calibration_images=64",
)


def _run(*flags, cwd=HOME, timeout=300):
  return subprocess.run(
    [*SEARCH, *flags],
    cwd=cwd,
    env={**os.environ, "PYTHONPATH": str(HOME)},
    capture_output=True,
    text=True,
    timeout=timeout,
    check=False,
  )


def _start(*flags, log):
  return subprocess.Popen(
    [*SEARCH, *flags],
    cwd=HOME,
    env={**os.environ, "PYTHONPATH": str(HOME)},
    stdout=log,
    stderr=subprocess.STDOUT,
    start_new_session=True,
  )


def _events(run_dir, kind):
  path = run_dir / "journal.jsonl"
  if not path.exists():
    return []
  lines = path.read_text().splitlines()
  return [e for e in map(json.loads, lines) if e["event"] == kind]


def _wait_for(condition, process, seconds=200):
  end = time.monotonic() + seconds
  while not condition():
    assert process.poll() is None, "the search ended too soon"
    assert time.monotonic() < end, "the search came to nothing"
    time.sleep(0.05)


def _children(pid):
  found = []
  for stat in Path("/proc").glob("[0-9]*/stat"):
    try:
      fields = stat.read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
      continue
    if int(fields[1]) == pid:
      found.append(int(stat.parent.name))
  return found


def _without_times(result):
  """Returns what has to be the same in every run of a search."""
  keys = ("name", "val_accuracy", "test_accuracy_float", "test_accuracy_int8")
  return {
    "groups": result["groups"],
    "champions": [{k: c[k] for k in keys} for c in result["champions"]],
  }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  run_dir = tmp_path_factory.mktemp("search") / "run"
  done = _run(*SMALL, f"--run_dir={run_dir}", "--format=json")
  assert done.returncode == 0, done.stderr
  return run_dir, json.loads(done.stdout), done.stderr


def test_result_is_what_the_command_prints(finished):
  run_dir, result, _ = finished
  assert json.loads((run_dir / "result.json").read_text()) == result


def test_stderr_holds_the_log_and_nothing_else(finished):
  """No library prints there, in this process or in a worker."""
  lines = finished[2].splitlines()
  assert len(lines) > 8
  assert all(re.match(r"\[ *\d+ (s|min)\] ", line) for line in lines)


def test_rounds_halve_the_group_by_mean_accuracy(finished):
  run_dir, result, _ = finished
  (group,) = result["groups"]
  assert [len(r["scores"]) for r in group["rounds"]] == [4, 2]
  assert result["candidate_epochs"] == 4 + 2 + 1
  for played in group["rounds"]:
    for name, score in played["scores"].items():
      with open(run_dir / f"candidates/{name}/history.csv") as file:
        rows = list(csv.DictReader(file))[: played["round"]]
      accuracies = [float(row["val_accuracy"]) for row in rows]
      assert score == pytest.approx(sum(accuracies) / len(accuracies))
    left = set(played["scores"]) - set(played["eliminated"])
    worst = max(played["scores"][name] for name in played["eliminated"])
    assert min(played["scores"][name] for name in left) >= worst
  assert group["champion"] in left


def test_champion_is_an_int8_network_that_keras_agrees_with(finished):
  # The deployed file against the Keras model, by TensorFlow Lite itself.
  import keras
  import tensorflow as tf

  run_dir, result, _ = finished
  (champion,) = result["champions"]
  folder = run_dir / "champions" / champion["name"]
  assert sorted(path.name for path in folder.iterdir()) == [
    "README.md",
    "labels.txt",
    "metrics.json",
    "model.keras",
    "model_float.tflite",
    "model_int8.tflite",
    "predictions.npz",
  ]
  assert [str(run_dir / name) for name in champion["files"]] == sorted(
    map(str, folder.iterdir())
  )
  assert (
    champion["tflite_bytes"] == (folder / "model_int8.tflite").stat().st_size
  )
  model = keras.saving.load_model(folder / "model.keras")
  assert model.count_params() == champion["params"]
  test = sources.load("digits").test
  inputs = preprocess.preprocess(test.images, model.input_shape[1])
  right = model.predict(inputs, verbose=0).argmax(-1) == test.labels
  assert champion["test_accuracy_float"] == pytest.approx(right.mean())
  with pytest.warns(UserWarning, match="tf.lite.Interpreter"):
    interpreter = tf.lite.Interpreter(str(folder / "model_int8.tflite"))
  interpreter.allocate_tensors()
  assert interpreter.get_input_details()[0]["dtype"] == np.int8
  assert interpreter.get_output_details()[0]["dtype"] == np.int8


def test_metrics_tell_that_the_board_computes_the_same(finished):
  run_dir, result, _ = finished
  (champion,) = result["champions"]
  path = run_dir / "champions" / champion["name"] / "metrics.json"
  metrics = json.loads(path.read_text())
  int8 = metrics["conversions"]["int8"]
  assert int8["equal"] and int8["images"] == metrics["test_images"] == 355
  assert int8["accuracy"] == champion["test_accuracy_int8"]
  assert int8["arena_bytes"] == champion["arena_bytes"] > 0


def test_answers_kept_are_those_that_were_measured(finished):
  """All 355, by the deployed network; the accuracy comes out of them."""
  run_dir, result, _ = finished
  (champion,) = result["champions"]
  folder = run_dir / "champions" / champion["name"]
  with np.load(folder / "predictions.npz", allow_pickle=False) as kept:
    right = kept["answers"] == kept["labels"]
    assert (
      kept["labels"].tolist() == sources.load("digits").test.labels.tolist()
    )
    assert right.mean() == champion["test_accuracy_int8"]
    assert not right[kept["mistakes"]].any()
    # Of int8's softmax: 256 steps.
    assert (kept["probabilities"] * 256 % 1 == 0).all()
    assert len(kept["images"]) == min(12, (~right).sum())


def test_a_page_and_a_model_card_are_written(finished):
  run_dir, result, log = finished
  page = (run_dir / "report.html").read_text("utf-8")
  assert "finished" in page and "was not written" not in log
  for champion in result["champions"]:
    card = run_dir / "champions" / champion["name"] / "README.md"
    assert card.read_text("utf-8").startswith("---\nlibrary_name: keras\n")
    assert f"{100 * champion['test_accuracy_int8']:.2f} %" in card.read_text()
    assert champion["name"] in page


def test_what_training_and_evaluation_see_is_recorded(finished):
  """Digits of 8 x 8 pixels are as they are."""
  run_dir, result, _ = finished
  config = json.loads((run_dir / "config.json").read_text())
  assert config["settings"]["augment"] == "none"
  (champion,) = result["champions"]
  path = run_dir / "champions" / champion["name"] / "metrics.json"
  said = json.loads(path.read_text())["preprocessing"]
  size = int(champion["name"].rpartition("-r")[2])
  assert (said["resolution"], said["crop"]) == (size, False)


def test_checkpoints_of_the_eliminated_are_removed(finished):
  run_dir, result, _ = finished
  left = [
    path.parent.name for path in run_dir.glob("candidates/*/checkpoint.npz")
  ]
  assert left == [champion["name"] for champion in result["champions"]]


def test_nothing_half_written_is_left(finished):
  run_dir, _, _ = finished
  assert not list(run_dir.rglob(".*"))


def test_ray_comes_to_the_same_result(finished, tmp_path, monkeypatch):
  """To the last bit: with one core a candidate, as the local workers have."""
  pytest.importorskip("ray", reason="Ray is not installed: elite-tf[ray]")
  if len(os.sched_getaffinity(0)) > 4:
    pytest.skip("local workers have more than one thread")
  monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
  _, result, _ = finished
  run_dir = tmp_path / "run"
  done = _run(*SMALL, "--runner=ray", f"--run_dir={run_dir}", "--format=json")
  assert done.returncode == 0, done.stderr
  assert _without_times(json.loads(done.stdout)) == _without_times(result)


def test_the_same_command_says_that_it_has_ended(finished):
  run_dir, result, _ = finished
  before = (run_dir / "journal.jsonl").read_bytes()
  done = _run(*SMALL, f"--run_dir={run_dir}", "--format=json")
  assert done.returncode == 0
  assert "ended already" in done.stderr
  assert json.loads(done.stdout) == result
  assert (run_dir / "journal.jsonl").read_bytes() == before


def test_the_flagfile_is_the_same_search(finished):
  run_dir, result, _ = finished
  done = _run(f"--flagfile={run_dir}/search.flags", "--format=json")
  assert done.returncode == 0, done.stderr
  assert json.loads(done.stdout) == result


PYTHON = """
import json, sys
from pathlib import Path
import numpy as np
import elite_tf
result = elite_tf.run_search(
    include=["elite-w4-d4-*"], group_size=np.int64(4), round_epochs=np.int8(1),
    epochs=np.uint16(3), calibration_images=64, run_dir=Path(sys.argv[1]),
    **json.loads(sys.argv[2]),
)
print(json.dumps(result))
"""


@pytest.mark.parametrize(
  ("given", "shown"), [({}, True), ({"progress": False}, False)]
)
def test_python_runs_the_same_search(finished, given, shown):
  """With NumPy's numbers, a path and a list; it shows what it does, or not."""
  run_dir, result, _ = finished
  done = subprocess.run(
    [sys.executable, "-c", PYTHON, str(run_dir), json.dumps(given)],
    env={**os.environ, "PYTHONPATH": str(HOME)},
    capture_output=True,
    text=True,
    timeout=200,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  assert json.loads(done.stdout) == result
  assert ("ended already" in done.stderr) == shown
  assert shown or done.stderr == ""


def test_other_settings_are_refused_and_nothing_is_changed(finished):
  run_dir, _, _ = finished
  before = {p: p.stat().st_mtime_ns for p in run_dir.rglob("*") if p.is_file()}
  done = _run(*SMALL, "--seed=1", f"--run_dir={run_dir}")
  assert done.returncode == 1
  assert "--seed is 0 there, 1 here" in done.stderr
  assert before == {
    p: p.stat().st_mtime_ns for p in run_dir.rglob("*") if p.is_file()
  }


def test_text_output_fits_a_terminal(finished):
  run_dir, result, _ = finished
  done = _run(*SMALL, f"--run_dir={run_dir}")
  table = [line for line in done.stdout.splitlines() if "elite-w4" in line]
  (champion,) = result["champions"]
  assert len(table) == 1 and len(table[0]) <= 80
  assert champion["name"] in table[0]
  assert f"{100 * champion['test_accuracy_int8']:.2f}" in table[0]


def test_killed_in_the_second_round_it_ends_as_if_undisturbed(
  finished, tmp_path
):
  _, undisturbed, _ = finished
  run_dir = tmp_path / "run"
  flags = (*SMALL, f"--run_dir={run_dir}", "--format=json")
  with open(tmp_path / "log", "w") as log:
    process = _start(*flags, log=log)
    # Four are of the first round. Two workers may end theirs in one moment.
    _wait_for(lambda: len(_events(run_dir, "trained")) >= 5, process)
    workers = _children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
  assert len(workers) >= 1
  _wait_until_gone(workers)
  before = _events(run_dir, "trained")
  done = _run(*flags)
  assert done.returncode == 0, done.stderr
  assert _without_times(json.loads(done.stdout)) == _without_times(undisturbed)
  trained = _events(run_dir, "trained")
  assert trained[: len(before)] == before
  rounds = [(event["name"], event["start"]) for event in trained]
  assert len(rounds) == len(set(rounds)) == 7, "a round was trained again"


def _wait_until_gone(pids, seconds=20):
  end = time.monotonic() + seconds
  while any(Path(f"/proc/{pid}").exists() for pid in pids):
    assert time.monotonic() < end, f"still there: {pids}"
    time.sleep(0.05)


def test_a_group_that_fails_as_a_whole_ends_with_an_error(tmp_path):
  # Images of one value leave nothing to normalize: with labels drawn at random
  # and weights that overflow, nothing but NaN can come of a training.
  path = tmp_path / "broken.npz"
  images = np.zeros((60, 8, 8), np.uint8)
  np.savez(path, x=images, y=np.arange(60) % 2)
  code = (
    "import sys, elite_tf.training.recipe as r;"
    "r.learning_rate = lambda *a: float('nan');"
    "import elite_tf.engine.runners.worker as w; w.main(sys.argv[1:])"
  )
  script = (
    "import sys; from elite_tf.system import processes; start = processes.start;"
    f"processes.start = lambda *a, **o: start('-c', {code!r}, *a[2:], **o);"
    "import elite_tf.search as s; sys.exit(s.console())"
  )
  run_dir = tmp_path / "run"
  done = subprocess.run(
      [sys.executable, "-c", script, f"--data=npz:{path}", *SMALL,
       "--include=elite-w4-d4-r16,elite-w4-d4-r15", f"--run_dir={run_dir}"],
      env={**os.environ, "PYTHONPATH": str(HOME)},
      capture_output=True, text=True, timeout=200, check=False,
  )  # fmt: skip
  assert done.returncode == 1
  assert "error: every candidate failed in group 1" in done.stderr
  assert "Traceback" not in done.stderr
  result = json.loads((run_dir / "result.json").read_text())
  (group,) = result["groups"]
  assert group["champion"] is None
  assert all("nan" in reason for reason in group["failures"].values())


BAD = [
  ("--pool=resnet", ["--pool", "elite, hf", "resnet"]),
  ("--data=mnist", ["--data", "digits", "idx:DIR", "npz:FILE", "mnist"]),
  ("--criterion=luck", ["--criterion", "average, best", "luck"]),
  ("--preset=fast", ["--preset", "quick", "fast"]),
  ("--quantize=int4", ["--quantize", "int8", "int4"]),
  ("--runner=cloud", ["--runner", "local", "cloud"]),
  ("--data=idx:/nonexistent", ["/nonexistent"]),
  ("--data=npz:/nonexistent.npz", ["/nonexistent.npz"]),
  ("--include=elite-w9*", ["--include", "elite-w9*"]),
  ("--levels=0", ["--levels", "0"]),
  ("--levels=-1", ["--levels", "-1"]),
  ("--group_size=0", ["--group_size", "0"]),
  ("--round_epochs=0", ["--round_epochs", "0"]),
  ("--epochs=-5", ["--epochs", "-5"]),
  ("--epochs=5", ["--epochs", "30", "5"]),
  ("--epochs=many", ["epochs", "many"]),
  ("--batch_size=1", ["--batch_size", "1"]),
  ("--calibration_images=0", ["--calibration_images", "0"]),
  ("--base_resolution=-32", ["--base_resolution", "-32"]),
  ("--base_resolution=3", ["--base_resolution", "3"]),
  ("--workers=-1", ["--workers", "-1"]),
  ("--seed=-1", ["--seed", "-1"]),
  ("--run_dir=/dev/null/run", ["--run_dir", "/dev/null/run"]),
  ("--run_dir=/etc", ["--run_dir", "/etc", "no search"]),
  ("--frmat=json", ["frmat"]),
  ("extra", ["extra"]),
]


@pytest.mark.parametrize("flag, named", BAD, ids=[flag for flag, _ in BAD])
def test_bad_input_is_one_clear_line(flag, named, tmp_path):
  done = _run(flag, cwd=tmp_path)
  assert done.returncode == 1
  assert done.stdout == ""
  (line,) = done.stderr.strip().splitlines()
  assert line.startswith("error: ")
  for part in named:
    assert part in line
  assert not list(tmp_path.iterdir()), "something was written"


def test_images_cut_short_are_found_before_anything_is_written(tmp_path):
  folder = tmp_path / "cut"
  folder.mkdir()
  for part, count in (("train", 40), ("t10k", 20)):
    # MNIST's format: type 8 (bytes), number of axes, their sizes.
    pixels = bytes([0, 0, 8, 3]) + struct.pack(">III", count, 8, 8)
    pixels += bytes(count * 64 - 1)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(pixels)
    labels = bytes([0, 0, 8, 1]) + struct.pack(">I", count)
    labels += bytes(i % 2 for i in range(count))
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)
  done = _run(f"--data=idx:{folder}", cwd=tmp_path)
  assert done.returncode == 1
  (line,) = done.stderr.strip().splitlines()
  assert line.startswith("error: ") and "images-idx3-ubyte" in line
  assert sorted(tmp_path.iterdir()) == [folder]


def test_hf_needs_a_power_of_two():
  done = _run("--pool=hf", "--base_resolution=48", "--dry_run")
  assert done.returncode == 1
  assert "--base_resolution" in done.stderr and "48" in done.stderr


def test_no_room_on_the_disk(tmp_path):
  if os.geteuid() != 0:
    pytest.skip("only root can make a small file system")
  place = tmp_path / "small"
  place.mkdir()
  made = subprocess.run(
      ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place],
      capture_output=True, check=False,
  )  # fmt: skip
  if made.returncode:
    pytest.skip("no file system can be mounted here")
  try:
    done = _run(*SMALL, f"--run_dir={place}/run")
    assert done.returncode == 1
    assert f"--run_dir={place}/run" in done.stderr and "MiB" in done.stderr
    assert not list(place.iterdir())
  finally:
    subprocess.run(["umount", place], check=True)


def test_help_documents_every_flag():
  done = _run("--helpshort")
  for flag in (*FIELDS, "dry_run", "format", "preset"):
    assert re.search(rf"^  --(\[no\])?{flag}:", done.stdout, re.MULTILINE), flag
  for name in PRESETS:
    assert name in done.stdout.partition("--preset:")[2].partition("--")[0]


def test_board_list_shows_the_boards(tmp_path):
  """Whatever else is given; nothing is written."""
  done = _run("--board=list", "--data=nothing", cwd=tmp_path)
  assert (done.returncode, done.stderr) == (0, "")
  assert done.stdout == describe_boards() + "\n"
  assert not list(tmp_path.iterdir())
