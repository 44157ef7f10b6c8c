#!/usr/bin/env bash
# Lints the code and the scripts, and checks that the wheel has all its files.
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
# The wheel must have every module and data file of the package, and the C files
# of the firmware.
.venv/bin/python - "$wheel" <<'PYTHON'
import pathlib, subprocess, sys, zipfile
wheel, = pathlib.Path(sys.argv[1]).glob("*.whl")
packed = {name.partition(".data/data/share/elite_tf/")[2] or name
          for name in zipfile.ZipFile(wheel).namelist()}
kept = subprocess.run(["git", "ls-files", "elite_tf", "tflite/*/*"],
                      capture_output=True, text=True, check=True).stdout.split()
missing = sorted(set(kept) - packed)
sys.exit(f"error: not in the wheel: {missing}" if missing else 0)
PYTHON
