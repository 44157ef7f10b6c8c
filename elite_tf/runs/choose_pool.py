"""The pool of a search whose user named a board, or a limit, but no pool."""

import contextlib
import dataclasses
import math
from collections.abc import Sequence

from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Limits
from elite_tf.networks.ancestors import NONE
from elite_tf.networks.families import (
  DEFAULT,
  FAMILIES,
  Family,
  get_families,
  get_family,
)
from elite_tf.networks.scaling import coefficients
from elite_tf.runs.settings import Settings, limits_of
from elite_tf.runs.starts import choose_weights

# An input may take this share of the memory: the first maps of a network are
# larger than its input.
INPUT_SHARE = 8

# Where the user named no time: small images would otherwise fill the flash with
# networks of ten seconds.
LATENCY = "1s"

# The family whose ancestor's weights are in a package.
HEIR = "lite"

# Of fewer photographs than these, an input of 96 pixels is enough for networks
# that inherit, and trains in minutes.
FEW_IMAGES = 10_000
FEW_IMAGES_SIDE = 96

# Input sizes of photographs under a limit of memory, in pixels.
SIZES = (64, 96, 128, 160, 192, 224)


def choose_pool(settings: Settings, description: Description) -> Settings:
  """Returns the settings with pool, widths and input size chosen.

  What the user named stays; a pattern such as `elite-w4-*` names a family.
  Otherwise the pool is `lite` where that inherits weights from ImageNet
  (docs/measurements/2026-12-01-pretrained.md); under a limit `edge`, which at the
  price of a microcontroller was measured to be better than the paper's families
  (docs/measurements/2026-12-01-small-networks.md); and else the paper's. Under a
  limit widths are the largest that fit, on a board within a second: the paper's
  coefficients rarely meet a limit.

  Args:
    settings: Of the search.
    description: Of its data set.
  """
  limits = limits_of(settings)
  limited = limits != Limits()
  few = False
  if not settings.pool:
    named = _named_families(settings.include)
    # A pattern without --fill is of the names in a pool of coefficients.
    filled = limited and not named and (settings.fill or not settings.include)
    heir = not named and _inherits(settings, description)
    few = heir and description.images < FEW_IMAGES
    settings = dataclasses.replace(
      settings,
      pool=named or (HEIR if heir else "edge" if filled else DEFAULT),
      fill=settings.fill or filled,
    )
    if filled and limits.board and not settings.latency:
      settings = dataclasses.replace(settings, latency=LATENCY)
  if settings.base_resolution:
    return settings
  base = _base_resolution(settings, description, limits)
  return dataclasses.replace(
    settings, base_resolution=min(base, FEW_IMAGES_SIDE) if few else base
  )


def _named_families(patterns: str) -> str:
  """Returns the families that patterns of `--include` name, as for `--pool`."""
  families = (text.strip().partition("-")[0] for text in patterns.split(","))
  return ",".join(dict.fromkeys(f for f in families if f in FAMILIES))


def _inherits(settings: Settings, description: Description) -> bool:
  side = min(description.height, description.width)
  weights = settings.weights or choose_weights([get_family(HEIR)], side)
  return weights != NONE


def _base_resolution(
  settings: Settings, description: Description, limits: Limits
) -> int:
  side = min(description.height, description.width)
  base = _default_resolution(get_families(settings.pool), side)
  if limits.sram_bytes is None or base <= SIZES[0]:
    return base
  pixels = limits.sram_bytes / INPUT_SHARE / description.channels
  return min(
    base, max(s for s in SIZES if s <= max(math.sqrt(pixels), SIZES[0]))
  )


def _default_resolution(families: Sequence[Family], side: int) -> int:
  """Returns the first family's default that all families can have.

  Where there is none, the first family's: the plan then says what is wrong.
  """
  defaults = [family.default_resolution(side) for family in families]
  for base in defaults:
    with contextlib.suppress(ConfigError):
      for family in families:
        family.resolutions(base, coefficients(1))
      return base
  return defaults[0]
