"""Folders of pictures that are not what they should be."""

import os

import pytest
from PIL import Image

from elite_tf.data import sources


@pytest.fixture
def write(tmp_path):
  """Writes a small picture to every path that is named."""

  def write(*paths):
    for number, path in enumerate(paths):
      target = tmp_path / path
      target.parent.mkdir(parents=True, exist_ok=True)
      Image.new("RGB", (8, 6), (number, 0, 0)).save(target)
    return tmp_path

  return write


def _some(folder, count):
  return [f"{folder}/{number}.png" for number in range(count)]


def _both(complaint, root):
  """The complaint; describing and loading say the same."""
  line = complaint(sources.describe, f"folder:{root}")
  assert complaint(sources.load, f"folder:{root}") == line
  assert line.startswith("--data")
  return line


def test_empty_folder(tmp_path, complaint):
  line = _both(complaint, tmp_path)
  assert "must hold a subfolder for each class" in line
  assert line.endswith(f"Received: {str(tmp_path)!r}, with none")


def test_pictures_without_class_folders(write, complaint):
  line = _both(complaint, write("a.png", "b.png"))
  assert line.endswith(", with 2 pictures")


def test_a_file_is_no_folder(tmp_path, complaint):
  (tmp_path / "file").touch()
  line = _both(complaint, tmp_path / "file")
  assert "cannot read this path: Not a directory" in line


def test_one_class(write, complaint):
  line = _both(complaint, write(*_some("only", 5)))
  assert line.endswith("at least two class folders. Received: only 'only'")


def test_class_without_pictures(write, complaint):
  root = write(*_some("a", 5), *_some("b", 5))
  (root / "none").mkdir()
  (root / "none" / "notes.txt").touch()
  line = _both(complaint, root)
  assert "at least 3 pictures (.jpg, .jpeg, .png, .bmp) of every class" in line
  assert line.endswith("Received: 0 of 'none'")


def test_class_with_fewer_pictures_than_parts(write, complaint):
  root = write(*_some("a", 5), *_some("b", 2))
  assert _both(complaint, root).endswith("Received: 2 of 'b'")
  # Enough where only the validation part is cut.
  write(*_some("x/train/a", 5), *_some("x/train/b", 2), *_some("x/test/a", 1),
        *_some("x/test/b", 1))  # fmt: skip
  assert sources.describe(f"folder:{root / 'x'}").images == 9


@pytest.mark.parametrize(
    "there, received",
    [
        (("train/a", "train/b", "train/c", "test/a", "test/b"),
         "'c' in train/ but not in test/"),
        (("train/a", "train/b", "test/a", "test/b", "test/d"),
         "'d' in test/ but not in train/"),
        (("train/a", "train/b", "valid/a", "test/a", "test/b"),
         "'b' in train/ but not in valid/"),
    ],
)  # fmt: skip
def test_parts_with_different_classes(write, complaint, there, received):
  root = write(*(path for name in there for path in _some(name, 3)))
  line = _both(complaint, root)
  assert line.endswith(f"Received: {received}")


def test_parts_without_train(write, complaint):
  root = write(*_some("val/a", 3), *_some("test/a", 3))
  line = _both(complaint, root)
  assert line.endswith("lacks train/. Received: only test/ and val/")


def test_two_validation_folders(write, complaint):
  root = write(*_some("train/a", 3), *_some("val/a", 3), *_some("valid/a", 3))
  line = _both(complaint, root)
  assert line.endswith("one val folder. Received: 'val' and 'valid'")


def test_text_named_as_a_picture_is_left_out_and_told(write, tmp_path):
  root = write(*_some("a", 30), *_some("b", 30))
  for number in range(3):
    (root / "a" / f"text{number}.jpg").write_text("not a picture\n")
  data = sources.load(f"folder:{root}")
  assert data.description.images == 60
  assert data.notes[1:5] == (
    "3 of 63 pictures cannot be read and are left out:",
    *(f"  'a/text{n}.jpg': no JPEG, PNG or BMP" for n in range(3)),
  )
  # Nobody else got the label of one that is missing.
  for split in (data.train, data.val, data.test):
    for image, label in zip(split.images, split.labels.tolist()):
      assert (image[0, 0, 0] >= 30) == label


