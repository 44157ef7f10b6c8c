"""The stratified cut, on labels made up for it."""

import collections
import fractions
import hashlib

import numpy as np
import pytest

from elite_tf.data.sources import splits, types


def _split(labels):
  """Images whose one pixel is their index, to tell them apart."""
  indices = np.arange(len(labels)) % 256
  images = indices.astype(np.uint8).reshape(-1, 1, 1, 1)
  return types.Split(images, np.array(labels, np.int32))


def _description(classes):
  names = tuple(map(str, range(classes)))
  return types.Description("made-up", classes, 1, 1, 1, names, 0)


def _cut(labels, share, seed=0):
  generator = np.random.default_rng(seed)
  return splits.cut(np.array(labels), fractions.Fraction(*share), generator)


def _counts(split):
  return dict(collections.Counter(split.labels.tolist()))


def test_cut_takes_the_same_share_of_every_class():
  labels = [0] * 50 + [1] * 20 + [2] * 30
  kept, drawn = _cut(labels, (1, 10))
  assert collections.Counter(labels[i] for i in drawn) == {0: 5, 1: 2, 2: 3}
  assert sorted([*kept, *drawn]) == list(range(100))


def test_cut_rounds_down_but_takes_one_of_each():
  labels = [0] * 19 + [1] * 2 + [2] * 20
  _, drawn = _cut(labels, (1, 10))
  assert collections.Counter(labels[i] for i in drawn) == {0: 1, 1: 1, 2: 2}


def test_cut_is_exact_where_floats_are_not():
  # 0.29 * 100 is 28.999999999999996.
  _, drawn = _cut([0] * 100 + [1] * 100, (29, 100))
  assert len(drawn) == 58


def test_cut_keeps_the_order_and_draws_by_chance():
  labels = np.arange(1000) % 2
  kept, drawn = _cut(labels, (1, 10))
  assert (np.diff(kept) > 0).all() and (np.diff(drawn) > 0).all()
  assert drawn.tolist() != _cut(labels, (1, 10), seed=1)[1].tolist()
  # Not the first images, nor any other stretch: one drawn of every 100 or so.
  assert np.diff(drawn).max() < 120
  assert drawn[0] < 60 and drawn[-1] > 940


def test_divide_without_a_test_part():
  dataset = splits.divide(
    _description(2), _split([0] * 100 + [1] * 50), None, 0
  )
  # A fifth for test; a tenth of the 80 and 40 that are left for validation.
  assert _counts(dataset.test) == {0: 20, 1: 10}
  assert _counts(dataset.val) == {0: 8, 1: 4}
  assert _counts(dataset.train) == {0: 72, 1: 36}
  pixels = [
    p
    for split in (dataset.train, dataset.val, dataset.test)
    for p in split.images.ravel().tolist()
  ]
  assert sorted(pixels) == list(range(150))


def test_divide_with_a_test_part_leaves_it_alone():
  test = _split([1, 0])
  dataset = splits.divide(_description(2), _split([0, 1] * 10), test, 3)
  assert dataset.test is test
  assert _counts(dataset.val) == {0: 1, 1: 1}
  assert _counts(dataset.train) == {0: 9, 1: 9}


def test_validation_stops_at_ten_thousand():
  rest = _split([0] * 90_000 + [1] * 30_000)
  dataset = splits.divide(_description(2), rest, _split([0, 1]), 0)
  assert _counts(dataset.val) == {0: 7_500, 1: 2_500}


def test_validation_share_can_be_given():
  dataset = splits.divide(
    _description(2),
    _split([0, 1] * 100),
    _split([0, 1]),
    0,
    fractions.Fraction(15, 100),
  )
  assert _counts(dataset.val) == {0: 15, 1: 15}


def test_the_cuts_stay_what_they_were():
  """Fixed for good: another value here means other test images for everybody.

  The indices by the documented rule, with numpy's generator used directly.
  """
  labels = [0, 1, 0, 0, 1] * 20
  zero = [i for i in range(100) if i % 5 in (0, 2, 3)]
  one = [i for i in range(100) if i % 5 in (1, 4)]
  dataset = splits.divide(_description(2), _split(labels), None, 5)
  generator = np.random.default_rng([1])
  zeros = generator.permutation(zero)[:12]
  ones = generator.permutation(one)[:8]
  test = sorted([*zeros.tolist(), *ones.tolist()])
  assert dataset.test.images.ravel().tolist() == test
  generator = np.random.default_rng([2, 5])
  zeros = generator.permutation([i for i in zero if i not in test])[:4]
  ones = generator.permutation([i for i in one if i not in test])[:3]
  val = sorted([*zeros.tolist(), *ones.tolist()])
  assert dataset.val.images.ravel().tolist() == val
  assert (
    hashlib.sha256(bytes(test + val)).hexdigest()[:16] == "011a54fa8a568ecd"
  )


@pytest.mark.parametrize(
  "rest, test, wanted",
  [
    ([0, 0, 0, 2, 2, 2], None, "Received: none of class 1"),
    ([1, 1, 1, 2, 2, 2], None, "Received: none of class 0"),
    ([0, 0, 1, 1], [0, 1, 2], "Received: none of class 2"),
    ([0, 0, 1, 1], [0, 0], "Received: none of class 1"),
    ([0] * 9, None, "Received: every label is 0"),
    ([7] * 9, [7], "Received: every label is 7"),
    ([0, 0, 1], [0, 1], "Received: 1 of class 1"),
    ([0, 0, 0, 1, 1], None, "Received: 2 of class 1"),
    ([0, 1, -1], None, "Received: -1"),
    ([0, 2_000_000_000] * 3, None, "Received: none of class 1"),
  ],
)
def test_every_class_must_be_in_every_part(complaint, rest, test, wanted):
  line = complaint(
    splits.divide,
    _description(3),
    _split(rest),
    None if test is None else _split(test),
    0,
  )
  assert line.startswith("--data: ") and "'made-up'" in line
  assert line.endswith(wanted)


@pytest.mark.parametrize("images, test", [(2, [0, 1, 2]), (3, None)])
def test_the_fewest_images_that_can_be_cut(images, test):
  dataset = splits.divide(
    _description(3),
    _split([0, 1, 2] * images),
    test and _split(test),
    0,
  )
  for split in (dataset.train, dataset.val, dataset.test):
    assert _counts(split) == {0: 1, 1: 1, 2: 1}
