"""A worker's answers; what a training raises is an answer too."""

import dataclasses
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest

from elite_tf.data import sources
from elite_tf.data.sources import Split
from elite_tf.engine.runners import worker
from elite_tf.engine.runners.messages import (
  EpochDone,
  Exhausted,
  Export,
  Exported,
  Setup,
  Stopped,
)
from elite_tf.engine.runners.worker import Worker
from elite_tf.errors import CandidateFailed, ConfigError, VerificationFailed
from elite_tf.networks.pool import make_pool
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings
from elite_tf.types import Epoch, Job, Outcome

CANDIDATE = dataclasses.replace(
  make_pool("elite", classes=10, channels=1, levels=6)[-1], resolution=16
)


class Wire:
  """A connection that keeps what is sent."""

  def __init__(self):
    self.sent = []

  def send(self, message):
    self.sent.append(message)


@pytest.fixture
def wire():
  return Wire()


@pytest.fixture
def make(tmp_path, monkeypatch, wire):
  """Makes workers over 60 digits; TensorFlow is set up for all tests alike."""
  data = sources.load("digits")
  few = dataclasses.replace(
    data,
    train=Split(data.train.images[:60], data.train.labels[:60]),
    val=Split(data.val.images[:30], data.val.labels[:30]),
  )
  monkeypatch.setattr(worker.backend, "load_keras", lambda threads: None)
  monkeypatch.setattr(worker.sources, "load", lambda spec, seed, store: few)

  def make(**settings):
    settings = Settings(epochs=3, batch_size=30, **settings)
    return Worker(wire.send, Setup(settings, RunFolder(tmp_path), 1))

  return make


class Scripted:
  """Stands in for a Trainer: raises `error` in its second epoch."""

  error: BaseException
  first_step_seconds = 1.5

  def __init__(self, *arguments):
    self.epochs = ()

  def train(self, stop, listener):
    self.epochs = (Epoch(1, 1.0, 0.5, 1.0, 0.5, 0.1),)
    listener("a", self.epochs[0])
    raise self.error


def _fails_with(monkeypatch, error):
  monkeypatch.setattr(Scripted, "error", error, raising=False)
  monkeypatch.setattr("elite_tf.training.trainer.Trainer", Scripted)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CandidateFailed("loss became nan in epoch 2"),
         "loss became nan in epoch 2"),
        (ValueError("shapes\n  do not\tfit"), "ValueError: shapes do not fit"),
        (RuntimeError(), "RuntimeError: no reason given"),
        (KeyError("weights"), "KeyError: 'weights'"),
    ],
)  # fmt: skip
def test_what_a_training_raises_costs_the_candidate_alone(
  make, wire, monkeypatch, error, said
):
  _fails_with(monkeypatch, error)
  outcome = make().answer(Job(CANDIDATE, 1, 1, 0, 3))
  assert isinstance(outcome, Outcome) and outcome.error == said
  # The epochs before it are kept and were told.
  assert [epoch.epoch for epoch in outcome.epochs] == [1]
  assert wire.sent == [EpochDone("a", outcome.epochs[0])]


class ResourceExhaustedError(Exception):
  """As TensorFlow calls it."""


@pytest.mark.parametrize(
  "error",
  [
    MemoryError("9 GiB"),
    ResourceExhaustedError("9 GiB"),
    RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 GiB"),
  ],
  ids=repr,
)
def test_memory_that_ran_out_is_the_workers_fault(make, monkeypatch, error):
  """Another worker may do better: it is not the candidate that has lost."""
  _fails_with(monkeypatch, error)
  answer = make().answer(Job(CANDIDATE, 1, 1, 0, 3))
  assert answer == Exhausted(f"{type(error).__name__}: {error}")
  _network(monkeypatch, error)
  assert make().answer(Export(CANDIDATE, 1)) == answer


def test_disk_that_is_full_stops_the_search(make, monkeypatch):
  full = OSError(28, "No space left on device")
  _fails_with(monkeypatch, full)
  assert make().answer(Job(CANDIDATE, 1, 1, 0, 3)) == Stopped(full)


