"""Which learning curves are read, and which of them can be judged."""

from pathlib import Path

import curves
import numpy as np
import pytest

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.types import Epoch

NAN = float("nan")


def _save(tmp_path, values, **arrays):
  path = tmp_path / "set.npz"
  np.savez(path, curves=np.array(values, np.float32), **arrays)
  return path


def _write(tmp_path, histories):
  for name, accuracies in histories.items():
    epochs = [
      Epoch(number, 1.0, 0.0, 1.0, accuracy, 0.5)
      for number, accuracy in enumerate(accuracies, start=1)
    ]
    RunFolder(tmp_path).write_history(name, epochs)


def test_final_accuracy_is_the_mean_of_the_last_twentieth():
  """Of 40 epochs the last two, of 20 and fewer the last one."""
  values = np.zeros((1, 40))
  values[0, -3:] = 8, 1, 3
  assert curves.final_accuracies(values) == [2.0]
  assert curves.final_accuracies(values[:, -20:]) == [3.0]
  assert curves.final_accuracies(values[:, -1:]) == [3.0]


def test_unfinished_and_collapsed_are_left_out(tmp_path):
  """Worst of all 10, best at the end 90: a quarter of the way is 30."""
  values = [
    [10, 50, 90],
    [10, 50, NAN],
    [10, 80, 29],
    [10, 20, 30],
    [NAN, 50, 90],
    [40, 10, 80],
  ]
  read = curves.read(_save(tmp_path, values, size=np.arange(6.0)))
  assert read.names == ("0", "3", "5")
  assert (read.unfinished, read.collapsed) == (2, 1)
  assert read.finals.tolist() == [90, 30, 80]
  assert read.sizes.tolist() == [0, 3, 5]
  assert read.values.dtype == np.float64


def test_run_folder(tmp_path):
  _write(tmp_path, {"b": [0.1, 0.9], "a": [0.2, 0.8], "out": [0.3]})
  read = curves.read(tmp_path)
  assert read.names == ("a", "b") and read.sizes is None
  assert read.values.tolist() == [[0.2, 0.8], [0.1, 0.9]]
  assert (read.unfinished, read.collapsed) == (1, 0)


@pytest.mark.parametrize(
  ("values", "arrays", "said"),
  [
    ([[1, 2]], {}, "set: 1 of 1 curves are trained to the end"),
    ([[1, NAN], [2, NAN]], {}, "set: 0 of 2 curves are trained"),
    ([1, 2], {}, r"curves must be configurations x epochs.* \(2,\)"),
    ([[1, 2]] * 3, {"size": [1, 2]}, r"3 configurations. Received: \(2,\)"),
  ],
)
def test_what_cannot_be_judged(tmp_path, values, arrays, said):
  with pytest.raises(ConfigError, match=said):
    curves.read(_save(tmp_path, values, **arrays))


def test_files_that_are_no_curves(tmp_path):
  path = tmp_path / "other.npz"
  np.savez(path, x=[1])
  with pytest.raises(ConfigError, match="other.npz: no learning curves"):
    curves.read(path)
  path.write_text("text")
  with pytest.raises(ConfigError, match="other.npz: no learning curves"):
    curves.read(path)
  with pytest.raises(ConfigError, match="holds no candidates"):
    curves.read(tmp_path)


def test_find_opens_folders_of_npz_files(tmp_path):
  folder, run = tmp_path / "sets", tmp_path / "run"
  folder.mkdir()
  run.mkdir()
  for name in ("b.npz", "a.npz", "README.md"):
    (folder / name).touch()
  found = curves.find([str(folder), str(run), str(folder / "b.npz")])
  assert found == [folder / "a.npz", folder / "b.npz", run, folder / "b.npz"]
  with pytest.raises(ConfigError, match="nothing: no such file or folder"):
    curves.find([str(Path(tmp_path / "nothing"))])
