"""A custom family: a user's function that builds Keras models.

`--pool=module:function` names it. Its layers are not known without building its
networks: `elite_tf.networks.custom` builds them, and
`elite_tf.networks.custom_cost` counts their costs. Input sizes are those of the
family elite.
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
  """The family of networks that a user's function builds."""

  has_layers: ClassVar[bool] = False

  # What the user's own layers need in lower precision is not known.
  mixed_precision: ClassVar[bool] = False

  def __init__(self, name: str):
    """Makes the family of a function; its module is not imported.

    Args:
      name: `module:function`.
    """
    # The function chooses the activations.
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
    """Imports the function's module, which may define layers.

    Where that fails, a saved network can still be loaded if all of its layers
    are Keras's.
    """
    from elite_tf.networks import custom

    with contextlib.suppress(ConfigError):
      custom.load(self.name)


def _no_layers(candidate: Candidate) -> tuple[Layer, ...]:
  raise ConfigError(
    "networks of a custom family have no list of layers."
    f" Received: --pool={candidate.family}"
  )
