#!/usr/bin/env bash
# Formats the code; with --check only says what would change.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
.venv/bin/python -m isort --quiet "${@/#--check/--check-only}" elite_tf tests tools
.venv/bin/python -m pyink --quiet --pyink-indentation=2 --line-length=80 "$@" \
  elite_tf tests tools
