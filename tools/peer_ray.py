"""Ray Tune over the candidates of a task: ASHA or random search.

`trainings.Trainings` trains one epoch at a time. Ray decides whether a candidate
goes on, and which one is best.

    python tools/peer_ray.py TASK.json METHOD EPOCHS
"""

import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import trainings
from trainings import Task, Trainings

from elite_tf.system import processes

REDUCTION_FACTOR = 3  # Hyperband's; Ray's default is 4.
ANSWER = "answer.json"


def search(task: Task, method: str, epochs: int) -> str:
  """Runs Ray Tune in a process of its own; returns the best candidate.

  Args:
    task: What is trained.
    method: `asha` or `random`.
    epochs: Budget, of all candidates together. ASHA is stopped when so many
      epochs have been trained; random search trains as many candidates to the
      end as the budget has room for.

  Raises:
    RuntimeError: It failed.
  """
  log = Path(task.folder, "ray.log")
  process = trainings.start(
      __file__,
      str(task.write()),
      method,
      str(epochs),
      log=log,
      env={"RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"},
  )  # fmt: skip
  trainings.finish(process, log)
  return json.loads(Path(task.folder, ANSWER).read_text())["champion"]


def draw_names(task: Task, method: str, epochs: int) -> list[str]:
  """Returns the names to try, in an order that the seed decides."""
  names = list(task.candidates())
  random.Random(task.settings.seed).shuffle(names)
  if method == "random":
    names = names[: max(1, epochs // task.settings.epochs)]
  return names


# A process loads TensorFlow and the data once for all its trials.
_loaded: dict[str, Trainings] = {}


def trial(config: dict) -> None:
  """Trains one candidate and reports every epoch to Ray.

  Args:
    config: {"task": path, "candidate": name}.
  """
  from ray import tune

  task = trainings.read_task(config["task"])
  if not _loaded:
    _loaded["trainings"] = Trainings(task)
  here, name = _loaded["trainings"], config["candidate"]
  for other in set(task.candidates()) - {name}:
    here.release(other)
  for epoch in range(1, task.settings.epochs + 1):
    tune.report({"val_accuracy": here.train(name, epoch)[-1]})


def tune_all(path: str, method: str, epochs: int, trainable=trial) -> str:
  """Returns the name that Ray Tune finds best.

  Args:
    path: The task's file.
    method: `asha` or `random`.
    epochs: Budget, as `search` has it.
    trainable: Trains and tells, as `trial` does.
  """
  import ray
  from ray import tune
  from ray.tune.schedulers import ASHAScheduler

  class Budget(tune.Stopper):
    """Ends the search when so many epochs have been reported."""

    def __init__(self):
      self.left = epochs

    def __call__(self, trial_id, result):
      self.left -= 1
      return False

    def stop_all(self):
      return self.left <= 0

  task = trainings.read_task(path)
  settings = task.settings
  ray.init(
    num_cpus=task.workers,
    include_dashboard=False,
    log_to_driver=False,
    logging_level="ERROR",
    object_store_memory=80 << 20,
  )
  scheduler = None
  if method == "asha":
    scheduler = ASHAScheduler(
      time_attr="training_iteration",
      max_t=settings.epochs,
      grace_period=settings.round_epochs,
      reduction_factor=REDUCTION_FACTOR,
    )
  tuner = tune.Tuner(
    trainable,
    param_space={
      "task": path,
      "candidate": tune.grid_search(draw_names(task, method, epochs)),
    },
    tune_config=tune.TuneConfig(
      metric="val_accuracy",
      mode="max",
      scheduler=scheduler,
      reuse_actors=True,
    ),
    run_config=tune.RunConfig(
      name="ray_tune",
      storage_path=task.folder,
      stop=Budget() if method == "asha" else None,
      verbose=0,
    ),
  )
  try:
    results = tuner.fit()
    for result in results:
      if result.error:
        raise RuntimeError(f"Ray's trial failed: {result.error}")
    return results.get_best_result().config["candidate"]
  finally:
    ray.shutdown()


def main(arguments: Sequence[str]) -> None:
  """Writes the answer into the task's folder."""
  processes.die_with(int(arguments[-1]))
  path, method, epochs = arguments[:3]
  # Imported by name, so that Ray's workers import the functions and get no copy.
  import peer_ray

  champion = peer_ray.tune_all(path, method, int(epochs))
  answer = Path(os.path.dirname(path), ANSWER)
  answer.write_text(json.dumps({"champion": champion}))


if __name__ == "__main__":
  main(sys.argv[1:])
