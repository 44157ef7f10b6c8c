"""A search in TensorBoard: `tensorboard --logdir RUN`.

    RUN/tensorboard/           the experiment: which settings, which scores
    RUN/tensorboard/NAME/      a candidate: loss, accuracy, val_loss,
                               val_accuracy and, round by round, score

The search writes these files with the package `tensorboard`, which needs no
TensorFlow for its event format, scalars and HParams.
"""

import contextlib
import dataclasses
import importlib.util
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.runs import journal
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.plan import Plan
from elite_tf.runs.settings import Settings
from elite_tf.tournament.bracket import Observer
from elite_tf.types import Epoch

FOLDER = "tensorboard"

# TensorBoard reads files with `tfevents` in their name. A search that is resumed
# writes them anew, under the same name.
FILE = "events.out.tfevents.0.elite_tf"

SCALARS = ("loss", "accuracy", "val_loss", "val_accuracy")

COEFFICIENTS = ("w", "d", "r", "width", "depth", "resolution")


def check_tensorboard(settings: Settings) -> None:
  """Checks that the package for `--tensorboard` is there, if it is set.

  Raises:
    ConfigError: The package is not installed.
  """
  if settings.tensorboard and not importlib.util.find_spec("tensorboard"):
    raise ConfigError(
      "--tensorboard needs the package tensorboard:"
      " pip install 'elite-tf[tensorboard]'"
    )


class Silent(Observer):
  """Writes nothing: `--tensorboard` is not set."""

  def on_epoch(self, name: str, epoch: Epoch) -> None:
    """An epoch of a candidate ended."""


@contextlib.contextmanager
def open_tensorboard(
  settings: Settings, folder: RunFolder, plan: Plan
) -> "Iterator[SearchWriter | Silent]":
  """Opens the files for TensorBoard, for as long as the context lasts.

  Args:
    settings: Of the search.
    folder: Of the search, whose journal has begun.
    plan: Its plan.

  Raises:
    OSError: A file cannot be written.
  """
  if not settings.tensorboard:
    yield Silent()
    return
  with contextlib.closing(SearchWriter(folder, settings, plan)) as writer:
    yield writer


class SearchWriter(Observer):
  """Writes a search for TensorBoard while it runs."""

  def __init__(self, folder: RunFolder, settings: Settings, plan: Plan):
    """Writes the epochs in the journal anew.

    So no epoch is missing or written twice, however the search was interrupted.
    Rounds come from the tournament, which is played again.

    Args:
      folder: Of the search, whose journal has begun.
      settings: Of the search.
      plan: Its plan.

    Raises:
      OSError: A file cannot be written.
    """
    self._root = folder.path / FOLDER
    self._round_epochs = settings.round_epochs
    self._hparams = _hparams(plan)
    self._writers: dict[str, _EventFile] = {}
    self._written: Counter[str] = Counter()
    self._time = 0.0  # Of the last event, in seconds since 1970.
    shutil.rmtree(self._root, ignore_errors=True)
    for event in journal.read(folder.journal):
      self._time = event["time"]
      if not self._writers:
        experiment = _experiment(self._time)
        self._writers[""] = _EventFile(self._root, self._time, experiment)
      if event["event"] == "epoch":
        self._write_epoch(event["name"], event)
      elif event["event"] == "trained":
        outcome = journal.event_to_outcome(event)
        for epoch in outcome.epochs:
          self._write_epoch(outcome.name, dataclasses.asdict(epoch))

  def close(self) -> None:
    """Closes the files."""
    for writer in self._writers.values():
      writer.close()

  def on_epoch(self, name: str, epoch: Epoch) -> None:
    """An epoch of a candidate ended."""
    self._time = time.time()
    self._write_epoch(name, dataclasses.asdict(epoch))

  def on_outcome(self, bracket, outcome):
    """The round of a candidate ended; a failed candidate ends with it."""
    for epoch in outcome.epochs:
      self._write_epoch(outcome.name, dataclasses.asdict(epoch))
    if outcome.name in bracket.failures:
      self._writer(outcome.name).end(self._time, failed=True)

  def on_round_end(self, bracket):
    """A round of a group ended: its candidates have scores."""
    played = bracket.rounds[-1]
    step = played.round * self._round_epochs
    for name, score in played.scores.items():
      if score is not None:
        self._writer(name).scalars(self._time, step, {"score": score})
      if name in played.eliminated and name not in bracket.failures:
        self._writer(name).end(self._time)

  def on_group_end(self, bracket):
    """A group has its champion, or every candidate failed."""
    if bracket.champion is not None:
      self._writer(bracket.champion).end(self._time)

  def _write_epoch(self, name: str, epoch: dict) -> None:
    """Writes an epoch once; some epochs are trained a second time."""
    if epoch["epoch"] <= self._written[name]:
      return
    self._written[name] = epoch["epoch"]
    values = {tag: epoch[tag] for tag in SCALARS}
    self._writer(name).scalars(self._time, epoch["epoch"], values)

  def _writer(self, name: str) -> "_EventFile":
    if name not in self._writers:
      session = _session(name, self._hparams[name], self._time)
      self._writers[name] = _EventFile(self._root / name, self._time, session)
    return self._writers[name]


