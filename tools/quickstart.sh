#!/usr/bin/env bash
# From a fresh clone to the champions of a search on real images: makes the
# virtual environment if there is none and runs the main job on `digits`.
# Further flags of elite_tf.search are passed on.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
exec .venv/bin/python -m elite_tf.search --preset=quick "$@"
