"""Trains single candidates for the comparisons.

All methods of a comparison train by `elite_tf.engine.runners.worker.Worker`, as
the workers of a search do: with the same data, recipe, schedule, first weights
and checkpoints. Every process records the epochs that it trains.

    python tools/trainings.py TASK.json STOP TEST NAME... PARENT

trains the named candidates in sequence until STOP epochs are done, and measures
them on the test split if TEST is 1. The process ends when process PARENT ends.
"""

import dataclasses
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "tools"):
  if str(folder) not in sys.path:
    sys.path.insert(0, str(folder))

import resnet8  # noqa: E402

from elite_tf.engine.runners.messages import Setup  # noqa: E402
from elite_tf.engine.runners.worker import Worker  # noqa: E402
from elite_tf.runs.folder import RunFolder  # noqa: E402
from elite_tf.runs.plan import plan_for_data  # noqa: E402
from elite_tf.runs.settings import Settings  # noqa: E402
from elite_tf.system import processes  # noqa: E402
from elite_tf.types import Candidate, Job  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Task:
  """The candidates to train, and the folder of their trainings.

  Attributes:
    settings: Settings as of a search: data, pool, epochs, seed and so on.
    folder: Absolute path of the checkpoints and the record of epochs.
    workers: Trainings at a time, of one thread each.
  """

  settings: Settings
  folder: str
  workers: int

  @property
  def run_folder(self) -> RunFolder:
    """The folder as a run folder."""
    return RunFolder(Path(self.folder))

  @property
  def record(self) -> Path:
    """Path of the record of epochs, one JSON object per line."""
    return Path(self.folder, "epochs.jsonl")

  @property
  def tests(self) -> Path:
    """Path of the test accuracies, one JSON object per candidate and line."""
    return Path(self.folder, "tests.jsonl")

  def candidates(self) -> dict[str, Candidate]:
    """Returns the candidates by name, heaviest first; loads no TensorFlow."""
    plan, _ = plan_for_data(self.settings)
    return {c.name: c for group in plan.groups() for c in group}

  def write(self) -> Path:
    """Writes the task to its folder for other processes; returns the path."""
    path = Path(self.folder, "task.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(self)))
    return path


def read_task(path: str | Path) -> Task:
  """Returns the task that `Task.write` wrote."""
  fields = json.loads(Path(path).read_text())
  return Task(**{**fields, "settings": Settings(**fields["settings"])})


class Trainings:
  """Trains candidates of a task in this process."""

  def __init__(self, task: Task):
    """Loads TensorFlow and the data."""
    self._task = task
    self._candidates = task.candidates()
    self._worker = Worker(
      self._tell, Setup(task.settings, task.run_folder, threads=1)
    )

  def train(self, name: str, stop: int) -> list[float]:
    """Trains until `stop` epochs are done.

    Args:
      name: Name of the candidate. Its training continues from its checkpoint, if
        it has one.
      stop: Number of epochs to reach.

    Returns:
      Validation accuracy of every epoch from the first, 0 to 1.

    Raises:
      RuntimeError: The training failed.
    """
    job = Job(self._candidates[name], 1, 0, 0, stop)
    outcome = self._worker.answer(job)
    error = getattr(outcome, "error", None) or getattr(outcome, "reason", None)
    if error:
      raise RuntimeError(f"{name}: {error}")
    return [epoch.val_accuracy for epoch in outcome.epochs]

  def release(self, name: str) -> None:
    """Forgets a candidate; its checkpoint stays."""
    self._worker.release(name)

  def test(self, name: str) -> None:
    """Records the test accuracy of a candidate at its latest checkpoint."""
    from elite_tf.data import preprocess, sources
    from elite_tf.training.trainer import load_trained

    settings = self._task.settings
    data = sources.load(settings.data, settings.seed)
    path = self._task.run_folder.checkpoint(name)
    model = load_trained(self._candidates[name], path)
    accuracy = float_accuracy(
      model, data.test, preprocess.crops(data.description)
    )
    with open(self._task.tests, "ab", buffering=0) as file:
      file.write(json.dumps({"name": name, "test": accuracy}).encode() + b"\n")

  def _tell(self, message) -> None:
    if not hasattr(message, "epoch"):
      return
    line = {"name": message.name, "time": time.time()}
    line |= dataclasses.asdict(message.epoch)
    # One write to the end of the file: lines of several processes never mix.
    with open(self._task.record, "ab", buffering=0) as file:
      file.write(json.dumps(line).encode() + b"\n")


def float_accuracy(model, split, crop: bool = False) -> float:
  """Returns the top-1 accuracy of a Keras model on a split, 0 to 1."""
  from elite_tf.conversion import champion_metrics

  answers = champion_metrics.keras_answers(model, split, crop)
  return float((answers.classes == split.labels).mean())


def read_record(path: Path) -> list[dict]:
  """Returns the lines of a record in the order of writing."""
  if not path.exists():
    return []
  return [json.loads(line) for line in path.read_text().splitlines()]


def start(*arguments: str, log: Path, env: Mapping[str, str] = {}):
  """Starts a Python process that ends with this one; returns it.

  Args:
    *arguments: Arguments of Python.
    log: File to which its output is appended.
    env: Additional environment variables.
  """
  paths = [str(ROOT), str(ROOT / "tools")]
  with open(log, "ab") as file:
    return processes.start(
      *arguments,
      stdout=file,
      stderr=file,
      env={
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **env,
      },
    )


def finish(process, log: Path) -> None:
  """Waits for a process.

  Raises:
    RuntimeError: The process failed; the error has the end of its output.
  """
  try:
    code = process.wait()
  finally:
    processes.end(process)
  if code:
    said = log.read_text(errors="replace").strip().splitlines()
    raise RuntimeError(
      f"{' '.join(map(str, process.args[1:]))} ended with code {code};"
      f" {log} ends: {' / '.join(said[-3:])}"
    )


def train_all(
  task: Task, names: Sequence[str], stop: int, test: bool = False
) -> None:
  """Trains candidates to the same epoch, `task.workers` at a time.

  Args:
    task: Task of the comparison.
    names: Names of the candidates. Each continues from its checkpoint.
    stop: Number of epochs to reach.
    test: Whether to measure the candidates on the test split afterwards.

  Raises:
    RuntimeError: A training failed.
  """
  path, log = task.write(), Path(task.folder, "trainings.log")
  started = [
    start(
      __file__,
      str(path),
      str(stop),
      str(int(test)),
      *names[first :: task.workers],
      log=log,
    )
    for first in range(min(task.workers, len(names)))
  ]
  for process in started:
    finish(process, log)


def main(arguments: Sequence[str]) -> None:
  """Trains what the arguments name."""
  path, stop, test, *names, parent = arguments
  processes.die_with(int(parent))
  resnet8.register()
  trainings = Trainings(read_task(path))
  for name in names:
    trainings.train(name, int(stop))
    trainings.release(name)
    if int(test):
      trainings.test(name)


if __name__ == "__main__":
  main(sys.argv[1:])
