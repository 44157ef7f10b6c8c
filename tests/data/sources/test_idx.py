"""The idx format, against bytes that the test writes or reads itself."""

import gzip
import os
import pathlib
import struct

import numpy as np
import pytest

from elite_tf.data import sources
from elite_tf.data.sources import idx

FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


@pytest.fixture
def folder(tmp_path, tiny, write_idx):
  return write_idx(tmp_path / "tiny", tiny)


def _complaints(complaint, folder):
  """The line of both doors, which is the same."""
  lines = {
    complaint(function, f"idx:{folder}")
    for function in (sources.describe, sources.load)
  }
  assert len(lines) == 1
  return lines.pop()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dot", [False, True])
def test_names_and_compression(tmp_path, tiny, write_idx, packed, dot):
  write_idx(tmp_path / "d", tiny, packed, dot)
  dataset = sources.load(f"idx:{tmp_path / 'd'}")
  description = dataset.description
  assert description.name == "d"
  assert (description.height, description.width) == (3, 2)
  assert (description.channels, description.classes) == (1, 3)
  assert (description.images, description.class_names) == (18, ("0", "1", "2"))
  assert np.array_equal(dataset.test.images[..., 0], tiny["x_test"])
  assert dataset.test.labels.tolist() == [2, 1, 0, 2, 1, 0]
  # Images are numbered by their first pixel, 6 apart; labels go 0, 1, 2, 0 ...
  for split in (dataset.train, dataset.val):
    for image, label in zip(split.images, split.labels):
      assert image.ravel().tolist() == list(
        range(image[0, 0, 0], image[2, 1, 0] + 1)
      )
      assert image[0, 0, 0] // 6 % 3 == label


def test_unpacked_file_that_kept_its_name(folder):
  (folder / IMAGES).rename(folder / f"{IMAGES}.gz")
  assert sources.load(f"idx:{folder}").description.images == 18


def test_rgb(folder, tiny, idx_bytes):
  for part, key in (("train", "x_train"), ("t10k", "x_test")):
    rgb = np.stack([tiny[key], tiny[key] + 1, tiny[key] + 2], axis=-1)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(rgb))
  dataset = sources.load(f"idx:{folder}")
  assert dataset.description.channels == 3
  assert dataset.test.images[0, 0].tolist() == [
    [100, 101, 102],
    [101, 102, 103],
  ]
  for part in ("train", "t10k"):
    name = folder / f"{part}-images-idx3-ubyte"
    name.rename(folder / f"{part}-images-idx4-ubyte")
  assert sources.describe(f"idx:{folder}") == dataset.description


@pytest.mark.parametrize(
  "spelling, name",
  [
    ("{}/", "tiny"),
    ("{}/.", "tiny"),
    (".", "tiny"),
    ("{}/../a b:c", "a-b-c"),
    ("{}/../.hidden.", "hidden"),
    ("{}/../été", "t"),
  ],
)
def test_name_is_the_folders(folder, monkeypatch, spelling, name):
  monkeypatch.chdir(folder)
  path = pathlib.Path(spelling.format(folder))
  if not path.exists():
    os.symlink(folder, path)
  assert sources.describe(f"idx:{spelling.format(folder)}").name == name


def test_home_folder(folder, monkeypatch):
  monkeypatch.setenv("HOME", str(folder.parent))
  assert sources.describe("idx:~/tiny").images == 18


@pytest.mark.parametrize(
  "text",
  ["shirt\ntop\n bag \n", "shirt\r\ntop\r\nbag", "\ufeffshirt\ntop\nbag"],
)
def test_class_names(folder, text):
  (folder / "labels.txt").write_bytes(text.encode())
  description = sources.describe(f"idx:{folder}")
  assert description.class_names == ("shirt", "top", "bag")


@pytest.mark.parametrize(
  "data, received",
  [
    (b"a\nb\n", "Received: 2 names on 2 lines"),
    (b"a\nb\nc\nd\n", "Received: 4 names on 4 lines"),
    (b"a\n\nc\n", "Received: 2 names on 3 lines"),
    (b"a\nb\xff\nc\n", "Received: byte 0xff at 3"),
    (b"", "Received: "),
  ],
)
def test_class_names_must_be_right(complaint, folder, data, received):
  (folder / "labels.txt").write_bytes(data)
  line = _complaints(complaint, folder)
  assert "labels.txt" in line and received in line


def test_folder_must_be_a_folder(complaint, tmp_path):
  path = tmp_path / "file"
  path.touch()
  line = _complaints(complaint, path)
  assert line == (
    f"--data: cannot read this path: Not a directory. Received: {str(path)!r}"
  )


