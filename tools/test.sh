#!/usr/bin/env bash
# Runs the tests on all cores, after the set-up if it is needed.
# Other arguments are passed to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
# In the order of tests/conftest.py, which begins with the longest files.
exec .venv/bin/python -m pytest --numprocesses=auto --dist=loadfile \
  --no-loadscope-reorder "$@"
