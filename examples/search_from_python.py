"""A small search from Python: two networks of one group, two epochs."""

import sys
from pathlib import Path

import elite_tf

run_dir = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/from-python")

result = elite_tf.run_search(
  data="digits",
  pool="lite",
  levels=6,
  include=["lite-w6-d6-r10", "lite-w6-d6-r7"],
  group_size=2,
  round_epochs=1,
  epochs=2,  # Enough to see that it works, not to be accurate.
  run_dir=run_dir,
)
for champion in result["champions"]:
  print(
    f"{champion['name']}: {champion['params']:,} parameters,"
    f" {champion['tflite_bytes']:,} bytes of flash,"
    f" {champion['arena_bytes']:,} bytes of arena,"
    f" int8 accuracy {100 * champion['test_accuracy_int8']:.1f} %"
  )
  print(f"files in {run_dir / 'champions' / champion['name']}")
