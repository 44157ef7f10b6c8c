"""The ways of quantizing a network, row by row."""

import json

import compare_quantization
import pytest

from elite_tf.networks import to_keras as models
from elite_tf.networks.pool import make_pool


@pytest.fixture()
def network(tmp_path):
  """A small network of a family, its weights drawn."""
  candidate = next(
    c for c in make_pool("lite", 10, 1, 16, 6) if c.name == "lite-w6-d6-r10"
  )
  path = tmp_path / "model.keras"
  models.build(candidate).save(path)
  return path


def _run(monkeypatch, *arguments):
  # Another test of this process may have loaded TensorFlow.
  monkeypatch.setattr(
    "elite_tf.system.backend.load_keras", lambda threads=0: None
  )
  monkeypatch.setattr("sys.argv", ["compare_quantization.py", *arguments])
  return compare_quantization.main()


def test_a_row_for_every_way(network, tmp_path, monkeypatch):
  out = tmp_path / "rows.json"
  _run(
      monkeypatch, str(network), "--data=digits", "--images=8",
      "--calibration_images=4", "--ways", "float", "plain", "int16x8",
      f"--out={out}",
  )  # fmt: skip
  rows = json.loads(out.read_text())
  assert [row["way"] for row in rows] == ["float", "plain", "int16x8"]
  for row in rows:
    assert row["network"] == "lite-w6-d6-r10" and row["equal"]
    # 355 test images, one in 44 of them.
    assert row["images"] == 9
  exact, *integers = (row["tflite_bytes"] for row in rows)
  assert all(size < exact / 2 for size in integers)


def test_data_must_be_named(network, monkeypatch):
  with pytest.raises(SystemExit, match="--data must name the data set"):
    _run(monkeypatch, str(network))
