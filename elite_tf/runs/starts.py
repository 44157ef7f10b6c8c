"""Which trained networks the candidates of a search start from."""

from collections.abc import Mapping, Sequence

from elite_tf.data.sources.types import PHOTOGRAPH_SIDE
from elite_tf.networks.ancestors import (
  ANCESTORS,
  IMAGENET,
  NONE,
  Start,
  ancestor_of,
  find_starts,
)
from elite_tf.networks.families import Family, get_families, get_family
from elite_tf.runs.settings import Settings
from elite_tf.types import Candidate


def choose_weights(families: Sequence[Family], side: int) -> str:
  """Returns `--weights`, if none was given.

  Args:
    families: Of the candidates.
    side: Shorter side of the images, in pixels. Smaller ones may be anything,
      digits or spectra; those from 64 pixels on count as photographs.
  """
  known = [ancestor_of(family.name) for family in families]
  installed = any(each and each.installed() for each in known)
  return IMAGENET if installed and side >= PHOTOGRAPH_SIDE else NONE


def starts_of(settings: Settings) -> dict[str, Start]:
  """Returns the weights files of a search whose settings are complete.

  Raises:
    ConfigError: A file is missing or another.
  """
  families = [family.name for family in get_families(settings.pool)]
  return find_starts(settings.weights or NONE, families)


def describe_starts(
  starts: Mapping[str, Start], candidates: Sequence[Candidate]
) -> tuple[str, ...]:
  """Returns a line for each family: what is inherited, and what is random.

  Args:
    starts: By family; a family without one has random weights.
    candidates: Of the search.
  """
  if not starts:
    return ()
  families = dict.fromkeys(candidate.family for candidate in candidates)
  return tuple(
    _describe(
      family,
      starts.get(family),
      next(each for each in candidates if each.family == family),
    )
    for family in families
  )


def _describe(family: str, start: Start | None, one: Candidate) -> str:
  if start is None:
    return f"first weights of {family}: random"
  parent = get_family(ANCESTORS[start.ancestor].family)
  notes = []
  if one.channels == 1:
    notes.append("the stem's kernels are summed over colours")
  if one.stem_stride != parent.stem_stride(parent.base_resolution):
    notes.append(f"the stem has stride {one.stem_stride}, not 2")
  activation = one.activation or get_family(family).activation
  if activation != parent.activation:
    notes.append(f"{activation} replaces {parent.activation}")
  return (
    f"first weights of {family}: slices of {start.ancestor}, trained on"
    f" ImageNet ({start.path.name}, SHA-256 {start.sha256[:12]})"
    + "".join(f"; {note}" for note in notes)
    + "; the classifier is random"
  )
