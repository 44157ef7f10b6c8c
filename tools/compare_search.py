"""Compares the search with KerasTuner's Hyperband, Ray's ASHA and random search.

    tools/compare_search.py --out=comparison.json

All methods choose among the same candidates on the same images and train them by
the same code (tools/trainings.py). Recipe, schedule, first weights, order of
images and validation images depend on the seed alone, so that an epoch of a
candidate is the same in every method; this is checked. Methods differ in what
they train, and when. Each method really runs, in processes of its own, with two
trainings of one thread at a time; no method uses the results of another.

The wall clock of a method runs from the start of its first process until its
champion is trained to the last epoch. If a method stops before that, its champion
is trained to the end, and this time counts. Afterwards all candidates are trained
to the end, which does not count: this tells how far a champion is from the best
candidate, and which champions the other criteria of the search would choose. The
test split is used only for these figures.
"""

import argparse
import dataclasses
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import peer_hyperband
import peer_ray
import trainings
from side_by_side import PeerMissing, record_or_exit, require
from trainings import Task

from elite_tf.data import sources
from elite_tf.errors import ConfigError
from elite_tf.runs.settings import Settings
from elite_tf.tournament.bracket import Bracket, Rules
from elite_tf.tournament.criteria import CRITERIA, candidate_epochs
from elite_tf.types import Outcome

PEERS = {
  "tournament": (),
  "hyperband": ("keras_tuner",),
  "asha": ("ray", "pandas", "tensorboardX"),
  "random": ("ray", "pandas", "tensorboardX"),
}


def write_subset(spec: str, count: int, test: int, path: Path) -> None:
  """Writes a random part of a data set as .npz, always the same one.

  Args:
    spec: Data set as in `--data`; all images must have the same size.
    count: Number of images for training and validation; all if there are fewer.
    test: Number of test images; all if there are fewer.
    path: Path of the file.

  Raises:
    ConfigError: The images have different sizes.
  """
  import numpy as np

  data = sources.load(spec, 0)
  parts = {}
  for name, splits, wanted in (
    ("train", (data.train, data.val), count),
    ("test", (data.test,), test),
  ):
    labels = np.concatenate([split.labels for split in splits])
    images = [image for split in splits for image in split.images]
    order = np.random.default_rng(0).permutation(len(labels))[:wanted]
    if len({images[i].shape for i in order}) > 1:
      raise ConfigError(f"--data={spec} has images of different sizes")
    parts[f"x_{name}"] = np.stack([images[i] for i in order])
    parts[f"y_{name}"] = labels[order]
  np.savez(path, **parts)


def play_tournament(task: Task) -> tuple[str, float]:
  """Runs the search; returns its champion and the end of its training."""
  flags = [
    f"--{field.name}={getattr(task.settings, field.name)}"
    for field in dataclasses.fields(Settings)
    if getattr(task.settings, field.name) != field.default
  ]
  log = Path(f"{task.folder}.log")  # The folder of a new search must be empty.
  process = trainings.start(
    "-c",
    # The last argument is the number of the parent process, not a flag.
    "import sys; sys.argv.pop(); from elite_tf import search; search.console()",
    *flags,
    f"--run_dir={task.folder}",
    f"--workers={task.workers}",
    "--keep_checkpoints",
    log=log,
  )
  trainings.finish(process, log)
  events = trainings.read_record(task.run_folder.journal)
  epochs = [event for event in events if event["event"] == "epoch"]
  task.record.write_text("".join(json.dumps(e) + "\n" for e in epochs))
  champion = task.run_folder.read_result().champions[0].name
  # The conversion after it does not count: other methods do not convert.
  ended = max(e["time"] for e in events if e["event"] == "trained")
  return champion, ended


