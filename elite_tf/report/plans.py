"""Memory of the candidates of a run, predicted."""

from elite_tf.errors import EliteError
from elite_tf.hardware.memory import Memory, predict
from elite_tf.hardware.memory.slicing import choose_slices, slice_layers
from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import FAMILIES
from elite_tf.runs.plan_json import PlannedCandidate, PlanRecord
from elite_tf.runs.settings import Settings
from elite_tf.types import Candidate


def predict_memory(plan: PlanRecord, settings: Settings) -> dict[str, Memory]:
  """Returns the predicted memory of candidates as int8 networks, by name.

  Candidates that cannot be predicted are left out: those of a custom family,
  and those whose family has changed since the search.

  Args:
    plan: Contents of plan.json.
    settings: Settings of the search.
  """
  found = {
    planned.name: _memory(planned, plan, settings)
    for planned in plan.candidates
  }
  return {name: memory for name, memory in found.items() if memory}


def _memory(
  planned: PlannedCandidate, plan: PlanRecord, settings: Settings
) -> Memory | None:
  name = planned.family or plan.pool
  family = FAMILIES.get(name)
  if family is None:  # A custom family has no layers to predict from.
    return None
  candidate = Candidate(
    family=name,
    w=planned.w,
    d=planned.d,
    r=planned.r,
    width=planned.width,
    depth=planned.depth,
    resolution=planned.resolution,
    channels=plan.data.channels,
    classes=plan.data.classes,
    activation=settings.activation,
    stem_stride=planned.stem_stride,
  )
  try:
    layers = family.layers(candidate)
    cost = network_cost(layers)
    if (cost.params, cost.macs) != (planned.params, planned.macs):
      return None  # The family of another version.
    if settings.slices:
      layers = slice_layers(layers, choose_slices(layers)).layers
    return predict(layers)
  except (EliteError, KeyError, ValueError):
    return None
