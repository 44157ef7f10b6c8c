"""A champion that is converted again: with what of its search."""

import dataclasses
import logging

import keras
import numpy as np
import pytest

from elite_tf.conversion import convert_file, converted
from elite_tf.conversion.tflite import sliced
from elite_tf.data import sources
from elite_tf.data.sources import hashes
from elite_tf.errors import ConfigError
from elite_tf.networks.families.efficientnet import Network
from elite_tf.networks.keras_layers import build_model
from elite_tf.runs.fingerprint import fingerprint_of
from elite_tf.runs.folder import Config, RunFolder, store_of
from elite_tf.runs.settings import Settings
from elite_tf.types import Candidate

SEARCHED = Settings(
  data="digits", base_resolution=8, quantize="none", seed=3, slices=True
)


@pytest.fixture(autouse=True)
def _loaded(monkeypatch):
  """Keras, which these tests have loaded, cannot be set up again."""
  monkeypatch.setattr(convert_file.backend, "load_keras", lambda: keras)


@pytest.fixture
def run(tmp_path):
  """The folder of a search, and the file of a network for digits."""
  folder = RunFolder(tmp_path / "run")
  settings = dataclasses.replace(SEARCHED, run_dir=str(folder.path))
  folder.path.mkdir()
  data = sources.load("digits", settings.seed)
  known = fingerprint_of("digits", store_of(settings), hashes.hashed(data))
  Config(settings, {}, known).write(folder.config)
  candidate = Candidate("elite", 1, 1, 1, 1.0, 1.0, 8, channels=1)
  network = Network(candidate, "relu6")
  network.classifier(network.convolution("stem", "image", 8, 3, 2), 10)
  path = tmp_path / "model.keras"
  build_model(network.layers, "small").save(path)
  return folder, settings, path


@pytest.fixture
def asked(monkeypatch):
  """What the converter and the slicer are called with."""
  calls = {}
  convert = converted.convert

  def record(model, data, settings):
    calls.update(model=model, data=data)
    return convert(model, data, settings)

  def slices(model, layers):
    calls["layers"] = [layer.name for layer in layers]
    calls["sliced"] = keras.models.clone_model(model)
    return calls["sliced"]

  monkeypatch.setattr(converted, "convert", record)
  monkeypatch.setattr(sliced, "slice_model", slices)
  return calls


def test_parts_slices_and_limits_are_those_of_the_search(
  run, asked, tmp_path, caplog
):
  """Another seed must not validate with images that were trained on."""
  folder, settings, path = run
  given = dataclasses.replace(settings, seed=4, flash="54KB")
  out = tmp_path / "x.tflite"
  with caplog.at_level(logging.WARNING):
    convert_file.convert_file(path, out, given, folder)
  expected = sources.load("digits", 3)
  assert np.array_equal(asked["data"].val.images, expected.val.images)
  assert asked["model"] is asked["sliced"]
  assert asked["layers"][:2] == ["image", "stem_conv"]
  # The code of the interpreter takes all that there is.
  size = out.stat().st_size
  assert caplog.messages[-1].startswith(
    f"{out} does not fit: {size} bytes of flash and 0 of memory"
  )


def test_changed_data_are_refused(run, tmp_path):
  folder, settings, path = run
  config = folder.read_config()
  known = dataclasses.replace(config.data, key="other", content="other")
  dataclasses.replace(config, data=known).write(folder.config)
  with pytest.raises(ConfigError, match="images are not those with which"):
    convert_file.convert_file(path, tmp_path / "x.tflite", settings, folder)
  assert not (tmp_path / "x.tflite").exists()
