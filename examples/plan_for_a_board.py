"""Which networks fit a board? Planned in a second, without TensorFlow."""

import elite_tf

plan = elite_tf.plan(data="digits", pool="lite", levels=6, board="nano33ble")

fitting = [c for c in plan["candidates"] if c["fits"]]
print(f"{len(fitting)} of {len(plan['candidates'])} candidates fit")
for candidate in fitting[:5]:  # The heaviest group first.
  print(
    f"group {candidate['group']}: {candidate['name']},"
    f" flash {candidate['flash_bytes'] / 1024:.0f} KiB,"
    f" arena {candidate['sram_bytes'] / 1024:.0f} KiB,"
    f" about {1000 * candidate['estimated_seconds']:.0f} ms"
  )