def run(method: str, task: Task, budget: int) -> dict:
  """Runs one method for one seed; returns its champion and its effort."""
  Path(task.folder).mkdir(parents=True)
  began, ended = time.time(), None
  if method == "tournament":
    champion, ended = play_tournament(task)
  elif method == "hyperband":
    champion = peer_hyperband.search(task)
  else:
    champion = peer_ray.search(task, method, budget)
  reached = [
    line["epoch"]
    for line in trainings.read_record(task.record)
    if line["name"] == champion
  ]
  if max(reached) < task.settings.epochs:
    trainings.train_all(task, [champion], task.settings.epochs)
  ended = ended or time.time()
  lines = trainings.read_record(task.record)
  inside = sum(line["seconds"] for line in lines)
  return {
    "seed": task.settings.seed,
    "champion": champion,
    "champion_left_at": max(reached),
    "epochs": len(lines),
    "candidates": len({line["name"] for line in lines}),
    "seconds": round(ended - began, 1),
    "step_seconds": round(inside, 1),
    "busy": round(inside / task.workers / (ended - began), 3),
  }


def train_rest(tasks: Sequence[Task], task: Task, names: Sequence[str]) -> None:
  """Trains every candidate to the end, from its furthest checkpoint."""
  for name in names:
    target = task.run_folder.checkpoint(name)
    target.parent.mkdir(parents=True)
    furthest = {
      line["epoch"]: other
      for other in tasks
      for line in trainings.read_record(other.record)
      if line["name"] == name
    }
    if furthest:
      source = furthest[max(furthest)].run_folder.checkpoint(name)
      shutil.copy(source, target)
  trainings.train_all(task, names, task.settings.epochs, test=True)


def curves(
  tasks: Sequence[Task],
) -> tuple[dict[str, dict[int, dict]], int, int]:
  """Returns the epochs by name and number, how many repeat, how many differ."""
  found: dict[str, dict[int, dict]] = {}
  repeated = unequal = 0
  for task in tasks:
    for line in trainings.read_record(task.record):
      first = found.setdefault(line["name"], {}).setdefault(line["epoch"], line)
      if first is not line:
        repeated += 1
        same = all(first[k] == line[k] for k in ("loss", "val_accuracy"))
        unequal += not same
  return found, repeated, unequal


def replay(task: Task, accuracies: dict[str, list[float]], criterion: str):
  """Returns the champion of a tournament that another criterion decides."""
  from elite_tf.types import Epoch

  settings = task.settings
  candidates = task.candidates()
  rules = Rules(settings.round_epochs, settings.epochs, criterion)
  bracket = Bracket(1, list(candidates.values()), rules)
  jobs = bracket.start()
  while jobs:
    following = []
    for job in jobs:
      name = job.candidate.name
      epochs = tuple(
        Epoch(n + 1, 0.0, 0.0, 0.0, accuracies[name][n], 0.0)
        for n in range(job.start, job.stop)
      )
      following += bracket.record(Outcome(name, job.start, job.stop, epochs))
    jobs = following
  return bracket.champion


def add_ranks(
  row: dict, final: dict[str, float], tests: dict[str, float]
) -> None:
  """Adds to a line how good its champion is among all candidates."""
  name = row["champion"]
  row["val_accuracy"] = final[name]
  row["test_accuracy"] = tests[name]
  row["test_below_best"] = max(tests.values()) - tests[name]
  row["rank_in_validation"] = 1 + sum(v > final[name] for v in final.values())


def one_seed(arguments, base: Settings, folder: Path, budget: int) -> dict:
  """Runs every method for one seed, then trains all candidates to the end."""
  seed, methods = base.seed, arguments.methods
  # Methods take turns in being first, because the load of the machine changes.
  turn = seed % len(methods)
  done, rows = [], {}
  for method in methods[turn:] + methods[:turn]:
    task = Task(base, str(folder / f"{method}-{seed}"), arguments.workers)
    try:
      require(*PEERS[method])
      rows[method] = run(method, task, budget)
      done.append(task)
    except (PeerMissing, RuntimeError) as error:
      rows[method] = {"seed": seed, "not_run": str(error)}
    print(json.dumps({"method": method, **rows[method]}), file=sys.stderr)
  rest = Task(base, str(folder / f"all-{seed}"), arguments.workers)
  names = list(rest.candidates())
  train_rest(done, rest, names)
  found, repeated, unequal = curves([*done, rest])
  accuracies = {
    name: [found[name][n + 1]["val_accuracy"] for n in range(base.epochs)]
    for name in names
  }
  final = {name: values[-1] for name, values in accuracies.items()}
  tests = {
    line["name"]: line["test"] for line in trainings.read_record(rest.tests)
  }
  for row in rows.values():
    if "champion" in row:
      add_ranks(row, final, tests)
  replayed = {}
  for criterion in sorted(CRITERIA):
    champion = replay(rest, accuracies, criterion)
    replayed[criterion] = {"seed": seed, "champion": champion}
    add_ranks(replayed[criterion], final, tests)
  return {
    "seed": seed,
    "methods": rows,
    "criteria_replayed": replayed,
    "test_accuracies": tests,
    "val_accuracies": accuracies,
    "epochs_repeated": repeated,
    "epochs_unequal": unequal,
  }