@pytest.mark.parametrize(
  "name",
  [IMAGES, LABELS, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
)
def test_missing_file_is_named(complaint, folder, name):
  (folder / name).unlink()
  line = _complaints(complaint, folder)
  assert line == (
    f"--data=idx: the folder lacks {name} (or the same with .gz)."
    f" Received: {str(folder)!r}"
  )


@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_empty_file(complaint, folder, name):
  (folder / name).write_bytes(b"")
  line = _complaints(complaint, folder)
  path = str(folder / name)
  assert line == f"--data: the file is empty. Received: {path!r}"


@pytest.mark.parametrize(
  "name, data, received",
  [
    (IMAGES, b"\0\0\x08\x01" + bytes(9), "00000801"),
    (IMAGES, b"\0\0\x0d\x03" + bytes(99), "00000d03"),
    (IMAGES, b"\x89PNG" + bytes(99), "89504e47"),
    (IMAGES, b"\0\0", "0000"),
    (LABELS, b"\0\0\x08\x03" + bytes(99), "00000803"),
    (LABELS, gzip.compress(b"", mtime=0), "no bytes"),
  ],
)
def test_wrong_magic(complaint, folder, name, data, received):
  (folder / name).write_bytes(data)
  line = _complaints(complaint, folder)
  wanted = "00000803 or 00000804" if name == IMAGES else "00000801"
  assert line == (
    f"--data: {str(folder / name)!r} must be an idx file that begins with"
    f" {wanted}. Received: {received}"
  )


def test_header_cut_short(complaint, folder):
  data = (folder / IMAGES).read_bytes()
  (folder / IMAGES).write_bytes(data[:9])
  line = _complaints(complaint, folder)
  assert "its header takes 16 bytes" in line
  assert line.endswith("Received: 9 bytes")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
  "change, what, received",
  [
    (lambda data: data[:-1], "is cut short", "71"),
    (lambda data: data[:16], "is cut short", "0"),
    (lambda data: data + b"\0", "is too long", "more"),
  ],
)
@pytest.mark.parametrize("piece", [8, 1 << 24])
def test_wrong_length(
  complaint, folder, monkeypatch, packed, change, what, received, piece
):
  """Only loading can tell: describing reads no image."""
  monkeypatch.setattr(idx, "_PIECE", piece)
  data = change((folder / IMAGES).read_bytes())
  (folder / IMAGES).write_bytes(
    gzip.compress(data, mtime=0) if packed else data
  )
  assert sources.describe(f"idx:{folder}").images == 18
  line = complaint(sources.load, f"idx:{folder}")
  assert line == (
    f"--data: {str(folder / IMAGES)!r} {what}: its header promises 72"
    f" bytes of data. Received: {received}"
  )


def test_labels_cut_short(complaint, folder):
  data = (folder / LABELS).read_bytes()
  (folder / LABELS).write_bytes(data[:-2])
  line = _complaints(complaint, folder)
  assert "promises 12 bytes" in line and line.endswith("Received: 10")


def test_header_that_promises_more_than_any_memory(complaint, folder):
  header = struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)
  (folder / IMAGES).write_bytes(header + bytes(72))
  (folder / "t10k-images-idx3-ubyte").write_bytes(header + bytes(72))
  line = complaint(sources.load, f"idx:{folder}")
  assert "as many images as labels" in line
  header = struct.pack(">HBB3I", 0, 8, 3, 12, 2**32 - 1, 2**32 - 1)
  (folder / IMAGES).write_bytes(header + bytes(72))
  header = struct.pack(">HBB3I", 0, 8, 3, 6, 2**32 - 1, 2**32 - 1)
  (folder / "t10k-images-idx3-ubyte").write_bytes(header + bytes(72))
  line = complaint(sources.load, f"idx:{folder}")
  assert "is cut short" in line and line.endswith("Received: 72")


