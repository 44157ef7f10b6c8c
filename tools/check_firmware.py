"""Checks that the firmware of champions computes the same as this computer.

    tools/check_firmware.py runs/mine runs/another [--images=40]
    tools/check_firmware.py network.tflite --data=digits --targets c-host

Each argument is the folder of a finished search, which stands for its champions,
or a .tflite file. For each network and each target that runs here, the firmware
is generated, compiled and run on 32 test images, 32 random inputs and `--images`
images through the preprocessing in C. Its outputs are compared with TensorFlow
Lite Micro's to the last byte. Takes about 15 seconds per network and target.

Prints a line for each of them, and one JSON list at the end. The exit code is 1
if a byte differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = ("c-host", "c-mps2-an386", "c-mps2-an500", "c-mps3-an547")


def networks(path: str, data: str) -> list[list[str]]:
  """Returns the flags that name each network."""
  if not Path(path).is_dir():
    return [[f"--model={path}", f"--data={data}"]]
  champions = sorted(Path(path, "champions").iterdir())
  flags = [f"--data={data}"] if data else []
  return [
    [f"--run_dir={path}", f"--champion={folder.name}", *flags]
    for folder in champions
  ]


def deploy(source: list[str], target: str, images: int) -> dict:
  """Returns the figures of a network's firmware on a target."""
  with tempfile.TemporaryDirectory(prefix="elite_tf-check-") as folder:
    done = subprocess.run(
        [sys.executable, "-m", "elite_tf.deploy", *source, "--run",
         f"--target={target}", f"--images={images}", "--format=json",
         f"--out={folder}/firmware"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
  figures = json.loads(done.stdout) if done.stdout else {}
  figures.pop("layers", None)
  return {
    "network": " ".join(source),
    "target": target,
    "ok": done.returncode == 0,
    "error": done.stderr.strip().rpartition("\n")[2] * bool(done.returncode),
    **figures,
  }


def main() -> int:
  """Checks every network on every target; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("paths", nargs="+")
  parser.add_argument("--data", default="", help="as in elite_tf.search")
  parser.add_argument("--images", type=int, default=40)
  parser.add_argument("--targets", nargs="+", default=TARGETS)
  options = parser.parse_args()
  rows = []
  for path in options.paths:
    for source in networks(path, options.data):
      for target in options.targets:
        rows.append(deploy(source, target, options.images))
        print(
            " ".join(f"{key}={value}" for key, value in rows[-1].items()),
            file=sys.stderr, flush=True,
        )  # fmt: skip
  print(json.dumps(rows, indent=2))
  return int(not all(row["ok"] for row in rows))


if __name__ == "__main__":
  sys.exit(main())
