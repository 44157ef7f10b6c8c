"""Pictures in folders: how they may lie, and what is wrong with them."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from elite_tf.data import sources

PARTS = ("train", "val", "test")


@pytest.fixture
def write(tmp_path, photographs):
  """Writes a piece of a photograph to every path that is named."""

  def write(*paths, folder="My pictures"):
    root = tmp_path / folder
    for path, picture in zip(paths, photographs(len(paths))):
      target = root / path
      target.parent.mkdir(parents=True, exist_ok=True)
      Image.fromarray(picture).save(target)
    return root

  return write


def _some(folder, count, extension="png"):
  return [f"{folder}/{number}.{extension}" for number in range(count)]


def _describe(root):
  return sources.describe(f"folder:{root}")


def _load(root, seed=0):
  return sources.load(f"folder:{root}", seed)


def test_one_subfolder_a_class(write):
  root = write(*_some("cats", 10), *_some("dogs", 10), *_some("ants", 10))
  description = _describe(root)
  assert description.name == "My-pictures"
  assert description.class_names == ("ants", "cats", "dogs")
  assert (description.classes, description.channels) == (3, 3)
  assert description.images == 30 and description.photographs
  assert description.notes == (
    "no test/ and val/: of the training pictures a fifth of every class is for"
    " test, a tenth of every class is for validation",
  )
  data = _load(root)
  assert data.description == description
  # Of each class two of ten for test, one of eight to validate.
  assert np.bincount(data.test.labels).tolist() == [2, 2, 2]
  assert np.bincount(data.val.labels).tolist() == [1, 1, 1]
  assert np.bincount(data.train.labels).tolist() == [7, 7, 7]


def test_labels_are_those_of_the_folders(tmp_path):
  """One colour a class tells which is which."""
  for label, name in enumerate(("b", "a", "c")):
    for number in range(6):
      path = tmp_path / name / f"{number}.bmp"
      path.parent.mkdir(exist_ok=True)
      Image.new("RGB", (3, 2), (label, 0, 0)).save(path)
  data = _load(tmp_path)
  assert data.description.class_names == ("a", "b", "c")
  colour_of = {0: 1, 1: 0, 2: 2}
  for split in (data.train, data.val, data.test):
    for image, label in zip(split.images, split.labels.tolist()):
      assert (image[..., 0] == colour_of[label]).all()


@pytest.mark.parametrize("val", ["val", "validation", "valid", "Val"])
def test_parts_of_its_own(write, val):
  root = write(
      *_some("train/a", 5), *_some("train/b", 4), *_some(f"{val}/a", 3),
      *_some(f"{val}/b", 2), *_some("test/a", 1), *_some("test/b", 1),
  )  # fmt: skip
  data = _load(root)
  counts = [np.bincount(s.labels).tolist() for s in (data.train, data.val)]
  assert counts == [[5, 4], [3, 2]]
  assert np.bincount(data.test.labels).tolist() == [1, 1]
  assert data.description.images == 16 and not _describe(root).notes


def test_only_the_missing_part_is_cut(write):
  root = write(
      *_some("train/a", 10), *_some("train/b", 10), *_some("test/a", 4),
      *_some("test/b", 4),
  )  # fmt: skip
  assert _describe(root).notes == (
    "no val/: of the training pictures a tenth of every class is for validation",
  )
  data = _load(root)
  sizes = [len(s.labels) for s in (data.train, data.val, data.test)]
  assert sizes == [18, 2, 8]
  root = write(
      *_some("train/a", 10), *_some("train/b", 10), *_some("val/a", 4),
      *_some("val/b", 4), folder="other",
  )  # fmt: skip
  data = _load(root)
  sizes = [len(getattr(data, part).labels) for part in PARTS]
  # A fifth of each class for test; val/ as it is, which has four of each.
  assert sizes == [16, 8, 4]


def test_train_alone_is_cut_too(write):
  root = write(*_some("train/a", 10), *_some("train/b", 10))
  data = _load(root)
  assert data.description.class_names == ("a", "b")
  assert len(data.test.labels) == 4 and len(data.val.labels) == 2


def test_a_class_may_be_called_train(write):
  root = write(*_some("train", 5), *_some("car", 5))
  description = _describe(root)
  assert description.class_names == ("car", "train")
  assert description.notes[0].startswith(
    "'train' holds pictures and counts as a class; "
  )


def test_pictures_may_lie_deeper(write):
  root = write(*_some("a/summer/june", 5), *_some("a", 3), *_some("b/x", 8))
  assert _describe(root).images == 16


@pytest.mark.parametrize("extension", ["jpg", "JPEG", "png", "bmp"])
def test_extensions(write, extension):
  root = write(*_some("a", 3, extension), *_some("b", 3, extension))
  assert len(_load(root).train.labels) == 2


def test_names_of_any_kind(write):
  names = ("Äpfel & Birnen", "日本 語", 'it\'s a "class"', "-x", "50% off")
  root = write(
    *(f"{name}/{i} ünï #?.jpg" for name in names for i in range(3)),
    folder="ein Ordner, ein Name",
  )
  data = _load(root)
  assert data.description.class_names == tuple(sorted(names))
  assert data.description.name == "ein-Ordner-ein-Name"
  assert len(data.train.labels) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there")
def test_names_that_are_no_text(tmp_path):
  for name in (b"a\xff", b"two\nlines"):
    for number in range(3):
      path = os.path.join(os.fsencode(tmp_path), name, b"%d\xfe.png" % number)
      os.makedirs(os.path.dirname(path), exist_ok=True)
      Image.new("L", (4, 4)).save(os.fsdecode(path))
  assert _load(tmp_path).description.class_names == ("a\ufffd", "two lines")


def test_grey_only_if_all_are(tmp_path):
  for name in "ab":
    for number in range(4):
      path = tmp_path / name / f"{number}.png"
      path.parent.mkdir(exist_ok=True)
      Image.new("L", (9, 9), number).save(path)
  assert _describe(tmp_path).channels == 1
  assert _load(tmp_path).train.images[0].shape == (9, 9, 1)
  Image.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "b" / "2.png")
  assert _describe(tmp_path).channels == 3
  assert _load(tmp_path).train.images[0].shape == (9, 9, 3)


@pytest.mark.parametrize("side, photographs", [(63, False), (64, True)])
def test_photographs_are_those_of_64_pixels(tmp_path, side, photographs):
  for name in "ab":
    for number in range(3):
      path = tmp_path / name / f"{number}.png"
      path.parent.mkdir(exist_ok=True)
      Image.new("L", (200, side)).save(path)
  description = _describe(tmp_path)
  assert (description.height, description.width) == (side, 200)
  assert description.photographs is photographs


def test_what_else_lies_there_is_told(write):
  root = write(*_some("a", 3), *_some("b", 3), "cover.jpg")
  (root / "README.txt").write_text("x")
  (root / "a" / "labels.csv").write_text("x")
  (root / "a" / "Thumbs.db").write_bytes(b"x")
  (root / "b" / "LICENSE").write_text("x")
  (root / "b" / "more.csv").write_text("x")
  # Hidden ones are not worth a word.
  (root / ".DS_Store").write_bytes(b"x")
  (root / "a" / "._0.png").write_bytes(b"x")
  (root / ".git").mkdir()
  description = _describe(root)
  assert description.images == 6
  assert description.notes[:2] == (
    "left out: 5 files without a picture's extension (.csv 2, .txt 1,"
    " .db 1, no extension 1)",
    "left out: 1 pictures outside the class folders",
  )


def test_links_are_followed_and_loops_are_not(write):
  root = write(*_some("a", 3), *_some("b", 3))
  (root / "b" / "loop").symlink_to(root / "b")
  (root / "a" / "linked.png").symlink_to(root / "b" / "0.png")
  (root / "c").symlink_to(write(*_some("x", 4), folder="elsewhere") / "x")
  description = _describe(root)
  assert description.class_names == ("a", "b", "c")
  assert description.images == 4 + 3 + 4
  assert (
    "left out: 1 links to folders that were read already" in description.notes
  )


def test_uneven_classes_are_told(write):
  root = write(*_some("many", 31), *_some("few", 20))
  line = _describe(root).notes[-1]
  assert line == (
    "uneven classes: 31 pictures of 'many', 20 of 'few', 1.6 to 1;"
    " --class_weights=balanced compensates"
  )
  (root / "many" / "0.png").unlink()
  assert len(_describe(root).notes) == 1


def test_seed_moves_validation_and_never_test(write):
  root = write(*_some("a", 30), *_some("b", 30))
  one, two = _load(root), _load(root, 1)
  one, two = (
    {part: [i.tobytes() for i in getattr(data, part).images] for part in PARTS}
    for data in (one, two)
  )
  assert one["test"] == two["test"]
  assert one["val"] != two["val"]
