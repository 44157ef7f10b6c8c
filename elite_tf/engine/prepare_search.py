"""Before a search: settings are completed, checked and planned.

Loads neither TensorFlow nor Keras: a dry run needs nothing else.
"""

import dataclasses

from elite_tf.data import augment
from elite_tf.data.sources import Description, class_names
from elite_tf.engine.runners import check_runner
from elite_tf.engine.tensorboard import check_tensorboard
from elite_tf.runs.config import teacher_hash
from elite_tf.runs.folder import default_run_dir
from elite_tf.runs.plan import Plan, plan_for_data
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.training.recipe import PAPER_BATCH, choose_batch_size

# Module that tries a user's own network; it loads TensorFlow in the process that
# prices them.
TRIAL = "elite_tf.conversion.trial"


@dataclasses.dataclass(frozen=True)
class PreparedSearch:
  """A search that can begin.

  Attributes:
    settings: Complete: what depends on the data has been chosen.
    plan: Made from the settings.
    description: Of the data set.
  """

  settings: Settings
  plan: Plan
  description: Description


def prepare_search(settings: Settings) -> PreparedSearch:
  """Returns a search that can begin; writes nothing.

  Args:
    settings: As `elite_tf.runs.presets.resolve` returns them.

  Raises:
    ConfigError: A setting or the data set is wrong, or a package is missing.
  """
  backend.current()
  check_runner(settings.runner)
  check_tensorboard(settings)
  teacher_hash(settings)  # That it can be read is known before the images are.
  plan, description = plan_for_data(settings, TRIAL)
  choice = augment.choose(description, settings.augment, settings.flip)
  notes = (class_names.told(description), choice.why)
  plan = dataclasses.replace(plan, notes=(*notes, *plan.notes))
  batch_size = settings.batch_size or choose_batch_size(description.images)
  if batch_size not in (settings.batch_size, PAPER_BATCH):
    note = f"few images: --batch_size={batch_size} instead of {PAPER_BATCH}"
    plan = dataclasses.replace(plan, notes=(*plan.notes, note))
  settings = dataclasses.replace(
    settings,
    run_dir=settings.run_dir or default_run_dir(description.name, plan.pool),
    pool=plan.pool,
    fill=plan.fill,
    latency=plan.latency,
    base_resolution=plan.base_resolution,
    recipe=plan.recipe,
    weights=plan.weights,
    augment=choice.augment,
    flip=choice.flip,
    batch_size=batch_size,
  )
  return PreparedSearch(settings, plan, description)
