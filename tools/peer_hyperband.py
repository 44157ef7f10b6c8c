"""KerasTuner's Hyperband over the candidates of a task.

Uses KerasTuner's "distributed tuning" for several cores: a chief process decides,
and worker processes ask it. `trainings.Trainings` trains. KerasTuner decides
which candidate is trained, how far, and which one is best.

    python tools/peer_hyperband.py TASK.json
"""

import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import trainings
from trainings import Task, Trainings

from elite_tf.system import processes

PROJECT = "keras_tuner"
FACTOR = 3  # KerasTuner's default.


def search(task: Task) -> str:
  """Plays Hyperband's brackets once; returns the best trial's candidate.

  Args:
    task: What is trained; two workers or more: KerasTuner ends a search whose
      draws all failed while nothing was being trained.

  Raises:
    RuntimeError: A process or a trial failed.
  """
  path, log = str(task.write()), Path(task.folder, "keras_tuner.log")
  port = _free_port()

  def begin(name: str):
    return trainings.start(
      __file__,
      path,
      log=log,
      env={
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(port),
        "KERASTUNER_TUNER_ID": name,
      },
    )

  chief = begin("chief")
  try:
    workers = [begin(f"worker{n}") for n in range(task.workers)]
    for worker in workers:
      trainings.finish(worker, log)
  finally:
    # The chief would notice the end of the workers only every 20 seconds.
    processes.end(chief)
  return best(read_trials(Path(task.folder)))


def read_trials(folder: Path) -> list[dict]:
  """Returns KerasTuner's own record of its trials.

  Raises:
    RuntimeError: One of them failed.
  """
  paths = sorted(folder.glob(f"{PROJECT}/trial_*/trial.json"))
  trials = [json.loads(path.read_text()) for path in paths]
  for trial in trials:
    if trial["status"] in ("INVALID", "FAILED"):
      raise RuntimeError(f"KerasTuner's trial failed: {trial['message']}")
  return trials


def best(trials: Sequence[dict]) -> str:
  """Returns the candidate of the trial with the best score."""
  scored = [trial for trial in trials if trial["status"] == "COMPLETED"]
  trial = max(scored, key=lambda trial: trial["score"])
  return trial["hyperparameters"]["values"]["candidate"]


def _free_port() -> int:
  with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    return listener.getsockname()[1]


def make_tuner(task: Task, trainings_of_task):
  """Returns KerasTuner's tuner; imports it, and with it Keras.

  Args:
    task: Task of the comparison.
    trainings_of_task: A `Trainings` or a substitute; None in the chief, which
      trains nothing.
  """
  import keras_tuner

  class Tuner(keras_tuner.Tuner):
    """Trains a trial's candidate from one epoch to another."""

    def run_trial(self, trial, *args, **kwargs):
      """Returns the best accuracy of the epochs that the trial added."""
      values = trial.hyperparameters.values
      name = values["candidate"]
      accuracies = trainings_of_task.train(name, values["tuner/epochs"])
      # The next round may be another process's.
      trainings_of_task.release(name)
      added = accuracies[values["tuner/initial_epoch"] :]
      return {"val_accuracy": max(added)}

  space = keras_tuner.HyperParameters()
  space.Choice("candidate", list(task.candidates()))
  oracle = keras_tuner.oracles.HyperbandOracle(
    objective=keras_tuner.Objective("val_accuracy", "max"),
    max_epochs=task.settings.epochs,
    factor=FACTOR,
    seed=task.settings.seed,
    hyperparameters=space,
  )
  return Tuner(oracle=oracle, directory=task.folder, project_name=PROJECT)


def main(arguments: Sequence[str]) -> None:
  """Runs the chief or a worker, as KerasTuner's environment variables say."""
  processes.die_with(int(arguments[-1]))
  task = trainings.read_task(arguments[0])
  chief = os.environ["KERASTUNER_TUNER_ID"] == "chief"
  make_tuner(task, None if chief else Trainings(task)).search(verbose=0)


if __name__ == "__main__":
  main(sys.argv[1:])