class _EventFile:
  """Writes the events of one folder, each flushed at once."""

  def __init__(self, folder: Path, at: float, first):
    from tensorboard.compat.proto import event_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder.mkdir(parents=True)
    self._event = event_pb2.Event
    self._records = RecordWriter(open(folder / FILE, "wb"))
    self._ended = False
    self._write(wall_time=at, file_version="brain.Event:2")
    self._write(wall_time=at, step=0, summary=first)

  def scalars(self, at: float, step: int, values: dict[str, float]) -> None:
    """Writes numbers by tag."""
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    for tag, value in values.items():
      summary = scalar_pb(tag, value)
      self._write(wall_time=at, step=step, summary=summary)

  def end(self, at: float, failed: bool = False) -> None:
    """Writes that the training of the candidate has ended, once."""
    if not self._ended:
      self._write(wall_time=at, step=0, summary=_session_end(at, failed))
    self._ended = True

  def close(self) -> None:
    """Closes the file."""
    self._records.close()

  def _write(self, **fields) -> None:
    self._records.write(self._event(**fields).SerializeToString())
    self._records.flush()


def _hparams(plan: Plan) -> dict[str, dict[str, float]]:
  """Returns the hyperparameters of each candidate, by name."""
  groups = {
    candidate.name: number
    for number, group in enumerate(plan.groups(), start=1)
    for candidate in group
  }
  return {
    candidate.name: {
      "group": groups[candidate.name],
      **{name: getattr(candidate, name) for name in COEFFICIENTS},
      "params": cost.params,
      "macs": cost.macs,
    }
    for candidate, cost in zip(plan.candidates, plan.costs)
  }


def _experiment(at: float):
  """Returns the summary of all hyperparameters and metrics."""
  from tensorboard.plugins.hparams import summary_v2 as hparams

  return hparams.hparams_config_pb(
    [hparams.HParam(n) for n in ("group", *COEFFICIENTS, "params", "macs")],
    [hparams.Metric("score"), hparams.Metric("val_accuracy")],
    time_created_secs=at,
  )


def _session(name: str, values: dict[str, float], at: float):
  """Returns the summary of the hyperparameters of a candidate."""
  from tensorboard.plugins.hparams.summary_v2 import hparams_pb

  return hparams_pb(values, trial_id=name, start_time_secs=at)


def _session_end(at: float, failed: bool):
  """Returns the summary of how the training of a candidate ended."""
  from tensorboard.compat.proto import summary_pb2
  from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

  status = api_pb2.STATUS_FAILURE if failed else api_pb2.STATUS_SUCCESS
  data = plugin_data_pb2.HParamsPluginData(
    session_end_info=plugin_data_pb2.SessionEndInfo(
      status=status, end_time_secs=at
    )
  )
  value = summary_pb2.Summary.Value(
    tag=metadata.SESSION_END_INFO_TAG,
    metadata=metadata.create_summary_metadata(data),
    tensor=metadata.NULL_TENSOR,
  )
  return summary_pb2.Summary(value=[value])
