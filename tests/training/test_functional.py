"""A Keras model as a function of flat vectors, against the model itself."""

import keras
import numpy as np
import pytest
from keras import ops

from elite_tf.errors import CandidateFailed
from elite_tf.networks import to_keras as models
from elite_tf.training.functional import FunctionalModel, join, split


@pytest.fixture
def images():
  return np.random.default_rng(0).normal(size=(8, 6, 6, 1)).astype(np.float32)


def _flat(function):
  return join(function.weights), join(function.statistics)


def _seeds(function):
  return [np.array(seed) for seed in function.seeds]


def test_inference_is_the_models(make_network, images):
  function = FunctionalModel(make_network(dropout=0.5))
  found, _ = function.apply(*_flat(function), images)
  expected = function.model(images, training=False)
  assert np.asarray(found) == pytest.approx(np.asarray(expected), abs=1e-6)


def test_training_without_chance_is_the_models(make_network, images):
  function = FunctionalModel(make_network())
  weights, statistics = _flat(function)
  found, _ = function.apply(weights, statistics, images, np.uint32(0))
  expected = function.model(images, training=True)
  assert np.asarray(found) == pytest.approx(np.asarray(expected), abs=1e-6)


def test_other_weights_are_used_and_the_models_stay(make_network, images):
  """Every weight and every statistic counts for something."""
  function = FunctionalModel(make_network())
  weights, statistics = map(np.asarray, _flat(function))
  before = [np.array(v) for v in function.model.variables]
  plain, _ = function.apply(weights, statistics, images)
  draw = np.random.default_rng(1)
  for flat, other in ((0, statistics), (1, weights)):
    vectors = [weights, statistics]
    for position in range(vectors[flat].size):
      vectors = [weights.copy(), statistics.copy()]
      vectors[flat][position] += draw.uniform(0.3, 0.5)
      found, _ = function.apply(*vectors, images)
      changed = np.abs(np.asarray(found) - np.asarray(plain)).max()
      assert changed > 1e-7, (flat, position)
    del other
  for old, variable in zip(before, function.model.variables):
    assert np.array_equal(old, np.array(variable))


def test_batch_statistics_are_the_batchs_own(make_network, images):
  """Mean and variance of what the first normalization is given, by NumPy.

  The variance is that of the population which the batch is a sample of.
  """
  function = FunctionalModel(make_network())
  weights, statistics = _flat(function)
  _, found = function.apply(weights, statistics, images, np.uint32(0))
  inside = np.asarray(function.model.get_layer("conv")(images), np.float64)
  expected = [
    *inside.mean(axis=(0, 1, 2)),
    *inside.var(axis=(0, 1, 2), ddof=1),
  ]
  assert np.asarray(found)[:8] == pytest.approx(expected, abs=1e-5)
  # In inference there are none: what was given comes back.
  _, found = function.apply(weights, statistics, images)
  assert np.array_equal(found, statistics)


def test_chance_depends_on_the_step_alone(make_network, images):
  function = FunctionalModel(make_network(dropout=0.5))
  vectors = _flat(function)
  seeds = _seeds(function)
  first, again, next_ = (
    np.asarray(function.apply(*vectors, images, np.uint32(step))[0])
    for step in (4, 4, 5)
  )
  assert np.array_equal(first, again)
  assert not np.array_equal(first, next_)
  for old, new in zip(seeds, _seeds(function), strict=True):
    assert np.array_equal(old, new)


def test_seed_decides_what_is_dropped(make_network, images):
  found = []
  for seed in (0, 0, 1, 2):
    function = FunctionalModel(make_network(dropout=0.5), seed)
    weights, statistics = map(
      np.asarray, _flat(FunctionalModel(make_network(dropout=0.5)))
    )
    answer, _ = function.apply(weights, statistics, images, np.uint32(7))
    found.append(np.asarray(answer))
  assert np.array_equal(found[0], found[1])
  assert not np.array_equal(found[0], found[2])
  assert not np.array_equal(found[2], found[3])


def test_no_two_dropouts_share_their_chance():
  """Same rate, same shape, same step: other pixels are dropped."""
  image = keras.Input((50,))
  x = keras.layers.Dense(50, name="same")(image)
  x = keras.layers.BatchNormalization(trainable=False, epsilon=0.0)(x)
  drops = [keras.layers.Dropout(0.5)(x) for _ in range(3)]
  model = keras.Model(image, keras.layers.Concatenate()(drops))
  model.get_layer("same").kernel.assign(np.eye(50))
  function = FunctionalModel(model)
  ones = np.ones((4, 50), np.float32)
  found, _ = function.apply(*_flat(function), ones, np.uint32(7))
  masks = [part > 0 for part in np.split(np.asarray(found), 3, axis=1)]
  for one in range(3):
    assert 0.3 < masks[one].mean() < 0.7
    for two in range(one):
      assert 0.3 < (masks[one] == masks[two]).mean() < 0.7


