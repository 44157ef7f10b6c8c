"""The epochs of a candidate, as a tournament remembers them."""

import dataclasses
from array import array
from collections.abc import Iterable

from elite_tf.types import Epoch


def _doubles() -> array:
  return array("d")


@dataclasses.dataclass(slots=True)
class History:
  """What decisions and sums need of a candidate's epochs.

  Sixteen bytes per epoch: a search with ten thousand candidates has a million
  epochs. The full tables are on disk.

  Attributes:
    val_accuracy: Validation accuracies from epoch 1, float64.
    seconds: Wall-clock seconds of each epoch, float64.
  """

  val_accuracy: array = dataclasses.field(default_factory=_doubles)
  seconds: array = dataclasses.field(default_factory=_doubles)

  def __len__(self) -> int:
    return len(self.val_accuracy)

  def extend(self, start: int, epochs: Iterable[Epoch]) -> None:
    """Replaces the epochs after `start`.

    Args:
      start: Number of epochs that stay.
      epochs: The epochs that follow.
    """
    del self.val_accuracy[start:], self.seconds[start:]
    for epoch in epochs:
      self.val_accuracy.append(epoch.val_accuracy)
      self.seconds.append(epoch.seconds)
