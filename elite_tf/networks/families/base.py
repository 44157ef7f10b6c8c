"""What a family of networks is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from elite_tf.networks.scaling import Coefficients, scale_resolution
from elite_tf.types import Candidate, Layer

if TYPE_CHECKING:
  import keras

  from elite_tf.networks.keras_layers import MakeLayer

# Input size at r = 1 for photographs, in pixels (paper Table 2).
PHOTOGRAPH = 224

# Below this base resolution, in pixels, the stem keeps every pixel: halved five
# times, a picture of 32 pixels would be one pixel before the last two stages.
SMALL_RESOLUTION = 64


def halved_resolution(side: int) -> int:
  """Returns the input size at r = 1 for images of `side` pixels.

  The next multiple of 32 (the network halves its input five times) up to 224;
  below 64 pixels, where the stem halves nothing, of 16.
  """
  step = 16 if side <= SMALL_RESOLUTION - 16 else 32
  return min(-(-side // step) * step, PHOTOGRAPH)


def scaled_resolutions(base: int, coefficients: Coefficients) -> list[int]:
  """Returns the input sizes of every level r, in pixels (paper Table 3)."""
  return [scale_resolution(base, r) for r in coefficients.resolution]


@dataclasses.dataclass(frozen=True)
class Family:
  """A family of networks: what a pool of candidates is made from.

  Attributes:
    name: What `--pool` calls it, and candidates' names begin with.
    layers: Function of a candidate -> its network's layers, the input first.
    activation: Activation of stem, blocks and head where a candidate has none
      of its own; one of `efficientnet.ACTIVATIONS`.
    resolutions: Function (input size at r = 1, coefficients) -> input sizes of
      every level r, in pixels. Raises ConfigError for a size it cannot have.
    default_resolution: Function of the smaller side of a data set's images, in
      pixels -> input size at r = 1.
    base_resolution: Input size at r = 1 for photographs, in pixels.
  """

  name: str
  layers: Callable[[Candidate], tuple[Layer, ...]]
  activation: str
  resolutions: Callable[[int, Coefficients], list[int]] = scaled_resolutions
  default_resolution: Callable[[int], int] = halved_resolution
  base_resolution: int = PHOTOGRAPH

  # Whether `layers` knows the networks' layers, for costs, memory, slices and
  # quantization-aware training. If not, only the built network tells its cost.
  has_layers: ClassVar[bool] = True

  # Whether its networks may be trained in a lower precision than float32.
  mixed_precision: ClassVar[bool] = True

  def stem_stride(self, base_resolution: int) -> int:
    """Returns the stem's stride for an input size at r = 1, in pixels."""
    return 1 if base_resolution < SMALL_RESOLUTION else 2

  def build(self, candidate: Candidate, make: MakeLayer) -> keras.Model:
    """Returns a candidate's network, weights drawn anew.

    Args:
      candidate: Of this family.
      make: Function of a layer -> its Keras layer.
    """
    from elite_tf.networks.keras_layers import build_model

    return build_model(self.layers(candidate), candidate.name, make)

  def import_code(self) -> None:
    """Imports the code that the family's saved networks may name."""
