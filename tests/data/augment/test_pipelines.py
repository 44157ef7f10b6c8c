"""The augmentations as a whole: what goes in, what comes out, how often."""

import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from elite_tf.data import augment
from elite_tf.data.augment import pipelines
from elite_tf.data.augment.pipelines import AUGMENTATIONS, get_augmentation
from elite_tf.data.sources import Description


def _description(height, width, channels):
  return Description("d", 2, channels, height, width, ("no", "yes"), 10)


@pytest.mark.parametrize(
  "height, width, channels, expected",
  [
    (8, 8, 1, "none"),  # digits
    (15, 400, 3, "none"),
    (16, 16, 1, "light"),
    (28, 28, 1, "light"),  # MNIST
    (400, 500, 1, "light"),
    (16, 16, 3, "cifar10"),
    (32, 32, 3, "cifar10"),
    (63, 100, 3, "cifar10"),
    (64, 64, 3, "imagenet"),
    (500, 375, 3, "imagenet"),
  ],
)
def test_choice_by_the_data(height, width, channels, expected):
  assert (
    augment.choose_augmentation(_description(height, width, channels))
    == expected
  )


def test_names_are_those_of_the_registry():
  assert set(augment.NAMES) == set(AUGMENTATIONS)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_images_come_out_as_the_network_takes_them(
  photographs_of, name, channels, large
):
  found = get_augmentation(name, large)
  if found.apply is None:
    assert name == "none" and not found.stored
    return
  image = photographs_of(channels, *((90, 130) if found.stored else (40, 40)))
  before = image.copy()
  image.flags.writeable = False
  outcomes = []
  for seed in (0, 0, 1):
    rng = np.random.default_rng(seed)
    outcomes.append([found.apply(image, 40, rng) for _ in range(30)])
  for outcome in outcomes[0]:
    assert outcome.dtype == np.uint8 and outcome.shape == (40, 40, channels)
  first, again, other = (np.stack(outcome) for outcome in outcomes)
  assert (first == again).all() and (first != other).any()
  assert len({outcome.tobytes() for outcome in first}) > 15
  assert (image == before).all()


@pytest.fixture(scope="module")
def photographs_of(photographs):
  def make(channels, height, width):
    picture = Image.fromarray(photographs[1][:, 100:600])
    picture = picture.convert({1: "L", 3: "RGB"}[channels])
    return np.array(picture.resize((width, height))).reshape(
      height, width, channels
    )

  return make


def _ramp(side):
  """Brighter to the right: a flip shows, whatever else is done to it."""
  image = np.linspace(40, 200, side).astype(np.uint8)
  return np.broadcast_to(image[None, :, None], (side, side, 3)).copy()


@pytest.fixture
def no_policy(monkeypatch):
  monkeypatch.setattr(
    pipelines, "apply_policy", lambda picture, policy, rng: picture
  )


@pytest.mark.parametrize(
  "name, share",
  [("imagenet", 0.5), ("cifar10", 0.5), ("svhn", 0), ("light", 0)],
)
@pytest.mark.parametrize("large", [False, True])
def test_flips(no_policy, name, share, large, rng):
  apply = get_augmentation(name, large).apply
  image, draws = _ramp(32), 1000
  flipped = 0
  for _ in range(draws):
    row = apply(image, 32, rng)[16, 4:28, 0].astype(int)
    flipped += row[-1] < row[0]
  spread = 4 * math.sqrt(draws * share * (1 - share))
  assert abs(flipped - share * draws) <= spread


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_shift_of_thumbnails(no_policy, name, photographs_of, rng):
  """Up to four of 32 pixels each way, black beyond: 81 places."""
  image = photographs_of(3, 32, 32)
  padded = np.pad(image, ((4, 4), (4, 4), (0, 0)))
  places = {
    padded[y : y + 32, x : x + 32].tobytes() for y in range(9) for x in range(9)
  }
  flips = {
    np.frombuffer(place, np.uint8).reshape(32, 32, 3)[:, ::-1].tobytes()
    for place in places
  }
  wanted = places | flips if name == "cifar10" else places
  apply = AUGMENTATIONS[name].apply
  found = {apply(image, 32, rng).tobytes() for _ in range(3000)}
  assert found == wanted


