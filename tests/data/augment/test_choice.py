"""Whether images are mirrored, and what a person is told of it."""

import dataclasses

import numpy as np
import pytest

from elite_tf.data.augment import choose
from elite_tf.data.augment.pipelines import get_augmentation
from elite_tf.data.batches import make_inputs
from elite_tf.data.sources import Dataset, Description, Split

COLOUR = Description("d", 2, 3, 32, 32, ("cat", "dog"), 10)


def _named(*names):
  return dataclasses.replace(COLOUR, classes=len(names), class_names=names)


@pytest.mark.parametrize(
    "names, flip, reason",
    [
        (("cat", "dog"), "always", "look the same mirrored"),
        (tuple("0123456789"), "never", "digits or letters"),
        (("00000", "00012"), "never", "digits or letters"),
        (("A", "b", "ж"), "never", "digits or letters"),
        # The American Sign Language alphabet.
        ((*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "del", "nothing", "space"), "never",
         "digits or letters"),
        (("turn_left", "stop"), "never", "a class is called 'turn_left'"),
        (("turnRight", "stop"), "never", "a class is called 'turnRight'"),
        (("LEFT", "none"), "never", "a class is called 'LEFT'"),
        (("bright", "dark", "cleft", "1"), "always", "look the same mirrored"),
    ],
)  # fmt: skip
def test_names_of_classes_decide(names, flip, reason):
  choice = choose(_named(*names))
  assert (choice.augment, choice.flip) == ("cifar10", flip)
  assert reason in choice.why and "colour below 64 pixels" in choice.why
  # What the user names goes before.
  for given in ("always", "never"):
    choice = choose(_named(*names), flip=given)
    assert choice.flip == given and "(as given)" in choice.why


def test_numbers_of_labels_are_no_names():
  """CIFAR-10 as arrays: nobody called its classes 0 to 9."""
  arrays = dataclasses.replace(_named(*"0123456789"), named=False)
  choice = choose(arrays)
  assert choice.flip == "always"
  assert "classes have no names; for letters or signs give --flip=never" in (
    choice.why
  )


@pytest.mark.parametrize("augment", ["none", "light", "svhn"])
def test_augmentations_without_flips_have_none_by_themselves(augment):
  assert choose(COLOUR, augment).flip == "never"
  assert choose(COLOUR, augment, "always").flip == "always"


@pytest.mark.parametrize("flip, share", [("never", 0), ("always", 0.5)])
@pytest.mark.parametrize("augment", ["none", "cifar10"])
def test_training_images_are_mirrored_or_not(monkeypatch, augment, flip, share):
  """A picture that is bright on its left side, four times as wide as a shift."""
  from elite_tf.data.augment import pipelines

  monkeypatch.setattr(pipelines, "apply_policy", lambda picture, *_: picture)
  images = np.zeros((400, 32, 32, 3), np.uint8)
  images[:, :, :16] = 200
  split = Split(images, np.zeros(400, np.int32))
  data = Dataset(COLOUR, split, split, split)
  inputs = make_inputs(data, 32, augment, flip=flip)
  ((batch, _),) = inputs.train.read([np.arange(400)], (0, 1))
  mirrored = batch[:, 16, 24, 0] > 100
  assert mirrored.mean() == pytest.approx(share, abs=0.1)
  assert not (inputs.val._images[:, 16, 24, 0] > 100).any()


def test_flips_are_drawn_after_everything_else():
  """With them, images are those of before; without, all else is the same."""
  generator = np.random.default_rng(0)
  image = generator.integers(0, 256, (32, 32, 3), np.uint8)
  with_flips = get_augmentation("cifar10", False, True).apply
  without = get_augmentation("cifar10", False, False).apply
  for seed in range(20):
    one = with_flips(image, 32, np.random.default_rng(seed))
    other = without(image, 32, np.random.default_rng(seed))
    assert (one == other).all() or (one[:, ::-1] == other).all()
