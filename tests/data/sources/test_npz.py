"""numpy's archives, written by numpy and spoilt by the test."""

import sys
import zipfile

import numpy as np
import pytest

from elite_tf.data import sources
from elite_tf.data.augment import choose
from elite_tf.data.augment.pipelines import get_augmentation


@pytest.fixture
def save(tmp_path):
  """Saves arrays and returns the path."""

  def save(arrays, name="tiny.npz", compressed=False, **changes):
    path = tmp_path / name
    writer = np.savez_compressed if compressed else np.savez
    writer(path, **{**arrays, **changes})
    return path

  return save


@pytest.fixture
def spoil(save, tiny):
  """Saves sound arrays but for one member, whose bytes are given."""

  def spoil(key, data, name="spoilt.npz"):
    path = save({k: v for k, v in tiny.items() if k != key}, name)
    with zipfile.ZipFile(path, "a") as archive:
      archive.writestr(f"{key}.npy", data)
    return path

  return spoil


def _complaints(complaint, path):
  """The line of both doors, which is the same."""
  lines = {
    complaint(function, f"npz:{path}")
    for function in (sources.describe, sources.load)
  }
  assert len(lines) == 1
  return lines.pop()


@pytest.mark.parametrize("compressed", [False, True])
def test_with_a_test_part(save, tiny, compressed):
  path = save(tiny, compressed=compressed)
  dataset = sources.load(f"npz:{path}")
  description = dataset.description
  assert sources.describe(f"npz:{path}") == description
  assert (description.name, description.images) == ("tiny", 18)
  assert (description.height, description.width) == (3, 2)
  assert (description.channels, description.classes) == (1, 3)
  assert description.class_names == ("0", "1", "2")
  assert np.array_equal(dataset.test.images[..., 0], tiny["x_test"])
  assert dataset.test.labels.tolist() == [2, 1, 0, 2, 1, 0]
  assert sorted(dataset.val.labels.tolist()) == [0, 1, 2]
  for split in (dataset.train, dataset.val):
    for image, label in zip(split.images, split.labels):
      assert image[0, 0, 0] // 6 % 3 == label


def test_without_a_test_part(save):
  images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1)
  path = save({"x": images, "y": np.arange(60) % 2})
  dataset = sources.load(f"npz:{path}")
  assert sources.describe(f"npz:{path}").images == 60
  # A fifth of the 30 of each class; a tenth of the 24 left.
  assert np.bincount(dataset.test.labels).tolist() == [6, 6]
  assert np.bincount(dataset.val.labels).tolist() == [2, 2]
  for split in (dataset.train, dataset.val, dataset.test):
    assert (split.images[:, 0, 0, 0] % 2 == split.labels).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_channels_and_order_in_memory(save, tiny, channels, order):
  def colour(grey):
    stack = np.stack([grey + i for i in range(channels)], axis=-1)
    return np.array(stack, order=order)

  images, test = colour(tiny["x_train"]), colour(tiny["x_test"])
  path = save(tiny, x_train=images, x_test=test)
  dataset = sources.load(f"npz:{path}")
  assert dataset.description.channels == channels
  assert dataset.test.images.tolist() == test.tolist()


@pytest.mark.parametrize("dtype", ["int8", ">i2", "uint16", "int64", "uint64"])
def test_whole_numbers_of_another_type(save, tiny, dtype):
  pixels = tiny["x_train"].astype(dtype)
  path = save(tiny, x_train=pixels)
  dataset = sources.load(f"npz:{path}")
  assert dataset.train.images.dtype == np.uint8
  assert dataset.train.images.max() <= 71
  assert dataset.val.images[0].ravel().tolist() in [
    image.ravel().tolist() for image in tiny["x_train"]
  ]


@pytest.mark.parametrize("dtype", ["uint8", "int64", ">i4"])
def test_labels_in_a_column(save, tiny, dtype):
  labels = tiny["y_test"].astype(dtype).reshape(-1, 1)
  dataset = sources.load(f"npz:{save(tiny, y_test=labels)}")
  assert dataset.test.labels.dtype == np.int32
  assert dataset.test.labels.tolist() == [2, 1, 0, 2, 1, 0]


