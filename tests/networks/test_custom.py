"""Networks of a user's own function: what it is given, and what it may do."""

import sys
import types

import keras
import numpy as np
import pytest
from keras import layers

from elite_tf.errors import ConfigError
from elite_tf.networks import custom
from elite_tf.networks.pool import make_pool


@pytest.fixture(autouse=True)
def path(monkeypatch):
  monkeypatch.setattr(sys, "path", list(sys.path))


def _candidate(function, monkeypatch, name="mine", channels=3):
  """A candidate of a module `nets` that has this function."""
  module = types.ModuleType("nets")
  module.mine = function
  monkeypatch.setitem(sys.modules, "nets", module)
  pool = make_pool(f"nets:{name}", 10, channels, 32)
  return pool[-1]


def _network(shape, *more, classes=10, activation="softmax"):
  image = keras.Input(shape)
  x = image
  for layer in more:
    x = layer(x)
  x = layers.Dense(classes, activation)(layers.GlobalAveragePooling2D()(x))
  return keras.Model(image, x)


def test_the_function_is_given_the_candidate(monkeypatch):
  given = []

  def mine(width, depth, resolution, classes, channels):
    given.append((width, depth, resolution, classes, channels))
    return _network((resolution, resolution, channels))

  candidate = _candidate(mine, monkeypatch, channels=1)
  network = custom.build(candidate)
  # Table 3's last level, and 32 pixels by 0.587.
  assert given == [(0.514, 0.5, 19, 10, 1)]
  assert network.name == candidate.name == "mine-w4-d4-r19"
  custom.check_answers(network)


def test_channels_need_not_be_taken(monkeypatch):
  def mine(width, depth, resolution, classes):
    return _network((resolution, resolution, 3))

  assert custom.build(_candidate(mine, monkeypatch)).input_shape[-1] == 3


def test_sequential_models_and_weights_are_taken_as_they_are(monkeypatch):
  def mine(width, depth, resolution, classes):
    model = keras.Sequential([
        keras.Input((resolution, resolution, 3)),
        layers.Flatten(),
        layers.Dense(classes, "softmax"),
    ])  # fmt: skip
    model.layers[-1].bias.assign(np.arange(10))
    return model

  network = custom.build(_candidate(mine, monkeypatch))
  assert np.array_equal(network.layers[-1].bias, np.arange(10))


def test_the_working_directory_is_where_modules_are_found(
  monkeypatch, tmp_path
):
  (tmp_path / "nets_here.py").write_text("print('hello')\ndef mine(): pass\n")
  monkeypatch.chdir(tmp_path)
  assert custom.load("nets_here:mine").__name__ == "mine"


def test_what_is_printed_is_not_the_result(monkeypatch, capsys):
  def mine(width, depth, resolution, classes):
    print("building")
    return _network((resolution, resolution, 3))

  custom.build(_candidate(mine, monkeypatch))
  assert capsys.readouterr() == ("", "building\n")


@keras.saving.register_keras_serializable("tests")
class Known(layers.Layer):
  """Computes nothing."""

  def call(self, inputs):
    """Returns them."""
    return inputs


class Unknown(Known):
  """Computes nothing."""


def _raises(width, depth, resolution, classes):
  raise ValueError(f"no\nnetwork of {resolution} pixels")


def _exits(width, depth, resolution, classes):
  sys.exit(3)


def _returns(make):
  """A function of the right arguments that returns make(resolution)."""
  return lambda width, depth, resolution, classes: make(resolution)


WRONG = {
    "no such function": ("function other", None),
    "arguments": ("must take (width, depth, resolution", lambda size: None),
    "raises": ("(0.514, 0.5, 19, 10): ValueError: no network of 19", _raises),
    "exits": ("SystemExit: 3", _exits),
    "nothing": ("keras.Model. Received: builtins.NoneType", _returns(lambda r: None)),
    "no input": (
        "begins with keras.Input. Received: Sequential",
        _returns(lambda r: keras.Sequential([layers.Dense(10)])),
    ),
    "size": (
        "images of shape (None, 19, 19, 3), as in --data. Received:"
        " (None, 18, 18, 3)",
        _returns(lambda r: _network((r - 1, r - 1, 3))),
    ),
    "channels": ("(None, 19, 19, 1)", _returns(lambda r: _network((r, r, 1)))),
    "no size": (
        "(None, None, None, 3)", _returns(lambda r: _network((None, None, 3)))
    ),
    "classes": (
        "each class, (None, 10). Received: (None, 9)",
        _returns(lambda r: _network((r, r, 3), classes=9)),
    ),
    "lambda": (
        "must not have Lambda layers",
        _returns(lambda r: _network((r, r, 3), layers.Lambda(lambda x: x))),
    ),
    "unregistered": (
        "register_keras_serializable(), so that saved networks can be loaded."
        " Received: Unknown",
        _returns(lambda r: _network((r, r, 3), Known(), Unknown())),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_in_one_line(what, monkeypatch):
  said, function = WRONG[what]
  name = "other" if function is None else "mine"
  candidate = _candidate(function, monkeypatch, name)
  with pytest.raises(ConfigError) as caught:
    custom.build(candidate)
  line = str(caught.value)
  assert line.startswith(f"--pool=nets:{name}") and "\n" not in line
  assert said in line


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "relu"])
def test_answers_must_be_probabilities(activation):
  network = _network((8, 8, 3), activation=activation)
  with pytest.raises(ConfigError, match="softmax.*that sum to"):
    custom.check_answers(network)


@pytest.mark.parametrize(
  ("source", "said"),
  [
    ("import nothing_of_this_name", "ModuleNotFoundError"),
    ("x = = 1", "SyntaxError"),
    ("raise SystemExit(1)", "SystemExit"),
  ],
)
def test_a_module_that_cannot_be_imported(source, said, monkeypatch, tmp_path):
  (tmp_path / "nets_broken.py").write_text(source)
  monkeypatch.chdir(tmp_path)
  with pytest.raises(ConfigError) as caught:
    custom.load("nets_broken:mine")
  line = str(caught.value)
  assert line.startswith("--pool=nets_broken:mine: the module nets_broken")
  assert said in line and "\n" not in line
