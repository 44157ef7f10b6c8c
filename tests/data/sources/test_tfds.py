"""TensorFlow Datasets, on data that its own writer prepares."""

import os
import subprocess
import sys

import numpy as np
import pytest

from elite_tf.data import sources
from elite_tf.data.sources import Store


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, photographs, write_tfds):
  """A folder as --tfds_dir names it, and what was put in."""
  root = tmp_path_factory.mktemp("tfds")
  pieces = photographs(64)
  labels = [i % 2 for i in range(64)]
  parts = {"train": slice(0, 40), "validation": slice(40, 52)}
  splits = {name: (pieces[p], labels[p]) for name, p in parts.items()}
  # As ImageNet has it: images of a competition without their labels.
  splits["test"] = (pieces[52:], [-1] * 12)
  write_tfds(root, "pieces", ["temple", "flower"], **splits)
  return root, pieces, labels


@pytest.fixture(scope="module")
def cached(prepared, tmp_path_factory):
  """The same, decoded once into a cache."""
  root, _, _ = prepared
  store = Store(tmp_path_factory.mktemp("cache"), 0, str(root))
  return store, sources.load("tfds:pieces", 0, store)


def test_description(cached):
  description = cached[1].description
  assert description.name == "pieces"
  assert description.class_names == ("temple", "flower")
  assert (description.classes, description.channels) == (2, 3)
  assert description.images == 52
  assert 80 <= min(description.height, description.width) < 120
  assert description.photographs
  assert description.notes == (
    "splits: train is 'train' (40), test is 'validation' (12), val is a tenth"
    " of every class of train",
  )


def test_every_picture_and_its_label(cached, prepared):
  _, pieces, labels = prepared
  expected = {p.tobytes(): i for p, i in zip(pieces[:52], labels)}
  data = cached[1]
  found = {}
  for split in (data.train, data.val, data.test):
    for image, label in zip(split.images, split.labels.tolist()):
      found[image.tobytes()] = label
  assert found == expected
  # Its validation is the test part: the labels of its test are unknown.
  test = {image.tobytes() for image in data.test.images}
  assert test == {piece.tobytes() for piece in pieces[40:52]}
  assert len(data.val.labels) == 4 and len(data.train.labels) == 36


def test_cache_needs_no_tensorflow(cached):
  """A machine with neither the package nor the data trains from the cache."""
  store, data = cached
  code = (
    "import sys; from pathlib import Path; from elite_tf.data import sources;"
    "sys.modules.update(tensorflow=None, tensorflow_datasets=None);"
    "sources.tfds.tfds_client = None;"
    "store = sources.Store(Path(sys.argv[1]), tfds_dir='/nowhere');"
    "description = sources.describe('tfds:pieces', store);"
    "data = sources.load('tfds:pieces', 0, store);"
    "assert data.description == description;"
    "print(sum(int(image.sum()) for image in data.train.images))"
  )
  done = subprocess.run(
    [sys.executable, "-c", code, str(store.root)],
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    capture_output=True,
    text=True,
    timeout=60,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  expected = sum(int(np.sum(image)) for image in data.train.images)
  assert int(done.stdout) == expected


def test_description_of_the_cache_starts_no_process(cached, monkeypatch):
  store, data = cached
  monkeypatch.setattr(subprocess, "Popen", None)
  assert sources.describe("tfds:pieces", store) == data.description
  sources.load("tfds:pieces", 1, store)


def test_data_prepared_anew_are_read_anew(cached, prepared, monkeypatch):
  """By names and sizes of the prepared files, where they can be seen."""
  (file,) = prepared[0].rglob("*train.tfrecord*")
  monkeypatch.setattr(subprocess, "Popen", None)
  size = file.stat().st_size
  try:
    os.truncate(file, size + 1)
    with pytest.raises(TypeError, match="'NoneType'"):  # It would be started.
      sources.describe("tfds:pieces", cached[0])
  finally:
    os.truncate(file, size)
  assert sources.describe("tfds:pieces", cached[0]).images == 52


def test_unknown_name(complaint, prepared):
  for store in (Store(), Store(tfds_dir=str(prepared[0]))):
    line = complaint(sources.describe, "tfds:no_such_data", store)
    assert line.startswith(
      "--data=tfds:no_such_data is unknown to TensorFlow Datasets"
    )
    assert (str(prepared[0]) in line) == bool(store.tfds_dir)


def test_known_name_without_data_names_both_flags(complaint, tmp_path):
  store = Store(tmp_path / "cache", tfds_dir=str(tmp_path))
  line = complaint(sources.load, "tfds:mnist", 0, store)
  assert line.startswith(f"--data=tfds:mnist is not prepared in {tmp_path}")
  assert "--tfds_dir" in line and "--download" in line
  assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["mnist:99.0.0", "../mnist", "Not A Name"])
def test_names_that_cannot_be(complaint, tmp_path, name):
  line = complaint(
    sources.describe, f"tfds:{name}", Store(tfds_dir=str(tmp_path))
  )
  assert line.startswith(f"--data=tfds:{name} ")
