"""`Family`: how a family of networks is described."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from elite_tf.networks.scaling import REPEATS, Coefficients, scale_resolution
from elite_tf.types import Candidate, Layer

if TYPE_CHECKING:
  import keras

  from elite_tf.networks.keras_layers import MakeLayer

# Input size at r = 1 for photographs, in pixels (paper Table 2).
PHOTOGRAPH = 224

# Below this base resolution, in pixels, the stem has stride 1. Halved five
# times, an image of 32 pixels would be one pixel before the last two stages.
SMALL_RESOLUTION = 64


def halved_resolution(side: int) -> int:
  """Returns the input size at r = 1 for images of `side` pixels.

  The next multiple of 32, at most 224: the network halves its input five times.
  Below 64 pixels the next multiple of 16: the stem then does not halve.
  """
  step = 16 if side <= SMALL_RESOLUTION - 16 else 32
  return min(-(-side // step) * step, PHOTOGRAPH)


def scaled_resolutions(base: int, coefficients: Coefficients) -> list[int]:
  """Returns the input size of every level r, in pixels (paper Table 3)."""
  return [scale_resolution(base, r) for r in coefficients.resolution]


@dataclasses.dataclass(frozen=True)
class Family:
  """A family of networks, from which a pool of candidates is made.

  Attributes:
    name: Name in `--pool`, and first part of the candidates' names.
    layers: Function of a candidate -> its network's layers, the input first.
    activation: Activation of stem, blocks and head if the candidate names none;
      one of `elite_tf.networks.families.efficientnet.ACTIVATIONS`.
    resolutions: Function (input size at r = 1, coefficients) -> input size of
      every level r, in pixels. Raises ConfigError for a size that the family
      cannot have.
    default_resolution: Function of the shorter side of a data set's images, in
      pixels -> input size at r = 1.
    base_resolution: Input size at r = 1 for photographs, in pixels.
    repeats: Operators per stage at depth 1, from which the depth coefficients
      follow.
    stem_halves_from: Least input size at r = 1, in pixels, for which the stem
      has stride 2; below, it has stride 1.

  Example:

    FAMILY = Family("mine", layers, activation="relu6")
  """

  name: str
  layers: Callable[[Candidate], tuple[Layer, ...]]
  activation: str
  resolutions: Callable[[int, Coefficients], list[int]] = scaled_resolutions
  default_resolution: Callable[[int], int] = halved_resolution
  base_resolution: int = PHOTOGRAPH
  repeats: tuple[int, ...] = REPEATS
  stem_halves_from: int = SMALL_RESOLUTION

  # Whether the networks' layers are known without building them: then costs and
  # memory are arithmetic, and slices and quantization-aware training possible.
  has_layers: ClassVar[bool] = True

  # Whether networks may be trained in a lower precision than float32.
  mixed_precision: ClassVar[bool] = True

  def stem_stride(self, base_resolution: int) -> int:
    """Returns the stem's stride for an input size at r = 1, in pixels."""
    return 1 if base_resolution < self.stem_halves_from else 2

  def build(self, candidate: Candidate, make: MakeLayer) -> keras.Model:
    """Returns a candidate's network with newly drawn weights.

    Args:
      candidate: Of this family.
      make: Function of a layer -> its Keras layer.
    """
    from elite_tf.networks.keras_layers import build_model

    return build_model(self.layers(candidate), candidate.name, make)

  def import_code(self) -> None:
    """Imports the code that saved networks of the family may refer to."""
