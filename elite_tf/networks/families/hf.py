"""EfficientNet-HF: widths and map sizes are powers of two (paper Section 4)."""

from elite_tf.errors import ConfigError
from elite_tf.networks.families.base import Family
from elite_tf.networks.families.efficientnet import (
  HEAD_CHANNELS,
  STEM_CHANNELS,
  make_blocks,
  network_layers,
  round_to_8,
)
from elite_tf.networks.scaling import Coefficients
from elite_tf.types import Candidate, Layer

PHOTOGRAPH = 256  # Input size at r = 1 for photographs, in pixels.


def compound_round(channels: int) -> int:
  """Returns the power of two for `channels` (Equation 7).

  Up to 2^ceil(log2 c) if that is strictly nearer, otherwise down to
  2^floor(log2 c): ties go down.
  """
  above = 1 << (channels - 1).bit_length()
  below = 1 << (channels.bit_length() - 1)
  return above if above - channels < channels - below else below


def default_resolution(side: int) -> int:
  """Returns the input size at r = 1 for images of `side` pixels.

  The next power of two, between 16 and 256.
  """
  return min(max(1 << (side - 1).bit_length(), 16), PHOTOGRAPH)


def resolutions(base: int, coefficients: Coefficients) -> list[int]:
  """Returns the two input sizes of the family: `base` and its half.

  Raises:
    ConfigError: `base` is not a power of two.
  """
  del coefficients  # The family always has two sizes.
  if base < 2 or base & (base - 1):
    raise ConfigError(
      "--base_resolution of the family hf must be a power of two above 1."
      f" Received: {base}"
    )
  return [base, base // 2]


def layers(candidate: Candidate) -> tuple[Layer, ...]:
  """Returns the layers of an HF network.

  The paper prints only the rounding rule. The following reading of it gives all
  six HF rows of Table 5. Stem, stages and head are rounded to a multiple of 8
  and then to a power of two. An expansion is six times the channels of the
  block's input *before* the rounding to a power of two, and is then rounded.
  """

  def to_8(channels):
    return round_to_8(channels, candidate.width)

  stem = compound_round(to_8(STEM_CHANNELS))
  blocks = make_blocks(
    candidate,
    stem,
    stage_out=lambda channels: compound_round(to_8(channels)),
    expanded=lambda ratio, nominal, channels_in: compound_round(
      ratio * to_8(nominal)
    ),
    squeezed=lambda channels_in: max(1, channels_in // 4),
  )
  head = compound_round(to_8(HEAD_CHANNELS))
  return network_layers(candidate, stem, blocks, head, FAMILY.activation)


FAMILY = Family(
  "hf",
  layers,
  activation="swish",
  resolutions=resolutions,
  default_resolution=default_resolution,
  base_resolution=PHOTOGRAPH,
)