def test_cache_that_cannot_be_written_stops_the_search(make, monkeypatch):
  full = ConfigError("--cache_dir: the disk is full")

  def full_disk(*_):
    raise full

  monkeypatch.setattr(worker, "make_inputs", full_disk)
  assert make().answer(Job(CANDIDATE, 1, 1, 0, 3)) == Stopped(full)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_interrupts_are_not_caught(make, monkeypatch, stop):
  _fails_with(monkeypatch, stop())
  with pytest.raises(stop):
    make().answer(Job(CANDIDATE, 1, 1, 0, 3))


def test_network_that_cannot_be_built_has_failed(make, monkeypatch):
  class Refuses:
    def __init__(self, *arguments):
      raise RuntimeError("no such operation")

  monkeypatch.setattr("elite_tf.training.trainer.Trainer", Refuses)
  outcome = make().answer(Job(CANDIDATE, 1, 1, 0, 3))
  assert outcome.error == "RuntimeError: no such operation"
  assert outcome.epochs == ()


def test_rounds_and_the_way_to_the_end(make, wire):
  """A real training: what was traced is kept from round to round."""
  here = make()
  first = here.answer(Job(CANDIDATE, 1, 1, 0, 1))
  second = here.answer(Job(CANDIDATE, 1, 0, 1, 3))
  assert [epoch.epoch for epoch in first.epochs] == [1]
  assert [epoch.epoch for epoch in second.epochs] == [2, 3]
  assert first.first_step_seconds > 0 == second.first_step_seconds
  assert wire.sent == [
    EpochDone(CANDIDATE.name, epoch)
    for epoch in (*first.epochs, *second.epochs)
  ]
  # Forgotten and asked again: it goes on from its checkpoint, which has it all.
  here.release(CANDIDATE.name)
  here.release("nobody")
  assert here.answer(Job(CANDIDATE, 1, 0, 1, 3)).epochs == second.epochs


def test_loss_that_is_no_number(make, monkeypatch):
  monkeypatch.setattr(
    "elite_tf.training.trainer.learning_rate", lambda *_: float("nan")
  )
  outcome = make().answer(Job(CANDIDATE, 1, 1, 0, 3))
  # The first step still has the weights that were drawn.
  assert outcome.error == "loss became nan in epoch 1"
  assert outcome.epochs == ()


def _network(monkeypatch, *answers):
  """Has each of the answers come out of a checkpoint, in turn."""
  left = list(answers)

  def load_trained(candidate, path):
    answer = left.pop(0)
    if isinstance(answer, Exception):
      raise answer
    return answer

  monkeypatch.setattr("elite_tf.training.trainer.load_trained", load_trained)


@pytest.mark.parametrize("augment", ["none", "light"])
def test_training_images_are_augmented_as_asked(make, monkeypatch, augment):
  given = []

  class Asked(Scripted):
    def __init__(self, candidate, inputs, *arguments):
      super().__init__()
      given.append(inputs)

    def train(self, stop, listener):
      pass

  monkeypatch.setattr("elite_tf.training.trainer.Trainer", Asked)
  here = make(augment=augment)
  here.answer(Job(CANDIDATE, 1, 1, 0, 3))
  other = dataclasses.replace(CANDIDATE, d=CANDIDATE.d + 1)
  here.answer(Job(other, 1, 1, 0, 3))
  first, second = given
  assert first is second, "made once for all candidates of a resolution"
  assert first.train.shape == (16, 16, 1)
  (plain, _), (changed, _) = (
    next(first.train.read([slice(60)], key)) for key in ((0, 0), (0, 1))
  )
  assert (plain == changed).all() == (augment == "none")