def test_gzip_cut_short(complaint, tmp_path, write_idx):
  # Noise does not compress: half of the file is half of the images.
  noise = np.random.default_rng(0).integers(0, 256, (40, 50, 50), np.uint8)
  labels = np.arange(40, dtype=np.uint8) % 2
  arrays = {"x_train": noise, "y_train": labels}
  arrays |= {"x_test": noise, "y_test": labels}
  write_idx(tmp_path, arrays, packed=True)
  path = tmp_path / f"{IMAGES}.gz"
  data = path.read_bytes()
  for length in (len(data) // 2, len(data) - 4):
    path.write_bytes(data[:length])
    line = complaint(sources.load, f"idx:{tmp_path}")
    assert "is cut short" in line
    assert line.endswith(f"Received: {str(path)!r}")
  path.write_bytes(data[:12])
  assert "is cut short" in _complaints(complaint, tmp_path)
  # One byte of the checksum.
  path.write_bytes(data[:-8] + bytes([data[-8] ^ 1]) + data[-7:])
  line = complaint(sources.load, f"idx:{tmp_path}")
  assert "CRC" in line and line.endswith(f"Received: {str(path)!r}")
  # A block of a type that there is not.
  path.write_bytes(data[:10] + b"\xff" + data[11:])
  line = _complaints(complaint, tmp_path)
  assert "damaged" in line and line.endswith(f"Received: {str(path)!r}")


def test_as_many_labels_as_images(complaint, folder, idx_bytes):
  (folder / LABELS).write_bytes(idx_bytes(np.array([0, 1, 2] * 3)))
  line = _complaints(complaint, folder)
  assert IMAGES in line and LABELS in line
  assert line.endswith("Received: 12 images, 9 labels")


def test_no_images(complaint, folder, idx_bytes):
  (folder / IMAGES).write_bytes(idx_bytes(np.zeros((0, 3, 2))))
  line = _complaints(complaint, folder)
  assert IMAGES in line and line.endswith("Received: (0, 3, 2)")


def test_two_channels(complaint, folder, idx_bytes):
  (folder / IMAGES).write_bytes(idx_bytes(np.zeros((12, 3, 2, 2))))
  line = _complaints(complaint, folder)
  assert "1 or 3 channels" in line
  assert line.endswith("Received: (12, 3, 2, 2)")


def test_two_sizes(complaint, folder, idx_bytes):
  (folder / "t10k-images-idx3-ubyte").write_bytes(
    idx_bytes(np.zeros((6, 2, 3)))
  )
  line = _complaints(complaint, folder)
  assert line.endswith("Received: (3, 2, 1) and (2, 3, 1)")


@pytest.mark.parametrize(
  "train, test, wanted",
  [
    ([0] * 12, [0] * 6, "every label is 0"),
    ([0, 1, 3] * 4, [0, 1, 3] * 2, "none of class 2"),
    ([0, 1, 2] * 4, [0, 1, 1] * 2, "none of class 2"),
    ([0, 1, 2] * 4, [0, 1, 3] * 2, "none of class 3"),
    (list(range(12)), list(range(6)), "none of class 6"),
    ([0, 1] * 5 + [1, 2], [0, 1, 2] * 2, "1 of class 2"),
  ],
)
def test_labels_must_cover_the_classes(
  complaint, folder, idx_bytes, train, test, wanted
):
  (folder / LABELS).write_bytes(idx_bytes(np.array(train)))
  (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.array(test)))
  line = _complaints(complaint, folder)
  assert repr(str(folder)) in line and line.endswith(f"Received: {wanted}")


def test_folder_in_the_place_of_a_file(complaint, folder):
  (folder / IMAGES).unlink()
  (folder / IMAGES).mkdir()
  line = _complaints(complaint, folder)
  path = str(folder / IMAGES)
  assert line == (
    f"--data: cannot read this path: Is a directory. Received: {path!r}"
  )


@pytest.mark.parametrize("function", ["builtins.open", "os.listdir"])
def test_no_permission(complaint, folder, monkeypatch, function):
  """By hand: a test run by root may read everything."""

  def refuse(path, *_):
    raise PermissionError(13, "Permission denied", path)

  with monkeypatch.context() as patch:
    patch.setattr(function, refuse)
    line = complaint(sources.describe, f"idx:{folder}")
  assert line.startswith("--data: cannot read this path: Permission denied.")
  assert str(folder) in line


@pytest.mark.skipif(
  not FASHION.is_dir(), reason=f"Fashion-MNIST is not at {FASHION}"
)
def test_fashion_mnist():
  """60,000 and 10,000 images of 28x28, each class as often as the others."""
  spec = f"idx:{FASHION}"
  dataset = sources.load(spec)
  description = dataset.description
  assert sources.describe(spec) == description
  assert (description.name, description.images) == ("fashion-mnist", 70_000)
  assert (description.classes, description.channels) == (10, 1)
  assert (description.height, description.width) == (28, 28)
  for split, count in (
    (dataset.train, 5400),
    (dataset.val, 600),
    (dataset.test, 1000),
  ):
    assert np.bincount(split.labels).tolist() == [count] * 10
  with gzip.open(FASHION / "t10k-images-idx3-ubyte.gz") as file:
    assert struct.unpack(">4I", file.read(16)) == (2051, 10_000, 28, 28)
    assert dataset.test.images.tobytes() == file.read()
  with gzip.open(FASHION / "t10k-labels-idx1-ubyte.gz") as file:
    assert dataset.test.labels.tolist() == list(file.read()[8:])
  with gzip.open(FASHION / "train-images-idx3-ubyte.gz") as file:
    raw = file.read()[16:]
  train = {raw[start : start + 784] for start in range(0, len(raw), 784)}
  cut = {
    image.tobytes()
    for split in (dataset.train, dataset.val)
    for image in split.images
  }
  assert cut == train
