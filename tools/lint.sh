#!/usr/bin/env bash
# Lints the code and the scripts, and checks that the wheel holds what it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
.venv/bin/python -m ruff check --quiet elite_tf tests tools examples
for script in tools/*.sh .ci/run; do
  bash -n "$script"
done
wheel=$(mktemp -d)
trap 'rm -rf "$wheel"' EXIT
.venv/bin/python -m build --wheel --outdir "$wheel" . >"$wheel/log" 2>&1 ||
  { cat "$wheel/log" >&2; exit 1; }
# Every module and data file of the package is in the wheel, and so are the C
# files of the firmware, which a link in the package leads to.
.venv/bin/python - "$wheel" <<'PYTHON'
import pathlib, subprocess, sys, zipfile
wheel, = pathlib.Path(sys.argv[1]).glob("*.whl")
packed = set(zipfile.ZipFile(wheel).namelist())
listed = subprocess.run(["git", "ls-files", "elite_tf", "tflite"],
                        capture_output=True, text=True, check=True).stdout
kept = {f"elite_tf/firmware/{name}" if name.startswith("tflite/") else name
        for name in listed.split()} - {"elite_tf/firmware/tflite"}
missing = sorted(kept - packed)
sys.exit(f"error: not in the wheel: {missing}" if missing else 0)
PYTHON