def test_other_arrays_are_left_alone(save, tiny):
  pickled = np.array([{}], object)
  path = save(tiny, x=np.zeros(1), note=pickled)
  assert sources.load(f"npz:{path}").description.images == 18


@pytest.mark.parametrize(
  "name, expected", [("mnist.npz", "mnist"), ("a b.v2.npz", "a-b.v2")]
)
def test_name_is_the_files(save, tiny, name, expected):
  assert sources.describe(f"npz:{save(tiny, name)}").name == expected


def test_describing_reads_no_image(complaint, save):
  """Its images are damaged far behind the header; describing does not mind."""
  images = np.random.default_rng(0).integers(0, 256, (40, 50, 50), np.uint8)
  path = save({"x": images, "y": np.arange(40) % 2})
  data = bytearray(path.read_bytes())
  data[data.index(images[39].tobytes())] ^= 1
  path.write_bytes(data)
  assert sources.describe(f"npz:{path}").images == 40
  line = complaint(sources.load, f"npz:{path}")
  assert "must be a valid .npz archive (Bad CRC" in line


@pytest.mark.parametrize(
  "dtype", ["float32", "float64", "bool", "complex64", "S1", "<U2", "M8[s]"]
)
def test_images_must_be_whole_numbers(complaint, save, tiny, dtype):
  images = np.zeros((12, 3, 2), dtype)
  line = _complaints(complaint, save(tiny, x_train=images))
  assert "x_train" in line and "tiny.npz" in line and "0 to 255" in line
  assert line.endswith(f"Received: {images.dtype}")


@pytest.mark.parametrize("low, high", [(-1, 255), (0, 256), (-300, 70000)])
def test_images_must_be_within_bytes(complaint, save, tiny, low, high):
  images = tiny["x_train"].astype(np.int32)
  images[0, 0, 0], images[1, 0, 0] = low, high
  path = save(tiny, x_train=images)
  line = complaint(sources.load, f"npz:{path}")
  assert line == (
    f"--data: x_train of {str(path)!r} must be pixels from 0 to 255."
    f" Received: int32 of {low} to {high}"
  )


@pytest.mark.parametrize(
  "shape", [(12,), (12, 6), (12, 3, 2, 2), (12, 3, 32, 32), (3, 2, 2, 1, 6)]
)
def test_images_must_have_a_shape_of_images(complaint, save, tiny, shape):
  path = save(tiny, x_train=np.zeros(shape, np.uint8))
  line = _complaints(complaint, path)
  assert "1 or 3 channels" in line and line.endswith(f"Received: {shape}")


@pytest.mark.parametrize("shape", [(0, 3, 2), (12, 0, 2), (12, 3, 0, 3)])
def test_images_must_not_be_empty(complaint, save, tiny, shape):
  path = save(tiny, x_train=np.zeros(shape, np.uint8))
  line = _complaints(complaint, path)
  assert "holds no images" in line and line.endswith(f"Received: {shape}")


@pytest.mark.parametrize(
  "labels",
  [
    np.zeros(12),
    np.zeros((12, 3), int),
    np.zeros((), int),
    np.zeros(12, "U1"),
    np.zeros((12, 1, 1), int),
  ],
)
def test_labels_must_be_whole_numbers(complaint, save, tiny, labels):
  line = _complaints(complaint, save(tiny, y_train=labels))
  assert "y_train" in line
  assert line.endswith(f"Received: {labels.dtype} of shape {labels.shape}")


@pytest.mark.parametrize(
  "changes, wanted",
  [
    ({"y_train": np.array([0, 1] * 5)}, "12 images, 10 labels"),
    ({"y_test": np.array([0, 1])}, "6 images, 2 labels"),
    ({"x_test": np.zeros((6, 4, 4), "u1")}, "(3, 2, 1) and (4, 4, 1)"),
    ({"y_train": np.array([0, 1, -1] * 4)}, "-1"),
    ({"y_train": np.array([0, 1, 3] * 4)}, "none of class 2"),
    ({"y_train": np.array([0, 1, 2**60] * 4)}, "none of class 2"),
    ({"y_test": np.array([0, 1] * 3)}, "none of class 2"),
    (
      {"y_train": np.zeros(12, int), "y_test": np.zeros(6, int)},
      "every label is 0",
    ),
    ({"y_train": np.array([0, 1] * 5 + [1, 2])}, "1 of class 2"),
  ],
)
def test_labels_must_fit(complaint, save, tiny, changes, wanted):
  line = _complaints(complaint, save(tiny, **changes))
  assert "tiny.npz" in line and line.endswith(f"Received: {wanted}")


