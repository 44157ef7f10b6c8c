"""The settings that a user gets: what is given, then the preset, then defaults."""

from collections.abc import Mapping

from elite_tf.errors import ConfigError
from elite_tf.runs.setting_field import checked
from elite_tf.runs.settings import FIELDS, Settings

PRESETS: dict[str, dict[str, object]] = {
  # Two groups of four at the smallest width: minutes on two cores.
  "quick": {
    "include": "*-w4-d[34]-*",
    "group_size": 4,
    "round_epochs": 4,
    "epochs": 24,
    "augment": "none",  # Gains nothing in so few epochs.
  },
  # Sections 3 and 5.1 of the paper, which are the defaults too, but for the
  # augmentation: by default it depends on the data.
  "paper": {
    "pool": "elite",
    "levels": 4,
    "group_size": 8,
    "round_epochs": 10,
    "epochs": 350,
    "criterion": "average",
    "recipe": "paper",
    "weights": "none",
    "batch_size": 100,
    "augment": "imagenet",
  },
}


# `quick` where there is a limit, but neither pool nor names: the smallest width
# of the paper's pool rarely suits a limit. Two groups of four, too.
QUICK_UNDER_LIMITS = {"fill": True, "include": "*-d[34]-*"}

LIMITS = ("board", "flash", "sram")


def resolve(given: Mapping[str, object], preset: str = "") -> Settings:
  """Returns the settings: given values first, then the preset, then defaults.

  Args:
    given: Settings by name, only those that were given. Values may be as
      `elite_tf.runs.setting_field.checked` takes them.
    preset: Name in `PRESETS`, or empty.

  Raises:
    ConfigError: The preset or a setting is unknown, or a value has the wrong
      type or is out of bounds.
  """
  if preset not in ("", *PRESETS):
    raise ConfigError(
      f"--preset must be one of {', '.join(sorted(PRESETS))}."
      f" Received: {preset!r}"
    )
  for name in given:
    if name not in FIELDS:
      raise ConfigError(
        f"a setting must be one of {', '.join(sorted(FIELDS))}."
        f" Received: {name!r}"
      )
  values = dict(PRESETS.get(preset, {}))
  if preset == "quick" and _is_filled(given):
    values |= QUICK_UNDER_LIMITS
  values |= given
  return Settings(**{n: checked(FIELDS[n], v) for n, v in values.items()})


def _is_filled(given: Mapping[str, object]) -> bool:
  """Returns whether the pool will be filled up to a limit."""
  limited = any(given.get(name) for name in LIMITS)
  filled = bool(given.get("fill")) or not given.get("pool")
  return limited and filled and not given.get("include")
