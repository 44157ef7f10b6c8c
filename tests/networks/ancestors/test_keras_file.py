"""Files of keras.applications, against what Keras computes with them."""

import keras
import numpy as np
import pytest

from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors import (
  find_starts,
  keras_file,
  read_start,
)
from elite_tf.networks.families import get_family
from elite_tf.networks.pool import make_pool

SIDE = 64


def _drawn(name):
  """A network of keras.applications with weights as after a training."""
  keras.utils.set_random_seed(0)
  model = getattr(keras.applications, name)(
    weights=None, input_shape=(224, 224, 3)
  )
  rng = np.random.default_rng(0)
  for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
      gamma, beta, mean, variance = layer.get_weights()
      layer.set_weights([
        rng.uniform(0.5, 1.5, gamma.shape), rng.normal(0, 0.3, beta.shape),
        rng.normal(0, 0.3, mean.shape), rng.uniform(0.5, 1.5, variance.shape),
      ])  # fmt: skip
  return model


@pytest.fixture(scope="module")
def mobilenet():
  return _drawn("MobileNetV2")


@pytest.fixture(scope="module")
def b0():
  return _drawn("EfficientNetB0")


def _layers(family):
  first = make_pool(family, base_resolution=SIDE, levels=1)[0]
  return get_family(family).layers(first)


def _keras(model, images):
  """Answers of a Keras network, whatever the size of the images."""
  smaller = keras.models.clone_model(
    model, input_tensors=keras.Input((SIDE, SIDE, 3))
  )
  smaller.set_weights(model.get_weights())
  return np.asarray(smaller(images, training=False))[0]


def test_mobilenet_v2_computes_what_keras_computes(mobilenet, forward):
  image = np.random.default_rng(1).uniform(-1, 1, (SIDE, SIDE, 3))
  image = image.astype(np.float32)
  weights = keras_file.mobilenet_weights(mobilenet)
  np.testing.assert_allclose(
    forward(_layers("mobilenet_v2"), weights, image),
    _keras(mobilenet, image[None]),
    rtol=1e-3,
    atol=1e-7,
  )


def test_b0_computes_what_keras_computes(b0, forward):
  """Keras's own normalization is by mean 0 and variance 1 as it was drawn."""
  pixels = np.random.default_rng(1).uniform(0, 255, (SIDE, SIDE, 3))
  pixels = pixels.astype(np.float32)
  weights = keras_file.b0_weights(b0)
  np.testing.assert_allclose(
    forward(_layers("elite"), weights, pixels / 255),
    _keras(b0, pixels[None]),
    rtol=1e-3,
    atol=1e-7,
  )


def test_pixels_are_scaled_in_the_first_convolution(mobilenet, forward):
  """Where no kernel reaches beyond the edge."""
  weights = keras_file.mobilenet_weights(mobilenet)
  pixels = np.random.default_rng(1).uniform(0, 255, (SIDE, SIDE, 3))
  factor, offset = np.float64([0.1, 0.2, 0.3]), np.float64([-1, -2, -3])
  adapted = keras_file.adapt_input(weights, factor, offset)
  layers = _layers("mobilenet_v2")
  np.testing.assert_allclose(
    forward(layers, adapted, (pixels - 128) / 128, "stem_bn")[1:-1, 1:-1],
    forward(layers, weights, pixels * factor + offset, "stem_bn")[1:-1, 1:-1],
    rtol=1e-3,
    atol=1e-3,
  )


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_files_of_every_kind_are_read(mobilenet, tmp_path, ending):
  path = tmp_path / f"mine{ending}"
  mobilenet.save(path)
  _, weights = read_start(
    find_starts(str(path), ["mobilenet_v2"])["mobilenet_v2"]
  )
  expected = keras_file.mobilenet_weights(mobilenet)
  assert weights.keys() == expected.keys()
  np.testing.assert_array_equal(weights["logits"][0], expected["logits"][0])


def _refused(path):
  start = find_starts(str(path), ["mobilenet_v2"])["mobilenet_v2"]
  with pytest.raises(ConfigError, match="--weights") as caught:
    read_start(start)
  assert "\n" not in str(caught.value)
  assert str(path) in str(caught.value)


def test_file_of_another_network_is_refused(b0, tmp_path):
  b0.save_weights(tmp_path / "mine.weights.h5")
  _refused(tmp_path / "mine.weights.h5")


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_damaged_file_is_refused(tmp_path, ending):
  path = tmp_path / f"cut{ending}"
  path.write_bytes(
    (b"PK\x03\x04" if ending == ".keras" else b"\x89HDF\r\n\x1a\n") + b"0" * 99
  )
  _refused(path)


def test_b0_must_have_been_normalized_as_on_imagenet(b0, monkeypatch):
  monkeypatch.setattr(keras_file, "_load", lambda name, path: b0)
  with pytest.raises(ConfigError, match="means"):
    keras_file.read_efficientnet_b0("mine.weights.h5")


def test_missing_file_of_keras_is_named(monkeypatch, tmp_path):
  monkeypatch.setenv("KERAS_HOME", str(tmp_path))
  for family, file in (
    ("hf", "efficientnetb0.h5"),
    ("mobilenet_v2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0"),
  ):
    with pytest.raises(ConfigError, match=file):
      find_starts("imagenet", [family])
  (tmp_path / "models").mkdir()
  (tmp_path / "models" / "efficientnetb0.h5").write_bytes(b"\x89HDF")
  assert find_starts("imagenet", ["hf", "elite"]).keys() == {"hf", "elite"}
