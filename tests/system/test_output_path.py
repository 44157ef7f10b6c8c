"""Where commands write: what is refused before any work is done."""

import pytest

from elite_tf.errors import ConfigError
from elite_tf.system.output_path import check_new_file, check_new_folder


def _complaint(call, *arguments):
  with pytest.raises(ConfigError) as caught:
    call(*arguments)
  line = str(caught.value)
  assert line == " ".join(line.split()) and "--out" in line
  return line


def test_a_file(tmp_path):
  path = tmp_path / "x.tflite"
  assert check_new_file(str(path), False) == path
  path.touch()
  line = _complaint(check_new_file, str(path), False)
  assert f"--out={path}" in line and "--overwrite" in line
  assert check_new_file(str(path), True) == path


def test_a_folder(tmp_path):
  path = tmp_path / "firmware"
  assert check_new_folder(str(path)) == path
  path.mkdir()
  assert check_new_folder(str(path)) == path
  (path / "x").touch()
  assert "new or empty folder" in _complaint(check_new_folder, str(path))
  assert "new or empty" in _complaint(check_new_folder, str(path / "x"))


@pytest.mark.parametrize(
  "check", [lambda path: check_new_file(path, True), check_new_folder]
)
def test_what_has_no_place(check, tmp_path):
  assert "must name the" in _complaint(check, "")
  path = tmp_path / "no" / "x"
  assert str(path.parent) in _complaint(check, str(path))
