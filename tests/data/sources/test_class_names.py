"""Names of classes that become the same line of labels.txt."""

import pytest
from PIL import Image

from elite_tf.data import sources
from elite_tf.data.sources import Description, class_names

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def _write(root, *names):
  for number, name in enumerate(names):
    for picture in range(3):
      path = root / name / f"{picture}.png"
      path.parent.mkdir(parents=True, exist_ok=True)
      Image.new("RGB", (8, 6), (number, picture, 200)).save(path)
  return f"folder:{root}"


@pytest.mark.parametrize(
  "one, other",
  [("a\nb", "a b"), ("a b", "a\u2028b"), ("a", "a "), (COMPOSED, DECOMPOSED)],
)
def test_same_line_is_refused(tmp_path, complaint, one, other):
  line = complaint(sources.describe, _write(tmp_path, one, other))
  assert "must have different names" in line
  assert repr(one) in line and repr(other) in line


def test_blank_name_is_refused(tmp_path, complaint):
  line = complaint(sources.describe, _write(tmp_path, " ", "b"))
  assert line.endswith("must have a name. Received: ' '")


def test_names_of_idx_files(tmp_path, write_idx, tiny, complaint):
  folder = write_idx(tmp_path / "data", tiny)
  (folder / "labels.txt").write_text("zero\none\nzero\n")
  line = complaint(sources.describe, f"idx:{folder}")
  assert "Received: 'line 1: zero' and 'line 3: zero'" in line


def _description(classes, counts=()):
  names = tuple(f"c{number}" for number in range(classes))
  return Description("d", classes, 1, 8, 8, names, 10, class_images=counts)


def test_ten_are_told_with_their_images():
  described = _description(12, tuple(range(1000, 1012)))
  assert class_names.told(described) == (
    "classes, with their images: c0 (1,000), c1 (1,001), c2 (1,002),"
    " c3 (1,003), c4 (1,004), c5 (1,005), c6 (1,006), c7 (1,007), c8 (1,008),"
    " c9 (1,009) and 2 more"
  )


def test_names_alone_where_nothing_was_counted():
  assert class_names.told(_description(2)) == "classes: c0, c1"


def test_uneven_arrays_are_told(tmp_path, write_idx, tiny):
  tiny["y_train"][tiny["y_train"] == 2] = [0, 2, 2, 1]
  folder = write_idx(tmp_path / "data", tiny)
  (note,) = sources.describe(f"idx:{folder}").notes
  assert note.startswith("uneven classes: 5 images of 0, 2 of 2, 2.5 to 1; ")
