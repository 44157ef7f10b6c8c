"""What holds for every source of the registry, and for the two doors."""

import dataclasses
import functools
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from elite_tf.data import sources
from elite_tf.data.sources import types

# Sources that the test below writes the digits for, with a test part of 297
# images where the format has one. A source that is added is added here.
WRITTEN = ("folder", "idx", "npz", "tfds")


@dataclasses.dataclass(frozen=True)
class Source:
  """A data set through one of the sources."""

  spec: str
  store: sources.Store

  def describe(self):
    return sources.describe(self.spec, self.store)

  def load(self, seed=0):
    return sources.load(self.spec, seed, self.store)


@pytest.fixture(scope="module")
def written(tmp_path_factory, digits, write_idx, write_folder, write_tfds):
  """Writes the digits in a source's format, once; returns the argument."""
  images, labels = digits
  train, test = (images[:1500], labels[:1500]), (images[1500:], labels[1500:])
  arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), train + test))

  @functools.cache
  def write(scheme):
    path = tmp_path_factory.mktemp(scheme) / "My digits"
    if scheme == "idx":
      return write_idx(path, arrays, packed=True)
    if scheme == "folder":
      return write_folder(path, train=train, test=test)
    if scheme == "tfds":
      parts = {"train": train, "test": test}
      parts = {p: (i[..., None], c) for p, (i, c) in parts.items()}
      write_tfds(path.parent, "my_digits", list("0123456789"), **parts)
      return path.with_name("my_digits")
    path = path.with_suffix(".npz")
    np.savez_compressed(path, **arrays)
    return path

  return write


@pytest.fixture(params=sorted(sources.SOURCES))
def source(request, written):
  """A real data set, through each source."""
  if request.param not in WRITTEN:
    return Source(request.param, sources.Store())
  argument = written(request.param)
  store = sources.Store()
  if request.param == "tfds":
    # Read through TensorFlow once, and then from the cache.
    root, argument = argument.parent, argument.name
    store = sources.Store(root / "cache", tfds_dir=str(root))
  return Source(f"{request.param}:{argument}", store)


def _pixels(split):
  return [image.tobytes() for image in split.images]


def test_every_source_has_its_parts():
  for scheme, source in sources.SOURCES.items():
    assert isinstance(source, sources.DataSource)
    assert source.usage.partition(":")[0] == scheme
    assert source.describe.__doc__ and source.load.__doc__
  assert {"digits", *WRITTEN} == set(sources.SOURCES)


@pytest.mark.parametrize("scheme", sorted(sources.SOURCES))
def test_only_sources_with_picture_files_are_decoded(scheme):
  spec = scheme if scheme == "digits" else f"{scheme}:x"
  assert sources.is_decoded(spec) == (scheme in ("folder", "tfds"))


def test_description_says_what_is_loaded(source):
  description = source.describe()
  dataset = source.load()
  parts = (dataset.train, dataset.val, dataset.test)
  assert isinstance(description, types.Description)
  assert dataset.description == description
  assert re.fullmatch(r"[\w-]+", description.name)
  # As scikit-learn documents them.
  assert description.images == 1797 == sum(len(p.labels) for p in parts)
  assert (description.height, description.width) == (8, 8)
  assert (description.channels, description.classes) == (1, 10)
  assert description.class_names == tuple("0123456789")


def test_parts_have_the_promised_form(source):
  dataset = source.load()
  for split in (dataset.train, dataset.val, dataset.test):
    assert len(split.images) == len(split.labels)
    for image in (split.images[0], *split.images[np.array([3, 1])]):
      assert isinstance(image, np.ndarray) and image.dtype == np.uint8
      assert image.shape == (8, 8, 1)
    assert split.labels.dtype == np.int32
    assert split.labels.ndim == 1
    assert sorted(set(split.labels.tolist())) == list(range(10))


def test_no_image_is_lost_or_gets_another_label(source, digits):
  """scikit-learn's digits are all different, so pixels identify an image."""
  dataset = source.load()
  expected = {i.tobytes(): int(c) for i, c in zip(*digits)}
  assert len(expected) == 1797
  found = {}
  for split in (dataset.train, dataset.val, dataset.test):
    part = dict(zip(_pixels(split), split.labels.tolist()))
    assert not found.keys() & part.keys()
    found |= part
  assert found == expected


def test_same_seed_same_cut(source):
  one, two = source.load(7), source.load(seed=7)
  for part in ("train", "val", "test"):
    assert _pixels(getattr(one, part)) == _pixels(getattr(two, part))


