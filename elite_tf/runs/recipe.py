"""The training recipe that settings ask for."""

import dataclasses
from collections.abc import Mapping, Sequence

from elite_tf.networks.ancestors import Start
from elite_tf.networks.families import Family
from elite_tf.runs.settings import Settings
from elite_tf.training.recipe import PAPER_BATCH, RECIPES, Recipe
from elite_tf.types import Cost

# Where all candidates have fewer parameters, the recipe is `small`.
SMALL_PARAMS = 1_000_000


def choose_recipe(
  families: Sequence[Family],
  costs: Sequence[Cost],
  starts: Mapping[str, Start],
) -> str:
  """Returns the recipe for all candidates of a search, if none was named.

  One for all, because candidates that compete are compared like with like.
  Nothing is known about custom networks, which have the paper's.

  Args:
    families: Of the candidates.
    costs: Of the candidates.
    starts: Weights files by family. Networks that inherit their first weights
      train best with long steps, whatever their size.
  """
  if all(family.name in starts for family in families):
    return "small"
  known = all(family.has_layers for family in families)
  small = max(cost.params for cost in costs) < SMALL_PARAMS
  return "small" if known and small else "paper"


def recipe_of(settings: Settings) -> Recipe:
  """Returns the training recipe, with what replaces parts of it.

  Without a name it is the paper's.
  """
  named = RECIPES[settings.recipe or "paper"]
  given = {
    "learning_rate": settings.learning_rate or None,
    "weight_decay": _unless_negative(settings.weight_decay),
    "dropout": _unless_negative(settings.dropout),
  }
  return dataclasses.replace(
    named,
    batch_size=settings.batch_size or PAPER_BATCH,
    class_weights=settings.class_weights,
    **{name: value for name, value in given.items() if value is not None},
  )


def _unless_negative(value: float) -> float | None:
  return None if value < 0 else value
