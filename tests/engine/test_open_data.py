"""A search that begins or is resumed looks at its data first."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from elite_tf.data import sources
from elite_tf.engine.open_data import open_data
from elite_tf.engine.prepare_search import prepare_search
from elite_tf.errors import ConfigError
from elite_tf.runs.config import check_same_data
from elite_tf.runs.folder import RunFolder, check_run, open_run, store_of
from elite_tf.runs.presets import resolve
from elite_tf.runs.results import ChampionResult, Result


@pytest.fixture
def root(tmp_path):
  """Two classes of ten pictures of noise."""
  generator = np.random.default_rng(0)
  for number in range(20):
    path = tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = generator.integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(path)
  return tmp_path


@pytest.fixture
def open_(root):
  """Does what a search does before it trains."""

  def open_(data="", **given):
    prepared = prepare_search(
      resolve(
        {"data": data or f"folder:{root / 'pets'}", "run_dir": root / "run"}
        | given
      )
    )
    settings = prepared.settings
    folder = check_run(settings, 0)
    found = open_data(settings, prepared.description, folder)
    open_run(settings, {}, 0, found.fingerprint)
    return found

  return open_


@pytest.fixture
def refused(open_, root):
  """Returns why; the run folder stays as it was."""

  def refused(**given):
    before = sorted(root.glob("run/**/*"))
    with pytest.raises(ConfigError) as caught:
      open_(**given)
    assert sorted(root.glob("run/**/*")) == before
    return str(caught.value).partition("Received: ")[2]

  return refused


def _config(root):
  return json.loads((root / "run" / "config.json").read_text())


def test_it_is_recorded(open_, root):
  found = open_()
  data = _config(root)["data"]
  assert data["classes"] == ["cat", "dog"] and data["images"] == [10, 10]
  assert (root / "run" / "cache" / data["key"]).is_dir()
  assert len(data["content"]) == 16
  assert open_().fingerprint == found.fingerprint
  assert RunFolder(root / "run").read_config().data == found.fingerprint


def test_class_added(open_, root, refused):
  open_()
  shutil.copytree(root / "pets" / "cat", root / "pets" / "owl")
  assert refused() == "class 'owl' added"


def test_half_of_a_class_deleted(open_, root, refused):
  open_()
  for path in sorted((root / "pets" / "dog").iterdir())[:5]:
    path.unlink()
  assert refused() == "5 images of 'dog' instead of 10"


def test_one_picture_replaced(open_, root, refused):
  open_()
  shutil.copy(root / "pets/dog/1.png", root / "pets/dog/3.png")
  assert refused().startswith("as many images of every class, but other ones")


def test_pictures_swapped_between_classes(open_, root, refused):
  open_()
  (root / "pets/dog/1.png").rename(root / "pets/cat/1.png")
  (root / "pets/cat/0.png").rename(root / "pets/dog/0.png")
  assert refused().startswith("as many images of every class, but other ones")


def test_copied_files_are_the_same_data(open_, root, log):
  before = open_().fingerprint
  for path in (root / "pets").rglob("*.png"):
    os.utime(path, (1, 1))
  after = open_().fingerprint
  assert after.key != before.key and after.content == before.content
  assert _config(root)["data"]["key"] == after.key
  assert any("the images are the same" in line for line in log.messages)


def test_arrays(open_, root, refused):
  images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
  labels, path = np.arange(40) % 2, root / "a.npz"
  spec = f"npz:{path}"
  np.savez(path, x=images, y=labels)
  open_(spec)
  np.savez_compressed(path, x=images, y=labels)
  open_(spec)
  images[5, 0, 0] ^= 1
  np.savez(path, x=images, y=labels)
  assert refused(data=spec).startswith("as many images of every class")


def test_ended_search_is_no_answer_for_other_data(open_, root, refused):
  open_()
  ended = Result((), (), {}, 1.0, 1.0, 1.0, 0.0, 1.0, 1, 1)
  ended.write(root / "run" / "result.json")
  shutil.rmtree(root / "run" / "cache")
  open_()  # Nothing is decoded again to read a result.
  assert not (root / "run" / "cache").exists()
  (root / "pets/dog/1.png").unlink()
  assert refused() == "9 images of 'dog' instead of 10"


def test_folder_of_an_older_version(open_, root, log):
  """Taken up once, with a warning; recorded from then on."""
  before = open_().fingerprint
  config = _config(root)
  del config["data"]
  (root / "run" / "config.json").write_text(json.dumps(config))
  assert open_().fingerprint == before
  (line,) = [m for m in log.messages if "did not record" in m]
  assert "taken for granted" in line
  assert _config(root)["data"]["content"] == before.content
  open_()
  assert len([m for m in log.messages if "did not record" in m]) == 1


def test_duplicates_are_told(open_, root):
  for number in (1, 3, 5, 7):
    shutil.copy(root / "pets/dog/9.png", root / "pets/dog" / f"{number}.png")
  notes = open_().description.notes
  assert any(note.startswith("the same pixels twice: ") for note in notes)
  assert open_().description.notes == notes, "a resumed search says so, too"


def test_champions_are_completed_with_the_same_data(open_, root):
  open_()
  folder = RunFolder(root / "run")
  config = folder.read_config()
  store = store_of(config.settings)

  def check(**changes):
    settings = resolve({**vars(config.settings), **changes})
    data = sources.load(settings.data, settings.seed, store)
    check_same_data(folder.path, config, settings, store, data)

  check()
  check(seed=5)
  shutil.copytree(root / "pets", root / "other")
  shutil.copy(root / "pets/dog/1.png", root / "pets/dog/3.png")
  with pytest.raises(ConfigError, match="Received: as many images"):
    check()
  (root / "pets/dog/1.png").unlink()
  check(data=f"folder:{root / 'other'}")
  with pytest.raises(ConfigError, match="9 images of 'dog' instead of 10"):
    check(seed=5)


def test_flips_of_a_folder_without_that_setting(open_, root):
  """The augmentation decided: the same search, or a refusal with the flag."""
  path = root / "run" / "config.json"
  open_(augment="cifar10")
  config = _config(root)
  del config["settings"]["flip"]
  path.write_text(json.dumps(config))
  open_(augment="cifar10")
  with pytest.raises(ConfigError, match="--flip is 'always' there, 'never'"):
    open_(augment="cifar10", flip="never")


def _enlarge(root):
  for path in root.glob("pets/*/*.png"):
    Image.open(path).resize((64, 64)).save(path)


def test_photographs_are_not_resumed_with_another_crop(open_, root):
  """A folder of an earlier version, whose crop depended on the input size."""
  _enlarge(root)
  open_()
  config = _config(root)
  assert config.pop("crop_eighths") == 7
  (root / "run" / "config.json").write_text(json.dumps(config))
  with pytest.raises(ConfigError, match="on another crop than 7/8; name"):
    open_()


@pytest.mark.parametrize(
  ("given", "resumed"),
  [
    ({"batch_size": 10}, True),  # Small images were never cropped.
    ({"batch_size": 10, "seed": 1}, False),
    ({"batch_size": 11}, False),  # Of 20 images perhaps 10 are for training.
  ],
)
def test_runs_of_versions_that_trained_otherwise(open_, root, given, resumed):
  open_(**given)
  config = _config(root)
  del config["crop_eighths"]
  (root / "run" / "config.json").write_text(json.dumps(config))
  if resumed:
    open_(**given)
    return
  with pytest.raises(ConfigError, match="trains other networks with this seed"):
    open_(**given)


def test_an_ended_search_that_lost_files_is_looked_at_as_it_goes_on(
  open_, root
):
  """Its champion is written again: of photographs, with the same crop."""
  _enlarge(root)
  open_()
  config = _config(root)
  del config["crop_eighths"]
  (root / "run" / "config.json").write_text(json.dumps(config))
  nothing = (None, 0.5, None, None, None, None, None)
  champion = ChampionResult(
    "edge-w1-d1-r64", 1, 5, 5, 0.5, 0.5, *nothing, ("champions/model.keras",)
  )
  ended = Result((), (champion,), {}, 1.0, 1.0, 1.0, 0.0, 1.0, 1, 1)
  ended.write(root / "run" / "result.json")
  with pytest.raises(ConfigError, match="on another crop than 7/8; name"):
    open_()
  (root / "run" / "champions").mkdir()
  (root / "run" / "champions" / "model.keras").write_text("")
  open_()  # Nothing is left to do: the result is read.