def test_seed_moves_validation_and_never_test(source):
  one, two = source.load(), source.load(1)
  assert _pixels(one.test) == _pixels(two.test)
  assert np.array_equal(one.test.labels, two.test.labels)
  assert set(_pixels(one.val)) != set(_pixels(two.val))
  assert len(one.val.labels) == len(two.val.labels)


@pytest.mark.parametrize("seed", [-1, 0.5, "1", None])
def test_seed_must_be_a_seed(source, complaint, seed):
  line = complaint(source.load, seed)
  assert line.startswith("--seed ") and line.endswith(f"Received: {seed!r}")


def test_describing_loads_no_library_for_learning(source):
  """A dry run describes the data and has a second for everything."""
  code = (
    "import sys; from elite_tf.data import sources;"
    "assert {'numpy', 'PIL'}.isdisjoint(sys.modules);"
    "from pathlib import Path;"
    "store = sources.Store(Path(sys.argv[2]), tfds_dir=sys.argv[3]);"
    "sources.describe(sys.argv[1], store);"
    "print(*sorted({'numpy', 'sklearn', 'tensorflow', 'keras', 'scipy'}"
    " & set(sys.modules)))"
  )
  result = subprocess.run(
    [
      sys.executable,
      "-c",
      code,
      source.spec,
      str(source.store.root),
      source.store.tfds_dir,
    ],
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stderr
  # Only NumPy reads the labels of an .npz file.
  numpy = "numpy" if source.spec.startswith("npz:") else ""
  assert result.stdout.strip() == numpy


def test_digits_without_scikit_learn(complaint, monkeypatch):
  for name in ("sklearn", "sklearn.datasets"):
    monkeypatch.setitem(sys.modules, name, None)
  line = complaint(sources.load, "digits")
  assert line.startswith("--data=digits needs scikit-learn")


def test_digits_are_read_without_loading_scikit_learn():
  """A second of every worker's start."""
  code = (
    "import sys; from elite_tf.data import sources;"
    "print(len(sources.load('digits').train.labels), 'sklearn' in sys.modules)"
  )
  done = subprocess.run(
    [sys.executable, "-c", code],
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.stdout.split() == ["1231", "False"], done.stderr


def test_digits_of_a_scikit_learn_that_moved_the_file(monkeypatch):
  expected = sources.load("digits")
  with monkeypatch.context() as patched:
    patched.setattr(sources.digits.Path, "is_file", lambda path: False)
    found = sources.load("digits")
  for part in ("train", "val", "test"):
    one, other = getattr(found, part), getattr(expected, part)
    assert np.array_equal(one.images, other.images)
    assert np.array_equal(one.labels, other.labels)
    assert one.labels.dtype == other.labels.dtype


def test_digits_test_part_stays_what_it_was():
  """Results of different versions compare only over the same test images."""
  dataset = sources.load("digits")
  assert len(dataset.test.labels) == 355
  assert len(dataset.val.labels) == 211
  counts = np.bincount(dataset.test.labels).tolist()
  # A fifth, rounded down, of scikit-learn's 178, 182, 177, 183 ...
  assert counts == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]


@pytest.mark.parametrize("spec", ["mnist", "", ":", "idx3:/data", "Digits"])
def test_unknown_scheme_names_the_known(complaint, spec):
  for function in (sources.describe, sources.load):
    line = complaint(function, spec)
    assert line == (
      "--data must be one of digits, idx:DIR, npz:FILE, folder:DIR, tfds:NAME."
      f" Received: {spec!r}"
    )


@pytest.mark.parametrize("spec", [None, 3, b"digits", ["digits"]])
def test_spec_must_be_a_string(complaint, spec):
  line = complaint(sources.describe, spec)
  name = type(spec).__name__
  assert line == f"--data must be a string. Received: {name}"


@pytest.mark.parametrize("scheme", WRITTEN)
@pytest.mark.parametrize("colon", ["", ":"])
def test_argument_must_not_be_missing(complaint, scheme, colon):
  line = complaint(sources.describe, scheme + colon)
  assert line.startswith(f"--data must be written {scheme}:")
  assert line.endswith(f"Received: {scheme + colon!r}")


def test_digits_take_no_argument(complaint):
  line = complaint(sources.describe, "digits:foo")
  assert line == "--data must be written digits. Received: 'digits:foo'"


@pytest.mark.parametrize("scheme", ["folder", "idx", "npz"])
def test_missing_path_is_named_on_one_line(complaint, scheme, tmp_path):
  path = tmp_path / "two\nlines"
  for function in (sources.describe, sources.load):
    line = complaint(function, f"{scheme}:{path}")
    assert line.startswith("--data: cannot read this path: No such file")
    assert line.endswith(f"Received: {str(path)!r}")
