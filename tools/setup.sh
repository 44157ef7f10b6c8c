#!/usr/bin/env bash
# Makes the virtual environment .venv with the tested versions of all packages.
# Does nothing if setup.cfg and the constraints have not changed since then.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/installed
wanted=$(cat setup.cfg tools/constraints.txt | sha256sum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
  exit 0
fi

python=$(command -v python3.11 || command -v python3 || true)
if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "error: Python 3.11 or newer is needed. Received: ${python:-none}" >&2
  exit 1
fi
echo "Installing into .venv (some minutes, 2 GB) ..." >&2
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
  --constraint tools/constraints.txt --editable '.[dev]'
echo "$wanted" > "$stamp"
