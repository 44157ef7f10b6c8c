"""The training recipe (paper Section 5.1), scaled to the epochs asked for."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

PAPER_EPOCHS = 350
CLASS_WEIGHTS = ("none", "balanced")


@dataclasses.dataclass(frozen=True)
class Recipe:
  """Settings of the paper and of EfficientNet's published configuration.

  Attributes:
    batch_size: Images a step.
    learning_rate: Peak learning rate at a batch of 4,096 images.
    decay: Factor of the learning rate at every `decay_epochs`.
    decay_epochs: Of 350 epochs; scaled to the epochs asked for.
    warmup_epochs: Linear warm-up, of 350 epochs; scaled likewise.
    rho: RMSProp's decay of the squared gradient.
    momentum: RMSProp's momentum.
    epsilon: Added to the squared gradient, inside the root.
    label_smoothing: Share of the label spread over all classes.
    weight_decay: Weight of half the squared weights in the loss, batch norm's
      left out as in EfficientNet.
    ema: Decay of the moving average of the weights.
    class_weights: One of `CLASS_WEIGHTS`: how much an image of each class
      counts in the training loss. Validation counts every image alike.
  """

  batch_size: int = 100
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
  class_weights: str = "none"


def learning_rate(
  recipe: Recipe, step: int, steps_per_epoch: int, epochs: int
) -> float:
  """Returns the learning rate of one step.

  Args:
    recipe: Peak, warm-up and decay.
    step: Steps done before, from 0.
    steps_per_epoch: Steps an epoch.
    epochs: Epochs of the whole training: the paper's 350 are scaled to them.
  """
  peak = recipe.learning_rate * recipe.batch_size / 4096
  # Where the step lies on the paper's scale of 350 epochs; exact, for a binary
  # fraction just below a multiple of 2.4 would decay one step late.
  epoch = Fraction((step + 1) * PAPER_EPOCHS, steps_per_epoch * epochs)
  warmup, period = (
    Fraction(str(length))
    for length in (recipe.warmup_epochs, recipe.decay_epochs)
  )
  if epoch < warmup:
    return peak * float(epoch / warmup)
  return peak * recipe.decay ** (epoch // period)


def ema_decay(recipe: Recipe, step: int) -> float:
  """Returns the decay of the moving average at one step (from 0).

  Warmed up as EfficientNet did it (the number of updates given to TensorFlow's
  ExponentialMovingAverage): a short training still gets an average of its last
  tenth rather than of its first weights.
  """
  return min(recipe.ema, (1 + step) / (10 + step))


def balanced_weights(counts: Sequence[int]) -> list[float]:
  """Returns what an image of each class counts, so that classes weigh alike.

  n / (classes * count), as scikit-learn's "balanced" has it; all images
  together count as many as they are. A class without images counts 0.

  Args:
    counts: Training images of each class.
  """
  total = sum(counts)
  return [total / (len(counts) * count) if count else 0.0 for count in counts]