def test_light_keeps_to_the_picture(photographs_of, rng):
  image = photographs_of(1, 28, 28)
  padded = np.pad(image, ((3, 3), (3, 3), (0, 0)), mode="edge")
  places = {
    padded[y : y + 28, x : x + 28].tobytes() for y in range(7) for x in range(7)
  }
  apply = AUGMENTATIONS["light"].apply
  assert {apply(image, 28, rng).tobytes() for _ in range(1000)} == places


@pytest.mark.parametrize(
  "name, low, high", [("imagenet", 0.1, 1.0), ("light", 0.5, 1.0)]
)
def test_crops_of_photographs(monkeypatch, name, low, high, photographs_of):
  """The areas asked for; the box resized is what Pillow makes of it."""
  asked = []
  monkeypatch.setattr(
    pipelines.crops,
    "random_box",
    lambda *arguments: asked.append(arguments) or (10, 20, 60, 80),
  )
  monkeypatch.setattr(
    pipelines, "apply_policy", lambda picture, policy, rng: picture
  )
  monkeypatch.setattr(pipelines, "jitter", lambda picture, rng: picture)
  image = photographs_of(3, 90, 130)
  rng = np.random.default_rng(3)
  found = get_augmentation(name, True).apply(image, 64, rng)
  assert asked[0][:4] == (90, 130, (low, high), 64)
  expected = np.asarray(
    Image.fromarray(image).resize((64, 64), Image.BICUBIC, (10, 20, 60, 80))
  )
  assert found.tobytes() in (
    expected.tobytes(),
    expected[:, ::-1].tobytes(),
  )


@pytest.mark.parametrize(
  "height, width, resolution, factor",
  [
    (192, 256, 96, 1),
    (287, 400, 96, 1),  # Not yet three times the network's side.
    (288, 400, 96, 2),
    (375, 500, 96, 2),
    (375, 500, 224, 1),
    (1000, 800, 96, 5),
    (40, 40, 64, 1),
  ],
)
def test_large_pictures_are_shrunk_before_the_policy(
  monkeypatch, photographs_of, height, width, resolution, factor, rng
):
  seen = []
  monkeypatch.setattr(
    pipelines,
    "apply_policy",
    lambda picture, policy, rng: seen.append(picture) or picture,
  )
  image = photographs_of(3, height, width)
  AUGMENTATIONS["imagenet"].apply(image, resolution, rng)
  expected = (math.ceil(width / factor), math.ceil(height / factor))
  assert seen[0].size == expected
  # Means of squares of pixels.
  mean = image[:factor, :factor].astype(float).mean((0, 1))
  assert np.asarray(seen[0])[0, 0] == pytest.approx(mean, abs=1)


def test_jitter(picture):
  """By Pillow, in the six orders, each as often; factors of 0.6 to 1.4."""

  class Told:
    def __init__(self, order):
      self.factors = [0.6, 1.4, 1.1]
      self.order = order

    def permutation(self, count):
      assert count == 3
      return np.array(self.order)

    def uniform(self, low, high):
      assert (low, high) == (0.6, 1.4)
      return self.factors.pop(0)

  enhance = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
  seen = set()
  for order in (
    (0, 1, 2),
    (0, 2, 1),
    (1, 0, 2),
    (1, 2, 0),
    (2, 0, 1),
    (2, 1, 0),
  ):
    expected = picture
    for position, factor in zip(order, (0.6, 1.4, 1.1)):
      expected = enhance[position](expected).enhance(factor)
    found = pipelines.jitter(picture, Told(order))
    assert found.tobytes() == expected.tobytes()
    seen.add(found.tobytes())
  assert len(seen) == 6


def test_importing_the_names_loads_no_numpy():
  import subprocess
  import sys

  code = (
    f"import sys; sys.path[:0] = {sys.path!r}; import elite_tf.data.augment;"
    "print(sorted({'numpy', 'PIL'} & set(sys.modules)))"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  )
  assert done.stdout.strip() == "[]"
