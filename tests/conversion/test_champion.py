"""The files of a champion: all of them or none."""

import json
import re

import keras
import numpy as np
import pytest
from PIL import Image

from elite_tf.conversion import champion, converted
from elite_tf.data import preprocess
from elite_tf.errors import VerificationFailed
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.settings import Settings
from elite_tf.types import Candidate

# Stands for what the small network was built from.
CANDIDATE = Candidate("elite", 1, 1, 1, 1.0, 1.0, 8)
INT8 = Settings(calibration_images=10)
FLOAT = Settings(quantize="none")


def test_files_are_written_together(network, noise, tmp_path):
  folder = tmp_path / "champions" / "small"
  metrics = champion.write_champion(folder, network, CANDIDATE, noise, INT8)
  assert json.loads((folder / "metrics.json").read_text()) == metrics.to_json()
  assert Metrics.read(folder / "metrics.json") == metrics
  assert (folder / "labels.txt").read_text() == "no\nyes\n"
  size = (folder / "model_int8.tflite").stat().st_size
  assert metrics.conversions["int8"].tflite_bytes == size
  assert [path.name for path in folder.parent.iterdir()] == ["small"]


def test_a_failed_verification_leaves_what_was_trained(
  network, noise, tmp_path, monkeypatch
):
  """A later conversion completes it, as if the first one had not failed."""

  def fail(*_):
    raise VerificationFailed("planted")

  folder = tmp_path / "c"
  with monkeypatch.context() as patched:
    patched.setattr(converted, "require_equal", fail)
    with pytest.raises(VerificationFailed, match="planted"):
      champion.write_champion(folder, network, CANDIDATE, noise, FLOAT)
  there = {path.name for path in folder.iterdir()}
  assert there == {
    "README.md",
    "labels.txt",
    "metrics.json",
    "model.keras",
    "predictions.npz",
  }
  before = Metrics.read(folder / "metrics.json")
  answers = network.predict(preprocess.scale(noise.test.images), verbose=0)
  right = (answers.argmax(-1) == noise.test.labels).mean()
  assert before.float_.accuracy == pytest.approx(right)
  assert before.conversions == {}
  (folder / "model_int8.tflite").touch()  # Of a conversion that was killed.
  found = champion.add_conversions(folder, network, CANDIDATE, noise, FLOAT)
  assert found == Metrics.read(folder / "metrics.json")
  assert (found.float_, list(found.conversions)) == (before.float_, ["float"])
  now = {path.name for path in folder.iterdir()}
  assert now == there | {"model_float.tflite"}


def test_a_full_disk_leaves_nothing(network, noise, tmp_path, monkeypatch):
  def fail(*_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr("os.replace", fail)
  with pytest.raises(OSError, match="No space"):
    champion.write_champion(tmp_path / "c", network, CANDIDATE, noise, FLOAT)
  assert not list(tmp_path.iterdir())


def test_slices_are_converted_and_the_model_is_kept_as_it_is(
  network, noise, tmp_path, monkeypatch
):
  other = keras.models.clone_model(network)
  other.set_weights([-weight for weight in network.get_weights()])
  asked = []
  monkeypatch.setattr(
    champion, "slice_model", lambda *given: asked.append(given) or other
  )
  settings = Settings(quantize="none", slices=True)
  metrics = champion.write_champion(
    tmp_path / "c", network, CANDIDATE, noise, settings
  )
  ((model, layers),) = asked
  assert model is network and layers[0].shape == (8, 8, 3)
  data = noise
  images = preprocess.scale(data.test.images)
  answers = other.predict(images, verbose=0).argmax(-1) == data.test.labels
  assert metrics.conversions["float"].accuracy == pytest.approx(answers.mean())
  saved = keras.saving.load_model(tmp_path / "c" / "model.keras")
  assert np.array_equal(saved.get_weights()[0], network.get_weights()[0])


def test_the_code_of_the_model_card_answers(
  network, noise, tmp_path, monkeypatch, capsys
):
  """With the class that the network itself finds the most probable."""
  folder = tmp_path / "c"
  champion.write_champion(folder, network, CANDIDATE, noise, FLOAT)
  card = (folder / "README.md").read_text("utf-8")
  (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
  image = noise.test.images[0, ..., 0]
  Image.fromarray(image).save(folder / "picture.png")
  monkeypatch.chdir(folder)
  exec(code, {})
  name, probability = capsys.readouterr().out.split()
  answer = network.predict(preprocess.scale(noise.test.images[:1]), verbose=0)
  assert name == ("no", "yes")[answer.argmax()]
  assert float(probability) == pytest.approx(float(answer.max()), abs=1e-6)
