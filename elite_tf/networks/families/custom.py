"""A custom family: a function of the user's that builds Keras models.

`--pool=module:function` names it. It has no list of layers: its networks' costs
are counted on the built models (`elite_tf.networks.custom_cost`), which
`elite_tf.networks.custom` builds. Input sizes are those of the family elite.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, ClassVar

from elite_tf.errors import ConfigError
from elite_tf.networks.families.base import Family
from elite_tf.types import Candidate, Layer

if TYPE_CHECKING:
  import keras

  from elite_tf.networks.keras_layers import MakeLayer

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class CustomFamily(Family):
  """The family that a function of the user's builds."""

  has_layers: ClassVar[bool] = False

  # What the user's own layers need in lower precision is not known.
  mixed_precision: ClassVar[bool] = False

  def __init__(self, name: str):
    """Takes the function's name.

    Args:
      name: `module:function`.
    """
    # A function has whatever activations it likes.
    super().__init__(name, _no_layers, activation="")

  @staticmethod
  def is_name(name: object) -> bool:
    """Returns whether this is `module:function`."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None

  def stem_stride(self, base_resolution: int) -> int:
    """Returns 0: the function decides."""
    return 0

  def build(self, candidate: Candidate, make: MakeLayer) -> keras.Model:
    """Returns the network that the function builds for a candidate.

    Args:
      candidate: Of this family.
      make: Not used: the function makes its layers itself.

    Raises:
      ConfigError: The function fails, or returns another network than it must.
    """
    from elite_tf.networks import custom

    return custom.build(candidate)

  def import_code(self) -> None:
    """Imports the function's module, if it can be: Keras's layers need none."""
    from elite_tf.networks import custom

    with contextlib.suppress(ConfigError):
      custom.load(self.name)


def _no_layers(candidate: Candidate) -> tuple[Layer, ...]:
  raise ConfigError(
    "networks of a custom family have no list of layers."
    f" Received: --pool={candidate.family}"
  )
