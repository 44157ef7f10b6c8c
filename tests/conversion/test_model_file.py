"""Networks from .keras files: which are refused, and what is said."""

from pathlib import Path

import keras
import pytest

from elite_tf.conversion import model_file
from elite_tf.data import sources
from elite_tf.errors import ConfigError
from elite_tf.networks import to_keras
from elite_tf.networks.pool import make_pool


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
  path = tmp_path / "model.keras"
  path.write_bytes(content)
  with pytest.raises(ConfigError, match="cannot be loaded") as error:
    model_file.load_model(path)
  assert "\n" not in str(error.value)


def test_a_model_for_other_data_is_refused():
  description = sources.describe("digits")
  for classes, channels in ((7, 1), (10, 3)):
    network = to_keras.build(make_pool("hf", classes, channels, 32)[-1])
    with pytest.raises(ConfigError, match="--data"):
      model_file.check_model(Path("m.keras"), network, description, "int8")


def test_a_model_of_another_architecture_is_refused():
  """One of the user's own family only where QAT has to build it anew."""
  image = keras.Input((32, 32, 1))
  x = keras.layers.MaxPooling2D(name="pooled")(image)
  x = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x))
  network = keras.Model(image, x, name="other")
  description, path = sources.describe("digits"), Path("m.keras")
  for quantize in ("int8", "int16x8", "auto", "none"):
    model_file.check_model(path, network, description, quantize, "nets:tiny")
  for quantize, pool in (
    ("int8", "elite"),
    ("auto", "elite"),
    ("qat", "nets:tiny"),
  ):
    with pytest.raises(ConfigError) as error:
      model_file.check_model(path, network, description, quantize, pool)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith("--quantize=qat, ") == (quantize == "qat")
    for part in ("--model=m.keras: other", "'pooled'", "MaxPooling2D"):
      assert part in line
