"""Checks the result of the quick search on `digits`.

    python -m elite_tf.search --preset=quick --format=json > result.json
    python tools/check_result.py result.json

The int8 test accuracy of the best champion must be at least 97 %, and at most one
point below its accuracy in float. Prints both; the exit code is 1 if not.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from elite_tf.runs.results import Result

LEAST = 0.97
DROP = 0.01


def main(path: str) -> int:
  """Checks the result in a file; returns the exit code."""
  champions = Result.read(Path(path)).champions
  best = max(champions, key=lambda champion: champion.test_accuracy_int8)
  int8, real = best.test_accuracy_int8, best.test_accuracy_float
  print(f"{best.name}: int8 {int8:.4f}, float {real:.4f}")
  return int(int8 < LEAST or real - int8 > DROP)


if __name__ == "__main__":
  sys.exit(main(sys.argv[1]))
