"""Folders at the top: parts of the data, classes, or a mistake."""

import pytest
from PIL import Image

from elite_tf.data import sources
from elite_tf.data.sources import part_folders


@pytest.fixture
def write(tmp_path):
  """Writes four different pictures into every folder that is named."""

  def write(*folders):
    for number, name in enumerate(folders):
      for picture in range(4):
        path = tmp_path / name / f"{picture}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (number, picture, 200)).save(path)
    return tmp_path

  return write


def _in(*parts, classes=("cat", "dog")):
  return [f"{part}/{name}" for part in parts for name in classes]


@pytest.mark.parametrize(
    "names, part",
    [
        ("train Train TRAINING training seg_train training_set train2017"
         " images-train trainset train_images", "train"),
        ("val valid Validation dev dev_set seg-valid val2017", "val"),
        ("test testing eval evaluation seg_test test_set Test-Images", "test"),
        ("trains contest latest development value testify unlabeled retrain"
         " evaluate protest test_a_b x_y_test", None),
    ],
)  # fmt: skip
def test_usual_names(names, part):
  assert {part_folders.part_of(name) for name in names.split()} == {part}


@pytest.mark.parametrize(
  "parts",
  [
    ("train", "dev", "test"),
    ("training", "validation", "testing"),
    ("seg_train", "seg_val", "seg_test"),
    ("train_set", "valid_set", "eval_set"),
  ],
)
def test_parts_by_their_usual_names(write, parts):
  description = sources.describe(f"folder:{write(*_in(*parts))}")
  assert description.class_names == ("cat", "dog")
  data = sources.load(f"folder:{write()}")
  assert [len(s.labels) for s in (data.train, data.val, data.test)] == [8, 8, 8]
  # Which is which shows in the colour: folders were numbered.
  assert {image[0, 0, 0] for image in data.train.images} == {0, 1}
  assert {image[0, 0, 0] for image in data.val.images} == {2, 3}
  assert description.class_images == (12, 12)
  (note,) = [n for n in description.notes if n.startswith("parts: ")]
  for part, name in zip(("train", "val", "test"), parts):
    assert f"{part} is {name}/ (8)" in note


@pytest.mark.parametrize(
    "folders, received",
    [
        ([*_in("train", "test"), "unlabeled"],
         "'test', which looks like a part and holds folders, beside"
         " 'unlabeled'"),
        ([*_in("seg_train", "seg_test"), "seg_pred"],
         "'seg_test', which looks like a part and holds folders, beside"
         " 'seg_pred'"),
        (_in("fold1", "fold2", "fold3"),
         "'fold1' and 'fold2' hold the same folders ('cat', 'dog'), as parts"
         " do"),
        (_in("cat", "dog", classes=("train", "test")),
         "'cat' and 'dog' hold the same folders ('test', 'train'), as parts"
         " do"),
        (["train", "test"],
         "'test' and 'train', which look like parts but hold no folders"),
        (["train", "test", "unlabeled"],
         "'test' and 'train', which look like parts but hold no folders"),
        (_in("train", "test", "testing"),
         "'test' and 'testing'"),
        (_in("train", "val", "dev"), "'dev' and 'val'"),
    ],
)  # fmt: skip
def test_refused_in_one_line(write, complaint, folders, received):
  line = complaint(sources.describe, f"folder:{write(*folders)}")
  assert line.startswith("--data=folder: ")
  assert line.endswith(f"Received: {received}")


def test_subfolders_of_classes_are_no_parts(write):
  """Not all of them hold the same."""
  root = write("cat/day", "cat/night", "dog/day")
  description = sources.describe(f"folder:{root}")
  assert description.class_names == ("cat", "dog")
  assert description.class_images == (8, 4)


def test_one_subfolder_in_every_class(write):
  root = write("cat/images", "dog/images")
  assert sources.describe(f"folder:{root}").class_names == ("cat", "dog")


def test_what_macos_adds_to_an_archive_is_hidden(write):
  root = write(*_in("train", "test"))
  (root / "__MACOSX" / "train").mkdir(parents=True)
  assert sources.describe(f"folder:{root}").class_names == ("cat", "dog")
