"""The training recipes: the paper's (Section 5.1), and one for small networks.

Both are scaled to the number of epochs.
"""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

PAPER_EPOCHS = 350
PAPER_BATCH = 100

# With fewer images an epoch has so few steps of 100 images that little is
# learned. Batch norm needs some images in every batch.
STEPS_PER_EPOCH = 16
SMALLEST_BATCH = 10

# A rest of images that fills no batch is told from this share on: 1 of so many.
MOST_LEFT_OUT = 10
CLASS_WEIGHTS = ("none", "balanced")


@dataclasses.dataclass(frozen=True)
class Recipe:
  """Settings of the paper and of EfficientNet's published configuration.

  Attributes:
    batch_size: Images per step.
    learning_rate: Peak learning rate for a batch of 4,096 images.
    decay: Factor by which the learning rate is multiplied.
    decay_epochs: Epochs, out of 350, between two such multiplications.
    warmup_epochs: Epochs, out of 350, of linear warm-up.
    rho: RMSProp's decay of the squared gradient.
    momentum: RMSProp's momentum.
    epsilon: Added to the squared gradient, inside the root.
    label_smoothing: Share of the label that is spread over all classes.
    weight_decay: Factor of half the squared weights in the loss; without the
      weights of batch norm, as in EfficientNet.
    ema: Decay of the moving average of the weights.
    dropout: Rate of dropout before the classifier, and of stochastic depth at
      the last block.
    teaching: Share of a teacher's answers in the loss, where there is one; the
      rest is that of the labels.
    temperature: Temperature of both answers in the loss of a teacher.
    class_weights: One of `CLASS_WEIGHTS`: the weight of each class in the
      training loss. In validation all images have the same weight.
  """

  batch_size: int = PAPER_BATCH
  learning_rate: float = 0.256
  decay: float = 0.97
  decay_epochs: float = 2.4
  warmup_epochs: float = 5.0
  rho: float = 0.9
  momentum: float = 0.9
  epsilon: float = 0.001
  label_smoothing: float = 0.1
  weight_decay: float = 1e-5
  ema: float = 0.9999
  dropout: float = 0.2
  teaching: float = 0.9
  temperature: float = 4.0
  class_weights: str = "none"


# A network of less than a million parameters fits its training images too
# little, not too well; it trains best with what regularizes least and with
# longer steps (docs/measurements/2026-12-01-small-networks.md).
RECIPES: dict[str, Recipe] = {
  "paper": Recipe(),
  "small": Recipe(learning_rate=1.024, dropout=0.0),
}


def choose_batch_size(images: int) -> int:
  """Returns the images per step if the user gave no number.

  The paper's 100 from 1,600 images on, fewer below, so that an epoch has at
  least ten steps or batches of 10.

  Args:
    images: Number of images of the data set, all parts together; about two
      thirds of them train.
  """
  return min(PAPER_BATCH, max(SMALLEST_BATCH, images // STEPS_PER_EPOCH))


def left_out(images: int, batch_size: int) -> str:
  """Returns a note about the images that an epoch leaves out; "" for a few.

  Args:
    images: Number of training images.
    batch_size: Images per step.
  """
  if images < batch_size:
    return (
      f"{images} training images are fewer than --batch_size={batch_size}: all"
      " of them are one step"
    )
  rest = images % batch_size
  if rest * MOST_LEFT_OUT < images:
    return ""
  return (
    f"every epoch leaves out {rest} of {images} training images, other ones"
    f" every time: they fill no batch of {batch_size} (--batch_size)"
  )


def learning_rate(
  recipe: Recipe, step: int, steps_per_epoch: int, epochs: int
) -> float:
  """Returns the learning rate of one step.

  Args:
    recipe: Peak, warm-up and decay.
    step: Number of the step, from 0.
    steps_per_epoch: Steps per epoch.
    epochs: Epochs of the whole training, to which the paper's 350 are scaled.
  """
  peak = recipe.learning_rate * recipe.batch_size / 4096
  # Position of the step on the paper's scale of 350 epochs. Exact fractions: a
  # float just below a multiple of 2.4 would decay one step late.
  epoch = Fraction((step + 1) * PAPER_EPOCHS, steps_per_epoch * epochs)
  warmup, period = (
    Fraction(str(length))
    for length in (recipe.warmup_epochs, recipe.decay_epochs)
  )
  if epoch < warmup:
    return peak * float(epoch / warmup)
  return peak * recipe.decay ** (epoch // period)


def ema_decay(recipe: Recipe, step: int) -> float:
  """Returns the decay of the moving average at one step.

  The warm-up is EfficientNet's (`num_updates` of TensorFlow's
  ExponentialMovingAverage): after a short training the average is over the last
  tenth of the steps, without the first weights.

  Args:
    recipe: Its `ema` is the final decay.
    step: Number of the step, from 0.
  """
  return min(recipe.ema, (1 + step) / (10 + step))


def balanced_weights(counts: Sequence[int]) -> list[float]:
  """Returns the weight of each class that gives all classes the same influence.

  The weight is n / (classes * count), as scikit-learn's "balanced"; the mean
  over all images is 1. A class without images has weight 0.

  Args:
    counts: Number of training images of each class.
  """
  total = sum(counts)
  return [total / (len(counts) * count) if count else 0.0 for count in counts]
