"""What a run's candidates were planned to be, and what they would take."""

import dataclasses
import json

from elite_tf.errors import ConfigError, EliteError
from elite_tf.hardware.memory import Memory, predict
from elite_tf.hardware.memory.slicing import choose_slices, slice_layers
from elite_tf.networks.cost import network_cost
from elite_tf.networks.families import FAMILIES
from elite_tf.report.facts import Network
from elite_tf.runs import plan as planning
from elite_tf.runs import plan_json
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings
from elite_tf.types import Candidate

# Settings that version 0.1.0 did not have, as it had them.
_OLDER = {"stem_stride": 2}


def settings_of(known: dict) -> Settings:
  """Returns a run's settings; those that it does not name as they were.

  Args:
    known: As config.json has them.
  """
  names = {field.name for field in dataclasses.fields(Settings)}
  there = {name: value for name, value in known.items() if name in names}
  return Settings(**{**_OLDER, **there})


def read_plan(folder: RunFolder, settings: Settings) -> dict:
  """Returns what plan.json holds, or would hold.

  Args:
    folder: Of the search.
    settings: Of the search.

  Raises:
    ConfigError: plan.json is damaged; or it is missing (versions before 0.2
      wrote none), and the data are not there to make it again.
    OSError: Something cannot be read.
  """
  if folder.plan.exists():
    try:
      return json.loads(folder.plan.read_text("utf-8"))
    except ValueError as error:
      raise ConfigError(f"{folder.plan}: damaged ({error})") from error
  there = dataclasses.replace(settings, download=False)
  plan, description = planning.plan_for_data(there)
  return json.loads(plan_json.plan_of_run(plan, description))


def networks_of(plan: dict, settings: Settings) -> dict[str, Network]:
  """Returns the candidates of a plan by name.

  Args:
    plan: As plan.json has it.
    settings: Of the search.
  """
  fields = {field.name for field in dataclasses.fields(Network)}
  found = {}
  for row in plan["candidates"]:
    known = {name: value for name, value in row.items() if name in fields}
    memory = _memory(row, plan, settings)
    found[row["name"]] = Network(**known, memory=memory)
  return found


def _memory(row: dict, plan: dict, settings: Settings) -> Memory | None:
  """Returns what a candidate would take as int8; None where that is unknown."""
  family = FAMILIES.get(plan["pool"])
  if family is None:  # A family of the user's own has no rows to predict from.
    return None
  names = ("w", "d", "r", "width", "depth", "resolution", "stem_stride")
  candidate = Candidate(
    family=plan["pool"],
    channels=plan["data"]["channels"],
    classes=plan["data"]["classes"],
    activation=settings.activation,
    **{name: row[name] for name in names},
  )
  try:
    layers = family.layers(candidate)
    cost = network_cost(layers)
    if (cost.params, cost.macs) != (row["params"], row["macs"]):
      return None  # Another version's family.
    if settings.slices:
      layers = slice_layers(layers, choose_slices(layers)).layers
    return predict(layers)
  except (EliteError, KeyError, ValueError):
    return None