def test_weight_decay_leaves_out_batch_norm_and_nothing_else(make_network):
  """Order: conv kernel (3 * 3 * 4) and bias (4), scale and offset (8),
  depthwise kernel (3 * 3 * 4), scale and offset (8), dense (4 * 3 + 3)."""
  expected = [1] * 40 + [0] * 8 + [1] * 36 + [0] * 8 + [1] * 15
  function = FunctionalModel(make_network())
  assert function.decayed().tolist() == expected


def test_weight_decay_of_a_candidate(tiny_candidate):
  function = FunctionalModel(models.build(tiny_candidate))
  expected = sum(
    int(np.prod(v.shape))
    for v in function.model.trainable_variables
    if v.name in ("kernel", "bias")
  )
  norm = sum(
    2 * layer.gamma.shape[0]
    for layer in function.model.layers
    if isinstance(layer, keras.layers.BatchNormalization)
  )
  found = function.decayed()
  assert found.sum() == expected and found.size == expected + norm


def test_weights_are_put_into_the_model(make_network):
  function = FunctionalModel(make_network())
  weights, statistics = (np.asarray(v) for v in _flat(function))
  new = [np.arange(v.size, dtype=np.float32) + 0.5 for v in
         (weights, statistics)]  # fmt: skip
  assert function.set_weights(*new) is function.model
  for flat, expected in zip(_flat(function), new):
    assert np.array_equal(flat, expected)
  # In the shapes of the variables: the dense layer's bias comes last.
  assert function.weights[-1].numpy().tolist() == new[0][-3:].tolist()


def test_join_and_split_undo_each_other():
  draw = np.random.default_rng(0)
  shapes = [(3, 3, 1, 4), (4,), (2, 5), ()]
  values = [draw.normal(size=s).astype(np.float32) for s in shapes]
  flat = join([ops.convert_to_tensor(v) for v in values])
  assert flat.shape == (36 + 4 + 10 + 1,)
  for value, part in zip(values, split(flat, values), strict=True):
    assert np.array_equal(value, part)
  assert join([]).shape == (0,)


def _nested(seed):
  """Two models inside another whose layers have the same names."""
  keras.utils.set_random_seed(seed)

  def part():
    image = keras.Input((6, 6, 1))
    x = keras.layers.Conv2D(2, 3, use_bias=False, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    return keras.Model(image, keras.layers.Flatten()(x))

  image = keras.Input((6, 6, 1))
  x = keras.layers.Concatenate()([part()(image), part()(image)])
  return keras.Model(image, keras.layers.Dense(3, "softmax")(x))


def _bare(seed):
  """One matrix and nothing else."""
  keras.utils.set_random_seed(seed)
  return keras.Sequential(
    [
      keras.Input((6, 6, 1)),
      keras.layers.Flatten(),
      keras.layers.Dense(3, "softmax", use_bias=False),
    ]
  )


@pytest.mark.parametrize("make", [_nested, _bare])
def test_networks_of_others(make, images):
  """With the weights of another one it computes what that one does."""
  function, other = FunctionalModel(make(1)), FunctionalModel(make(2))
  for variable in other.statistics:
    variable.assign(np.random.default_rng(0).uniform(1, 2, variable.shape))
  found, statistics = function.apply(*_flat(other), images)
  expected = other.model(images, training=False)
  assert np.asarray(found) == pytest.approx(np.asarray(expected), abs=1e-6)
  assert statistics.shape == _flat(other)[1].shape
  # Weight decay is for kernels: not for the two batch norms, of 2 channels.
  decayed = function.decayed()
  assert len(decayed) - decayed.sum() == (8 if make is _nested else 0)


class Counter(keras.layers.Layer):
  """Counts how often it was called."""

  def build(self, shape):
    del shape
    self.calls = self.add_weight(
      shape=(), dtype="int32", initializer="zeros", trainable=False
    )

  def call(self, inputs):
    self.calls.assign(self.calls + 1)
    return inputs


def _with(layer, dropout=0.5):
  image = keras.Input((6, 6, 1))
  x = keras.layers.GlobalAveragePooling2D()(layer(image))
  return keras.Model(image, keras.layers.Dropout(dropout, seed=1)(x))


def test_an_integer_state_is_no_seed(images):
  """The number of images that a normalization was adapted to stays."""
  layer = keras.layers.Normalization()
  layer.adapt(images)
  function = FunctionalModel(_with(layer))
  assert (len(function.seeds), len(function.constants)) == (1, 1)
  before = [np.array(v) for v in function.model.variables]
  found, _ = function.apply(*_flat(function), images)
  expected = (images - images.mean()) / images.std()
  assert np.asarray(found)[:, 0] == pytest.approx(
    expected.mean(axis=(1, 2, 3)), abs=1e-5
  )
  found, _ = function.apply(*_flat(function), images, np.uint32(3))
  assert (np.asarray(found) == 0).any(), "dropout has no chance"
  for old, variable in zip(before, function.model.variables):
    assert np.array_equal(old, np.array(variable))


def test_an_integer_state_that_changes_is_refused(images):
  function = FunctionalModel(_with(Counter(name="odd")))
  with pytest.raises(CandidateFailed, match="Received: .*odd"):
    function.apply(*_flat(function), images, np.uint32(0))
