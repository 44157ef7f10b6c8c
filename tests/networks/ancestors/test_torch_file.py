"""Files of PyTorch: arrays come out of them, and nothing else ever happens."""

import os
import pickle

import numpy as np
import pytest

from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors import torch_file

ARRAYS = {
  "kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
  "count": np.array(7, np.int64),
  "scale": np.float32([1.5, -2.5]),
}


@pytest.fixture
def path(tmp_path, write_legacy):
  write_legacy(tmp_path / "good.pth", ARRAYS)
  return tmp_path / "good.pth"


def _refused(path):
  with pytest.raises(ConfigError) as caught:
    torch_file.read(path)
  text = str(caught.value)
  assert "\n" not in text
  assert str(path) in text
  return text


def test_arrays_are_those_that_were_saved(path):
  read = torch_file.read(path)
  assert read.keys() == ARRAYS.keys()
  for name, array in ARRAYS.items():
    np.testing.assert_array_equal(read[name], array, strict=True)


class _Calls:
  """Calls a function when it is unpickled."""

  def __init__(self, function, *arguments):
    self.call = (function, arguments)

  def __reduce__(self):
    return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
  "place", ["head", "table", "value", "key list", "nested"]
)
def test_code_in_a_pickle_is_never_run(tmp_path, write_legacy, place, protocol):
  marker = tmp_path / "ran"
  evil = _Calls(os.mkdir, str(marker))
  path = tmp_path / "evil.pth"
  if place == "table":
    write_legacy(path, {}, table=evil)
  elif place == "value":
    write_legacy(path, {}, table={"kernel": evil})
  elif place == "nested":
    write_legacy(
      path,
      {},
      table={
        "kernel": [_Calls(eval, f"__import__('os').mkdir({str(marker)!r})")]
      },
    )
  else:
    head = [torch_file.MAGIC, torch_file.PROTOCOL, {}, {}, []]
    head[0 if place == "head" else 4] = evil
    path.write_bytes(b"".join(pickle.dumps(each, protocol) for each in head))
  text = _refused(path)
  assert "no array" in text
  assert not marker.exists()
  # The file is what it says: plain pickle does run it.
  if place == "head":
    pickle.loads(path.read_bytes())
    assert marker.exists()


@pytest.mark.parametrize(
  "name",
  [
    "os system", "posix system", "builtins eval", "builtins getattr",
    "torch load", "torch._utils _rebuild_tensor", "collections deque",
    "elite_tf.networks.ancestors.torch_file read", "numpy load",
  ],
)  # fmt: skip
def test_no_other_name_is_known(tmp_path, name):
  path = tmp_path / "names.pth"
  module, function = name.split()
  path.write_bytes(b"c" + f"{module}\n{function}\n".encode() + b".")
  assert f"names {module}.{function}" in _refused(path)


def test_known_names_take_no_attributes(tmp_path):
  """BUILD on what a name stands for could replace its code for all."""
  path = tmp_path / "build.pth"
  path.write_bytes(b"ctorch._utils\n_rebuild_tensor_v2\n}S'__call__'\nI1\nsb.")
  _refused(path)


@pytest.mark.parametrize("kept", [0, 1, 20, 200, -9, -1])
def test_file_that_was_cut_is_refused(path, kept):
  path.write_bytes(path.read_bytes()[:kept])
  _refused(path)


def test_longer_file_is_refused(path):
  path.write_bytes(path.read_bytes() + b"\0")
  assert "longer" in _refused(path)


def test_every_flipped_byte_is_refused_or_read(path):
  """Whatever is damaged: arrays or one line, no other error."""
  good = path.read_bytes()
  for place in range(0, len(good), 3):
    bad = bytearray(good)
    bad[place] ^= 0x55
    path.write_bytes(bad)
    try:
      read = torch_file.read(path)
    except ConfigError:
      continue
    assert all(isinstance(array, np.ndarray) for array in read.values())


@pytest.mark.parametrize("magic", [0, "text", None])
def test_other_pickles_are_refused(tmp_path, write_legacy, magic):
  write_legacy(tmp_path / "other.pth", ARRAYS, magic=magic)
  assert "begins otherwise" in _refused(tmp_path / "other.pth")


def test_missing_file_and_folder_are_refused(tmp_path):
  assert "No such file" in _refused(tmp_path / "nothing.pth")
  assert "directory" in _refused(tmp_path)


def _view(offset, shape, strides):
  storage = torch_file._Storage("<f4", "0", 6)
  return torch_file._View(storage, offset, shape, strides)


@pytest.mark.parametrize(
  ("offset", "shape", "strides"),
  [
    (0, (7,), (1,)),
    (1, (6,), (1,)),
    (0, (2, 2), (5, 1)),
    (-1, (2,), (1,)),
    (0, (2,), (-1,)),
    (0, (10**9, 10**9), (0, 0)),
    (0, (2, 3), (1,)),
    (0, "ab", (1, 1)),
    (0.0, (2,), (1,)),
    (True, (2,), (1,)),
  ],
)
def test_tensor_must_lie_in_its_array(offset, shape, strides):
  with pytest.raises((ValueError, TypeError)):
    torch_file._array(_view(offset, shape, strides), np.zeros(6, np.float32))
