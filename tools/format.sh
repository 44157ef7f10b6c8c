#!/usr/bin/env bash
# Formats the code. With --check it only reports what would change.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
sort=(--select=I --fix)
[ "${1:-}" != --check ] || sort=(--select=I)
.venv/bin/python -m ruff check --quiet "${sort[@]}" elite_tf tests tools examples
.venv/bin/python -m ruff format --quiet "$@" elite_tf tests tools examples
