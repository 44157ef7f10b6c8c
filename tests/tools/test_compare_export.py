"""Both exports of a network, side by side."""

import json

import compare_export
import pytest

from elite_tf.errors import ConfigError
from elite_tf.networks import to_keras as models
from elite_tf.networks.pool import make_pool


@pytest.mark.filterwarnings("ignore")  # The plain call's.
def test_both_exports_of_a_small_network(tmp_path, monkeypatch):
  # Another test of this process may have loaded TensorFlow.
  monkeypatch.setattr(
    "elite_tf.system.backend.load_keras", lambda threads=0: None
  )
  (candidate,) = make_pool("resnet8", 10, 1, 8, 1)
  path = tmp_path / "model.keras"
  models.build(candidate).save(path)
  out = tmp_path / "export.json"
  arguments = [str(path), "--data=digits", "--images=8"]
  arguments += ["--calibration_images=4", f"--out={out}"]
  assert compare_export.main(arguments) == 0
  found = json.loads(out.read_text())
  (row,) = found["networks"]
  assert row["test_images"] == 8 and row["calibration_images"] == 4
  ours, plain = row["ours"], row["plain"]
  assert ours["runs_in_tflm"] and ours["images_different"] == 0
  assert ours["float_tensors"] == 0
  for side in (ours, plain):
    assert side["tflite_bytes"] > 78_000
    drop = 100 * (row["accuracy_float"] - side["accuracy_int8"])
    assert side["drop_points"] == pytest.approx(drop)
  # Dense layers are convolutions in ours alone.
  assert "FULLY_CONNECTED" in plain["operators"]
  assert "FULLY_CONNECTED" not in ours["operators"]


def test_what_is_no_network_is_refused(tmp_path):
  with pytest.raises(ConfigError, match="--data must name the data set"):
    compare_export.networks(str(tmp_path / "model.keras"), "", False)
  with pytest.raises(ConfigError, match="holds no finished search"):
    compare_export.networks(str(tmp_path), "", False)
