"""A checkpoint is read as it was written, or not at all."""

import os

import numpy as np
import pytest

from elite_tf.training import checkpoint
from elite_tf.training.checkpoint import Checkpoint
from elite_tf.types import Epoch

EPOCHS = (
  Epoch(1, 2.5, 0.1, 0.30000000000000004, 1 / 3, 7.5),
  Epoch(2, 1e-30, 0.0, 2.25, 1.0, 0.5),
)


def _arrays():
  draw = np.random.default_rng(0)
  return {
    "weights": draw.normal(size=5).astype(np.float32),
    "square": np.ones(3, np.float32),
    "statistics": np.zeros(0, np.float32),
  }


def _same(one, two):
  return (
    one.epochs == two.epochs
    and one.arrays.keys() == two.arrays.keys()
    and all(
      np.array_equal(one.arrays[name], two.arrays[name])
      and one.arrays[name].dtype == two.arrays[name].dtype
      for name in one.arrays
    )
  )


@pytest.fixture
def path(tmp_path):
  return tmp_path / "candidates" / "a" / "checkpoint.npz"


@pytest.mark.parametrize("epochs", [EPOCHS, EPOCHS[:1], ()])
def test_what_was_saved_is_loaded(path, epochs):
  saved = Checkpoint(_arrays(), epochs)
  checkpoint.save(path, saved)
  loaded = checkpoint.load(path)
  assert _same(saved, loaded)
  assert all(type(e.epoch) is int for e in loaded.epochs)
  assert os.listdir(path.parent) == [path.name]


def test_none_is_none(path):
  assert checkpoint.load(path) is None


def test_file_is_an_npz_too(path):
  """So that a person can look into it."""
  arrays = _arrays()
  checkpoint.save(path, Checkpoint(arrays, EPOCHS))
  with np.load(path) as file:
    assert set(file.files) == {"epochs", *arrays}
    assert np.array_equal(file["weights"], arrays["weights"])


@pytest.fixture
def two(path):
  """Two checkpoints, one after the other."""
  checkpoint.save(path, Checkpoint(_arrays(), EPOCHS[:1]))
  checkpoint.save(path, Checkpoint(_arrays(), EPOCHS))
  return path, path.with_name("checkpoint.previous.npz")


def test_new_one_takes_the_place_of_the_old_which_is_kept(two):
  path, before = two
  assert checkpoint.load(path).epochs == EPOCHS
  assert checkpoint.load(before).epochs == EPOCHS[:1]
  checkpoint.save(path, Checkpoint(_arrays(), ()))
  assert checkpoint.load(path).epochs == ()
  assert checkpoint.load(before).epochs == EPOCHS
  assert sorted(os.listdir(path.parent)) == sorted([before.name, path.name])


def test_last_one_is_taken_without_a_word(two, tmp_path, log):
  found = checkpoint.load_last(two[0])
  assert found.epochs == EPOCHS and log.messages == []
  assert checkpoint.load_last(tmp_path / "none.npz") is None
  assert log.messages == []


def test_damaged_one_gives_way_to_the_one_before(two, log):
  path, before = two
  path.write_bytes(path.read_bytes()[:-50])
  found = checkpoint.load_last(path)
  assert found.epochs == EPOCHS[:1]
  assert log.messages == [
    f"{path}: damaged checkpoint; goes on from the one before it, epoch 1"
  ]
  # Nor does the damaged one push it out before the next is there.
  checkpoint.save(path, found)
  assert checkpoint.load(before).epochs == EPOCHS[:1]


def test_killed_between_the_two_renames(two, log):
  path, _ = two
  path.unlink()
  found = checkpoint.load_last(path)
  assert found.epochs == EPOCHS[:1] and log.messages == []


def test_both_damaged(two, log):
  path, before = two
  for place in two:
    place.write_bytes(b"nothing")
  assert checkpoint.load_last(path) is None
  assert log.messages == [
    f"{path}: damaged checkpoint; {before}: damaged checkpoint; this"
    " candidate is trained anew"
  ]


@pytest.mark.parametrize("bit", [0, 7])
def test_every_flipped_bit_is_detected(path, bit):
  """In the arrays, in the zip file's directory and in the checksum."""
  checkpoint.save(path, Checkpoint(_arrays(), EPOCHS))
  data = path.read_bytes()
  for position in range(0, len(data)):
    broken = bytearray(data)
    broken[position] ^= 1 << bit
    path.write_bytes(broken)
    with pytest.raises(ValueError) as caught:
      checkpoint.load(path)
    assert str(caught.value) == f"{path}: damaged checkpoint"


def test_every_truncation_is_detected(path):
  checkpoint.save(path, Checkpoint(_arrays(), EPOCHS))
  data = path.read_bytes()
  for length in range(len(data)):
    path.write_bytes(data[:length])
    with pytest.raises(ValueError, match="damaged checkpoint"):
      checkpoint.load(path)
  path.write_bytes(data + b"\0")
  with pytest.raises(ValueError, match="damaged checkpoint"):
    checkpoint.load(path)


def test_file_that_cannot_be_read_is_not_called_damaged(path):
  """To train it anew would throw away what is there."""
  path.mkdir(parents=True)
  with pytest.raises(IsADirectoryError):
    checkpoint.load(path)


def test_nothing_is_left_of_one_that_could_not_be_written(path, monkeypatch):
  checkpoint.save(path, Checkpoint(_arrays(), EPOCHS[:1]))

  def full(descriptor):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr("os.fsync", full)
  with pytest.raises(OSError, match="No space left"):
    checkpoint.save(path, Checkpoint(_arrays(), EPOCHS))
  assert os.listdir(path.parent) == [path.name], "nor is the old one moved"
  assert checkpoint.load(path).epochs == EPOCHS[:1]


def test_a_checkpoint_of_another_network_is_refused(path):
  saved = Checkpoint(_arrays(), EPOCHS)
  shapes = {"weights": (5,), "square": (3,), "statistics": (0,)}
  checkpoint.check_shapes(path, saved, shapes)
  for name, shape in (("weights", (6,)), ("average", (5,))):
    with pytest.raises(ValueError, match=f"{path}.*{name}.*{shape[0]},"):
      checkpoint.check_shapes(path, saved, {**shapes, name: shape})