def test_too_few_images_of_a_class(complaint, save):
  images = np.zeros((5, 2, 2), np.uint8)
  line = _complaints(complaint, save({"x": images, "y": [0, 0, 0, 1, 1]}))
  assert "at least 3 images" in line
  assert line.endswith("Received: 2 of class 1")


@pytest.mark.parametrize("key", ["x_train", "y_test"])
def test_pickled_objects_are_not_read(complaint, save, tiny, key):
  class Trap:
    def __reduce__(self):
      return sys.exit, ("unpickled",)

  trap = np.array([Trap()] * len(tiny[key]), object)
  line = _complaints(complaint, save(tiny, **{key: trap}))
  assert line.startswith(f"--data: {key} of ")
  assert line.endswith("pickled objects are never read. Received: object")


def test_missing_keys_name_those_found(complaint, save, tiny):
  del tiny["y_test"]
  line = _complaints(complaint, save(tiny, note=np.zeros(1)))
  assert "x_train, y_train, x_test, y_test, or x, y" in line
  assert line.endswith("Received: ['x_train', 'y_train', 'x_test', 'note']")


def test_members_that_are_no_arrays_are_no_keys(complaint, tmp_path):
  path = tmp_path / "notes.npz"
  with zipfile.ZipFile(path, "w") as archive:
    archive.writestr("x", "text")
    archive.writestr("y", "text")
  assert _complaints(complaint, path).endswith("Received: []")


@pytest.mark.parametrize(
  "data, what",
  [
    (b"", "the file is empty"),
    (b"no archive", "must be a valid .npz archive"),
    (b"PK\x03\x04" + bytes(200), "must be a valid .npz archive"),
  ],
)
def test_not_an_archive(complaint, tmp_path, data, what):
  path = tmp_path / "bad.npz"
  path.write_bytes(data)
  line = _complaints(complaint, path)
  assert what in line and line.endswith(f"Received: {str(path)!r}")