def test_ten_are_named_and_the_others_counted(write):
  root = write(*_some("a", 140), *_some("b", 140))
  for number in range(12):
    (root / "b" / f"x{number:02}.png").write_bytes(b"\x89PNG")
  notes = sources.load(f"folder:{root}").notes
  first = notes.index("12 of 292 pictures cannot be read and are left out:")
  assert notes[first + 10].startswith("  'b/x09.png': ")
  assert notes[first + 11] == "  and 2 more"


def test_too_many_broken_pictures(write, complaint, tmp_path):
  root = write(*_some("a", 19), *_some("b", 19))
  for number in range(2):
    (root / "a" / f"x{number}.jpg").write_text("text")
  assert sources.load(f"folder:{root}").description.images == 38  # 5 % of 40.
  (root / "b" / "y.jpg").write_text("text")
  store = sources.Store(tmp_path / ".cache")
  line = complaint(sources.load, f"folder:{root}", 0, store)
  assert line.startswith("--data: more than 5 % of the 41 pictures of ")
  assert line.endswith(
    "Received: 'a/x0.jpg' (no JPEG, PNG or BMP) and 2 others"
  )
  assert not os.listdir(tmp_path / ".cache")


def test_no_picture_can_be_read(tmp_path, complaint):
  for name in "ab":
    (tmp_path / name).mkdir()
    for number in range(3):
      (tmp_path / name / f"{number}.jpg").write_text("text")
  line = _both(complaint, tmp_path)
  assert "none of the pictures" in line
  assert line.endswith("Received: 'a/0.jpg' (no JPEG, PNG or BMP)")


def test_class_that_loses_too_many_to_damage(write, complaint):
  root = write(*_some("a", 57), *_some("b", 2))
  (root / "b" / "x.png").write_text("text")
  line = complaint(sources.load, f"folder:{root}")
  assert "at least 3 pictures that can be read of every class" in line
  assert line.endswith("Received: 2 of 'b'")


def test_broken_link_is_a_broken_picture(write):
  root = write(*_some("a", 30), *_some("b", 30))
  (root / "a" / "gone.jpg").symlink_to(root / "nowhere.jpg")
  notes = sources.load(f"folder:{root}").notes
  assert "  'a/gone.jpg': No such file or directory" in notes


def test_pipe_is_left_out(write):
  """To open it would wait forever."""
  root = write(*_some("a", 5), *_some("b", 5))
  os.mkfifo(root / "a" / "pipe.png")
  (root / "b" / "link.png").symlink_to(root / "a" / "pipe.png")
  description = sources.describe(f"folder:{root}")
  assert description.images == 10
  assert description.notes[0].startswith("left out: 2 files ")
  assert description.notes[0].endswith("(pipe 2)")


def test_unreadable_class_folder(write, complaint):
  if os.geteuid() == 0:
    pytest.skip("root reads everything")
  root = write(*_some("a", 3), *_some("b", 3))
  (root / "b").chmod(0)
  assert "Permission denied" in _both(complaint, root)


def test_smallest_and_widest(write):
  root = write(*_some("a", 8), *_some("b", 8))
  Image.new("RGB", (1, 1), "red").save(root / "a" / "dot.png")
  Image.new("RGB", (20_000, 30), "blue").save(root / "b" / "wide.png")
  data = sources.load(f"folder:{root}", 0)
  sizes = {
    image.shape
    for split in (data.train, data.val, data.test)
    for image in split.images
  }
  assert sizes == {(6, 8, 3), (1, 1, 3), (30, 120, 3)}
  assert not any("cannot be read" in note for note in data.notes)