def summary(rows: Sequence[dict]) -> dict:
  """Returns the mean and the sample standard deviation of every figure."""
  rows = [row for row in rows if "champion" in row]
  figures = {}
  for name in (
      "test_accuracy", "test_below_best", "val_accuracy", "rank_in_validation",
      "epochs", "candidates", "seconds", "step_seconds", "busy",
  ):  # fmt: skip
    values = [row[name] for row in rows if name in row]
    if values:
      spread = statistics.stdev(values) if len(values) > 1 else None
      figures[name] = {"mean": statistics.mean(values), "sd": spread}
  return {"seeds": len(rows), **figures}


def compare(arguments) -> dict:
  """Returns the whole comparison."""
  folder = Path(arguments.work or tempfile.mkdtemp(prefix="compare-search-"))
  folder.mkdir(parents=True, exist_ok=True)
  if any(folder.iterdir()):
    raise ConfigError(f"--work={folder} must be an empty folder")
  subset = folder / "subset.npz"
  write_subset(
    arguments.data, arguments.train_images, arguments.test_images, subset
  )
  base = Settings(
      data=f"npz:{subset}", pool=arguments.pool, levels=arguments.levels,
      base_resolution=arguments.base_resolution, include=arguments.include,
      group_size=1000, round_epochs=arguments.round_epochs,
      epochs=arguments.epochs, augment=arguments.augment, quantize="none",
      recipe="paper",
  )  # fmt: skip
  count = len(Task(base, str(folder), 1).candidates())
  base = dataclasses.replace(base, group_size=count)
  budget = candidate_epochs(count, base.round_epochs, base.epochs)
  seeds = [
    one_seed(arguments, dataclasses.replace(base, seed=seed), folder, budget)
    for seed in arguments.seeds
  ]
  kinds = {"methods": arguments.methods, "criteria_replayed": sorted(CRITERIA)}
  result = {
    "candidates": count,
    "budget_epochs": budget,
    "summary": {
      kind: {
        name: summary([seed[kind][name] for seed in seeds]) for name in names
      }
      for kind, names in kinds.items()
    },
    "seeds": seeds,
  }
  if not arguments.work:
    shutil.rmtree(folder)
  return result


def main(arguments: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--data", default="idx:/usr/share/datasets/fashion-mnist")
  parser.add_argument("--train_images", type=int, default=5000)
  parser.add_argument("--test_images", type=int, default=10000)
  parser.add_argument("--pool", default="lite")
  parser.add_argument("--levels", type=int, default=6)
  parser.add_argument("--base_resolution", type=int, default=16)
  parser.add_argument("--include", default="lite-w[456]-d6-r1[0356]")
  parser.add_argument("--round_epochs", type=int, default=2)
  parser.add_argument("--epochs", type=int, default=12)
  parser.add_argument("--augment", default="none")
  parser.add_argument("--workers", type=int, default=2)
  parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
  parser.add_argument(
    "--methods", nargs="+", default=list(PEERS), choices=list(PEERS)
  )
  parser.add_argument(
    "--work", help="empty folder for the trainings; default: a temporary one"
  )
  parser.add_argument("--out", help="JSON file; default: stdout")
  flags = parser.parse_args(arguments)
  return record_or_exit(lambda: compare(flags), flags.out)


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