def test_a_single_array_is_no_archive(complaint, tmp_path):
  path = tmp_path / "x.npy"
  np.save(path, np.zeros(3))
  assert "must be a valid .npz archive" in _complaints(complaint, path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_archive_cut_short(complaint, save, tiny, share):
  path = save(tiny)
  data = path.read_bytes()
  path.write_bytes(data[: int(len(data) * share)])
  assert "must be a valid .npz archive" in _complaints(complaint, path)


def test_compressed_data_damaged(complaint, save):
  noise = np.random.default_rng(0).integers(0, 256, (40, 30, 30), np.uint8)
  path = save({"x": noise, "y": np.arange(40) % 2}, compressed=True)
  data = bytearray(path.read_bytes())
  data[20_000:20_100] = bytes(100)
  path.write_bytes(data)
  line = complaint(sources.load, f"npz:{path}")
  assert "must be a valid .npz archive" in line


def test_encrypted_archive(complaint, save, tiny):
  path = save(tiny)
  data = bytearray(path.read_bytes())
  start = 0
  while (start := data.find(b"PK\x01\x02", start) + 1) > 0:
    data[start + 7] |= 1  # Central directory: the flag of encryption.
  start = 0
  while (start := data.find(b"PK\x03\x04", start) + 1) > 0:
    data[start + 5] |= 1  # Local headers.
  path.write_bytes(data)
  line = _complaints(complaint, path)
  assert "must be a valid .npz archive" in line and "encrypted" in line


def _npy(header, data=b"", version=b"\x01\x00"):
  return (
    b"\x93NUMPY"
    + version
    + len(header).to_bytes(2, "little")
    + (header.encode() + data)
  )


@pytest.mark.parametrize(
  "data",
  [
    b"not an array",
    b"",
    _npy("{'descr': '|u1'}"),
    _npy("{'descr': '|u1', 'fortran_order': False, 'shape': 'many'}"),
    _npy("__import__('os')"),
    _npy("{'descr': ("),
    _npy("{[]: 1}"),
    _npy("{}", version=b"\x03\x00"),
    _npy("{}", version=b"\x09\x00"),
  ],
)
def test_member_that_is_no_array(complaint, spoil, data):
  path = spoil("x_train", data)
  line = _complaints(complaint, path)
  assert line == (
    "--data: x_train must be an array as NumPy saves it."
    f" Received: {str(path)!r}"
  )


@pytest.mark.parametrize(
  "shape", [(12, 3, 3), (10**9, 10**9, 10**9), (-12, -3, 2), (11, 3, 2)]
)
def test_shape_must_fit_the_data(complaint, spoil, shape):
  header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
  line = _complaints(complaint, spoil("x_train", _npy(header, bytes(72))))
  assert f"is damaged: its shape {shape}" in line
  assert line.endswith("Received: 72 bytes")


def test_folder_in_the_place_of_the_file(complaint, tmp_path):
  line = _complaints(complaint, tmp_path)
  assert line == (
    "--data: cannot read this path: Is a directory."
    f" Received: {str(tmp_path)!r}"
  )


def test_no_permission(complaint, save, tiny, monkeypatch):
  """By hand: a test run by root may read everything."""
  path = save(tiny)

  def refuse(path, *_):
    raise PermissionError(13, "Permission denied", path)

  with monkeypatch.context() as patch:
    patch.setattr("builtins.open", refuse)
    line = complaint(sources.describe, f"npz:{path}")
  assert line == (
    f"--data: cannot read this path: Permission denied. Received: {str(path)!r}"
  )


def test_validation_part(save, tiny):
  val = tiny["x_test"] + 40
  path = save(tiny, x_val=val, y_val=np.array([0, 1, 2, 0, 1, 2]))
  dataset = sources.load(f"npz:{path}", 3)
  assert sources.describe(f"npz:{path}").images == 24
  assert np.array_equal(dataset.val.images[..., 0], val)
  assert dataset.val.labels.tolist() == [0, 1, 2, 0, 1, 2]
  assert np.array_equal(dataset.train.images[..., 0], tiny["x_train"])
  assert np.array_equal(dataset.test.images[..., 0], tiny["x_test"])


def test_validation_part_without_a_test_part(save):
  images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1)
  path = save(
    {"x": images, "y": np.arange(60) % 2},
    x_val=images[:4] + 100,
    y_val=np.array([0, 1, 0, 1]),
  )
  dataset = sources.load(f"npz:{path}")
  sizes = [len(s.labels) for s in (dataset.train, dataset.val, dataset.test)]
  assert sizes == [48, 4, 12]


@pytest.mark.parametrize("key", ["x_val", "y_val"])
def test_half_a_validation_part(save, tiny, complaint, key):
  arrays = {"x_val": tiny["x_test"], "y_val": tiny["y_test"]}
  path = save(tiny, **{key: arrays[key]})
  line = _complaints(complaint, path)
  assert line.endswith(
    f"must hold both of x_val and y_val, or neither. Received: only {key}"
  )


def test_validation_part_without_a_class(save, tiny, complaint):
  path = save(tiny, x_val=tiny["x_test"], y_val=np.zeros(6, np.int64))
  line = _complaints(complaint, path)
  assert "validation images" in line and "none of class 1" in line


def test_arrays_that_are_not_used_are_told(save, tiny):
  extra = {f"more_{number}": np.zeros(2) for number in range(7)}
  notes = sources.describe(f"npz:{save(tiny, **extra)}").notes
  assert notes == (
    "left out: the arrays 'more_0', 'more_1', 'more_2', 'more_3', 'more_4'"
    " and 2 more",
  )


@pytest.mark.parametrize("side, photographs", [(63, False), (64, True)])
def test_large_images_are_evaluated_as_they_are_augmented(
  save, side, photographs
):
  """From 64 pixels on, augmentation crops; so evaluation has to."""
  images = np.zeros((6, side, 70, 3), np.uint8)
  path = save({"x": images, "y": np.arange(6) % 2})
  description = sources.describe(f"npz:{path}")
  assert description.photographs == photographs
  augmentation = choose(description).augment
  assert get_augmentation(augmentation, photographs).stored == photographs
