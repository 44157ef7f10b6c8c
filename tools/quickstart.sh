#!/usr/bin/env bash
# From a fresh clone to the champions of a search on real images: makes the
# virtual environment if there is none, and runs a quick search on `digits`.
# Other flags are passed to elite_tf.search.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
exec .venv/bin/python -m elite_tf.search --preset=quick "$@"
