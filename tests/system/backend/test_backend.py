"""What holds for every backend: a step, a gradient and a batch norm."""

import keras
import numpy as np
import pytest

from elite_tf.errors import ConfigError
from elite_tf.system import backend
from elite_tf.system.backend import BACKENDS, Backend


@pytest.fixture(params=sorted(BACKENDS))
def framework(request):
  pytest.importorskip(request.param)
  return BACKENDS[request.param]


def _tensor(framework, array):
  if framework.name == "jax":
    import jax.numpy

    return jax.numpy.asarray(array)
  import tensorflow as tf

  return tf.constant(array)


def test_names_are_kerass():
  assert all(isinstance(each, Backend) for each in BACKENDS.values())
  assert BACKENDS.keys() <= {"tensorflow", "jax", "torch", "openvino"}
  assert [name for name, each in BACKENDS.items() if each.converts] == [
    "tensorflow"
  ]


def test_current_is_the_loaded_kerass(monkeypatch):
  monkeypatch.setenv("KERAS_BACKEND", "torch")
  assert backend.current().name == keras.backend.backend()


@pytest.mark.parametrize(
  "value, name", [("", "tensorflow"), ("jax", "jax"), ("tensorflow",) * 2]
)
def test_current_is_the_environments_before_keras_is_loaded(
  monkeypatch, value, name
):
  monkeypatch.delitem(backend.sys.modules, "keras")
  monkeypatch.setenv("KERAS_BACKEND", value)
  assert backend.current().name == name


def test_another_backend_is_refused(monkeypatch):
  monkeypatch.delitem(backend.sys.modules, "keras")
  monkeypatch.setenv("KERAS_BACKEND", "torch")
  with pytest.raises(ConfigError) as caught:
    backend.current()
  assert str(caught.value) == (
    "KERAS_BACKEND must be one of tensorflow, jax. Received: torch"
  )


def test_gradient_of_a_cubic(framework):
  x = np.array([1.0, -2.0, 0.5], np.float32)

  def cubic(x):
    return (x[0] ** 3 + x[1] ** 3 + x[2] ** 3), x * 2

  (value, more), gradient = framework.value_and_gradient(cubic)(
    _tensor(framework, x)
  )
  assert float(value) == 1 - 8 + 0.125
  assert np.asarray(more).tolist() == [2, -4, 1]
  assert np.asarray(gradient).tolist() == [3, 12, 0.75]  # 3 x ** 2.


def test_step_takes_and_returns_nested_tuples(framework):
  pair = (keras.KerasTensor((None,)), keras.KerasTensor((), "int32"))
  step = framework.compile_step(
    lambda pair, shift: ((pair[0] + shift, pair[1]), shift),
    (pair, keras.KerasTensor(())),
  )
  for length in (2, 3):
    (moved, number), shift = step(
      (np.ones(length, np.float32), np.int32(7)), np.float32(0.5)
    )
    assert np.asarray(moved).tolist() == [1.5] * length
    assert (int(number), float(shift)) == (7, 0.5)


def test_batch_norm_is_numpys(framework):
  draw = np.random.default_rng(0)
  x = draw.normal(3, 2, (4, 3, 5, 2)).astype(np.float32)
  gain, offset = np.array([[1.5, 0.5], [0.25, -1]], np.float32)
  normalized, mean, variance = framework.normalize(
    *(_tensor(framework, each) for each in (x, gain, offset)), 0.001
  )
  axes = (0, 1, 2)
  x = x.astype(np.float64)
  expected = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 0.001) * gain + offset
  assert np.asarray(normalized) == pytest.approx(expected, abs=1e-5)
  # A sum of 60 numbers in float32 is off by up to 60 * 2^-24, relatively, in an
  # order that depends on the processor.
  assert np.asarray(mean) == pytest.approx(x.mean(axes), rel=60 * 2**-24)
  assert np.asarray(variance) == pytest.approx(x.var(axes, ddof=1), rel=1e-5)


def test_capability_is_a_pair_where_there_is_a_gpu(framework):
  found = framework.gpu_capability()
  assert found is None or [type(each) for each in found] == [int, int]
