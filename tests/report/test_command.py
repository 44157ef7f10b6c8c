"""python -m elite_tf.report as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[2]


def _run(*flags):
  return subprocess.run(
    [sys.executable, "-m", "elite_tf.report", *flags],
    cwd=HOME,
    env={**os.environ, "PYTHONPATH": str(HOME)},
    capture_output=True,
    text=True,
    timeout=120,
    check=False,
  )


def test_it_writes_the_page_and_says_where(make_run):
  folder = make_run()
  done = _run(f"--run_dir={folder.path}", "--format=json")
  assert (done.returncode, done.stderr) == (0, "")
  page = folder.path / "report.html"
  assert json.loads(done.stdout) == {
    "page": str(page),
    "state": "finished",
    "champions": 2,
    "bytes": page.stat().st_size,
  }


def test_no_search_is_one_line(tmp_path):
  done = _run(f"--run_dir={tmp_path}")
  assert done.returncode == 1
  assert done.stderr == f"error: --run_dir={tmp_path} holds no search\n"
  assert _run().stderr.startswith("error: --run_dir must name")
