"""The pool of a search whose user named a board, or a limit, but no pool."""

import dataclasses
import math

from elite_tf.data.sources import Description
from elite_tf.hardware.boards import Limits
from elite_tf.networks.ancestors import NONE
from elite_tf.networks.families import DEFAULT, get_families, get_family
from elite_tf.runs.settings import Settings, limits_of
from elite_tf.runs.starts import choose_weights

# An input may take this share of the memory: the first maps of a network are
# larger than its input.
INPUT_SHARE = 8

# Where the user named no time: small images would otherwise fill the flash with
# networks of ten seconds.
LATENCY = "1s"

# Input sizes of photographs under a limit of memory, in pixels.
SIZES = (64, 96, 128, 160, 192, 224)


def choose_pool(settings: Settings, description: Description) -> Settings:
  """Returns the settings with pool, widths and input size chosen.

  What the user named stays. Without a limit the pool is the paper's. Under a
  limit it is `edge`, or `lite` where that can inherit weights from ImageNet,
  with the largest widths that fit, on a board within a second: the paper's coefficients
  rarely meet a limit, and at the price of a microcontroller edge was measured to
  be better (docs/measurements/2026-12-01-small-networks.md).

  Args:
    settings: Of the search.
    description: Of its data set.
  """
  limits = limits_of(settings)
  if not settings.pool:
    limited = limits != Limits()
    # A pattern without --fill is of the names in the paper's pool.
    filled = limited and (settings.fill or not settings.include)
    settings = dataclasses.replace(
      settings,
      pool=_filled(settings, description) if filled else DEFAULT,
      fill=settings.fill or filled,
    )
    if filled and limits.board and not settings.latency:
      settings = dataclasses.replace(settings, latency=LATENCY)
  if settings.base_resolution:
    return settings
  return dataclasses.replace(
    settings, base_resolution=_base_resolution(settings, description, limits)
  )


def _filled(settings: Settings, description: Description) -> str:
  """Returns the family that fills a limit."""
  heir = get_family("lite")
  side = min(description.height, description.width)
  weights = settings.weights or choose_weights([heir], side)
  return "edge" if weights == NONE else heir.name


def _base_resolution(
  settings: Settings, description: Description, limits: Limits
) -> int:
  first, *_ = get_families(settings.pool)
  side = min(description.height, description.width)
  base = first.default_resolution(side)
  if limits.sram_bytes is None or base <= SIZES[0]:
    return base
  pixels = limits.sram_bytes / INPUT_SHARE / description.channels
  return min(
    base, max(s for s in SIZES if s <= max(math.sqrt(pixels), SIZES[0]))
  )
