"""Measures time and memory of streaming a folder of pictures through the cache.

    .venv/bin/python tools/check_streaming.py DIR --resolution=32

Four steps, each in a process of its own: describes the folder, decodes it into a
new cache, loads it again, and reads every picture once in shuffled batches, as
in training. Prints one JSON object with the seconds and the peak memory of each
step. The exit code is 1 if a step needed more than --limit_mib.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = ("describe", "first_load", "second_load", "batches")


def step(name: str, folder: str, cache: str, resolution: int, batch: int):
  """Does one step in this process and returns its figures."""
  began = time.perf_counter()
  from elite_tf.data import sources

  spec, count = f"folder:{folder}", None
  store = sources.Store(Path(cache), resolution + 32)
  if name == "describe":
    count = sources.describe(spec, store).images
  else:
    data = sources.load(spec, 0, store)
    count = data.description.images
    if name == "batches":
      count = _read(data, resolution, batch, store.root)
  return {
    "seconds": round(time.perf_counter() - began, 2),
    "peak_mib": round(
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1
    ),
    "images": count,
  }


def _read(data, resolution: int, size: int, cache: Path) -> int:
  """Reads all parts in batches; returns the number of pictures."""
  import numpy as np

  from elite_tf.data.augment import choose_augmentation
  from elite_tf.data.batches import Batches

  count, augmentation = 0, choose_augmentation(data.description)
  threads = len(os.sched_getaffinity(0))
  for part in ("train", "val", "test"):
    split = getattr(data, part)
    batches = Batches(
      split,
      resolution,
      data.description.photographs,
      augmentation if part == "train" else "none",
      threads,
      cache=cache,
      part=part,
    )
    order = np.random.default_rng(0).permutation(len(split.labels))
    parts = [order[i : i + size] for i in range(0, len(order), size)]
    for images, labels in batches.read(parts, (0, 0)):
      assert images.shape == (len(labels), *batches.shape)
      count += len(images)
  return count


def _first(folder: Path, count: int, links: Path) -> Path:
  """Returns a folder of links to the first pictures of every class."""
  classes = sorted(path for path in folder.iterdir() if path.is_dir())
  if [path.name for path in classes] == ["train"]:
    classes = sorted(path for path in classes[0].iterdir() if path.is_dir())
  for path in classes:
    (links / path.name).mkdir(parents=True)
    for file in sorted(path.iterdir())[: count // len(classes)]:
      (links / path.name / file.name).symlink_to(file.absolute())
  return links


def main() -> int:
  """Runs the steps and prints their figures."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("folder", type=Path)
  parser.add_argument(
    "--images", type=int, default=0, help="number of pictures; 0: all"
  )
  parser.add_argument("--resolution", type=int, default=32)
  parser.add_argument("--batch", type=int, default=100)
  parser.add_argument("--limit_mib", type=float, default=1024)
  parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
  parser.add_argument("--cache", default="", help=argparse.SUPPRESS)
  given = parser.parse_args()
  if given.step:
    figures = step(
      given.step,
      str(given.folder),
      given.cache,
      given.resolution,
      given.batch,
    )
    print(json.dumps(figures))
    return 0
  with tempfile.TemporaryDirectory(prefix="elite_tf-streaming-") as temporary:
    folder = given.folder
    if given.images:
      folder = _first(folder, given.images, Path(temporary, "pictures"))
    cache = Path(temporary, "cache")
    result = {}
    for name in STEPS:
      done = subprocess.run(
          [sys.executable, __file__, str(folder), f"--step={name}",
           f"--cache={cache}", f"--resolution={given.resolution}",
           f"--batch={given.batch}"],
          stdout=subprocess.PIPE,
          text=True,
          check=True,
      )  # fmt: skip
      result[name] = json.loads(done.stdout)
    size = sum(f.stat().st_size for f in cache.rglob("*") if f.is_file())
    result["cache_mib"] = round(size / 2**20, 1)
  print(json.dumps(result))
  return int(max(result[n]["peak_mib"] for n in STEPS) > given.limit_mib)


if __name__ == "__main__":
  sys.exit(main())
