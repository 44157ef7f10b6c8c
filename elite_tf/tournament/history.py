"""What a tournament remembers of a candidate's epochs."""

import dataclasses
from array import array
from collections.abc import Iterable

from elite_tf.types import Epoch


def _doubles() -> array:
  return array("d")


@dataclasses.dataclass(slots=True)
class History:
  """A candidate's epochs as far as decisions and sums need them.

  Sixteen bytes an epoch: a search with ten thousand candidates has a million
  epochs, whose tables are on the disk.

  Attributes:
    val_accuracy: Validation accuracies from epoch 1, float64.
    seconds: Wall clock of each epoch, float64.
  """

  val_accuracy: array = dataclasses.field(default_factory=_doubles)
  seconds: array = dataclasses.field(default_factory=_doubles)

  def __len__(self) -> int:
    return len(self.val_accuracy)

  def extend(self, start: int, epochs: Iterable[Epoch]) -> None:
    """Takes the epochs after one, in the place of those known before.

    Args:
      start: Epochs that stay.
      epochs: Those that follow.
    """
    del self.val_accuracy[start:], self.seconds[start:]
    for epoch in epochs:
      self.val_accuracy.append(epoch.val_accuracy)
      self.seconds.append(epoch.seconds)
