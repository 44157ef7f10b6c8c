"""The training recipe that settings ask for."""

import dataclasses

from elite_tf.runs.settings import Settings
from elite_tf.training.recipe import PAPER_BATCH, RECIPES, Recipe


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