def test_champion_is_exported(make, monkeypatch, tmp_path):
  asked = []

  def write_champion(*arguments):
    asked.append(arguments)
    return "metrics"

  _network(monkeypatch, "network")
  monkeypatch.setattr(
    "elite_tf.conversion.champion.write_champion", write_champion
  )
  exported = make().answer(Export(CANDIDATE, 1))
  assert exported == Exported(CANDIDATE.name, "metrics")
  ((folder, network, candidate, data, settings),) = asked
  assert folder == tmp_path / "champions" / CANDIDATE.name
  assert (network, candidate) == ("network", CANDIDATE)
  assert len(data.train.labels) == 60
  assert settings == Settings(epochs=3, batch_size=30)


def test_champion_that_cannot_be_deployed(make, monkeypatch):
  def write_champion(*arguments):
    raise VerificationFailed("outputs differ")

  _network(monkeypatch, "network")
  monkeypatch.setattr(
    "elite_tf.conversion.champion.write_champion", write_champion
  )
  exported = make().answer(Export(CANDIDATE, 1))
  assert exported == Exported(CANDIDATE.name, None, "outputs differ")


def test_champion_that_cannot_be_converted(make, monkeypatch):
  def write_champion(*arguments):
    raise ValueError("no such\noperator")

  _network(monkeypatch, "network")
  monkeypatch.setattr(
    "elite_tf.conversion.champion.write_champion", write_champion
  )
  exported = make().answer(Export(CANDIDATE, 1))
  assert exported.error == "ValueError: no such operator"


def test_champion_whose_checkpoint_is_damaged_is_trained_again(
  make, wire, monkeypatch, log
):
  trained = []

  class Again:
    def __init__(self, *arguments):
      pass

    def train(self, stop):
      trained.append(stop)

  _network(monkeypatch, ValueError("c.npz: damaged checkpoint"), "network")
  monkeypatch.setattr("elite_tf.training.trainer.Trainer", Again)
  monkeypatch.setattr(
    "elite_tf.conversion.champion.write_champion", lambda *_: {}
  )
  assert make().answer(Export(CANDIDATE, 1)).error is None
  assert trained == [3]
  assert log.messages == [
    f"c.npz: damaged checkpoint; {CANDIDATE.name} is trained again"
  ]
  assert wire.sent == []


def test_a_teacher_of_other_images_is_refused(make, tmp_path):
  import keras

  path = tmp_path / "teacher.keras"
  keras.Sequential(
    [keras.layers.Input((8, 8, 3)), keras.layers.Flatten()]
  ).save(path)
  with pytest.raises(ConfigError) as caught:
    make(teacher=str(path))
  assert str(caught.value) == (
    f"--teacher={path} must take square images of 1 channels, as --data has"
    " them. Received: input (None, 8, 8, 3)"
  )


def test_champions_alone_have_the_teacher(make, tmp_path, monkeypatch):
  import keras

  path = tmp_path / "teacher.keras"
  keras.Sequential(
    [
      keras.layers.Input((8, 8, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(10, activation="softmax"),
    ]
  ).save(path)
  taught = []

  class Trainer:
    epochs = ()
    first_step_seconds = 0.0

    def __init__(self, *arguments):
      taught.append(arguments[-1] is not None)

    def train(self, stop, listener):
      pass

  worker_ = make(teacher=str(path))
  monkeypatch.setattr("elite_tf.training.trainer.Trainer", Trainer)
  worker_.train(Job(CANDIDATE, 1, 1, 0, 1))
  worker_.train(Job(CANDIDATE, 1, 2, 1, 2))
  worker_.train(Job(CANDIDATE, 1, 0, 2, 3))
  assert taught == [False, True]


def test_a_parent_that_is_gone_ends_it_quietly(monkeypatch):
  ours, theirs = multiprocessing.Pipe()
  monkeypatch.setattr(worker, "connection_to_parent", lambda _: theirs)
  monkeypatch.setattr(worker, "forward_log", lambda _: None)
  monkeypatch.setattr(worker, "Worker", lambda *_: None)
  with ThreadPoolExecutor() as pool:
    ours.send("setup")
    ended = pool.submit(worker.main, [])
    assert ours.poll(60)
    ours.close()  # With an unread message the other end is reset, not ended.
    assert ended.result(timeout=60) is None
