"""config.json: what a search was begun with, and whether another is the same."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors import NONE, Start
from elite_tf.runs.settings import FREE, Settings
from elite_tf.runs.starts import starts_of
from elite_tf.system.records import OMIT_EMPTY, Record


@dataclasses.dataclass(frozen=True)
class Config(Record):
  """Contents of config.json.

  Attributes:
    settings: All settings as resolved. A setting that an older version did not
      have has its default.
    versions: Versions of the packages, by name.
    first_weights: SHA-256 of the weights file from which the candidates of a
      family start, by family; none for random weights.
  """

  settings: Settings
  versions: dict[str, str]
  first_weights: dict[str, str] = dataclasses.field(
    default_factory=dict, metadata=OMIT_EMPTY
  )

  @classmethod
  def of(cls, settings: Settings, versions: dict[str, str]) -> "Config":
    """Returns the contents for a search that begins.

    Raises:
      ConfigError: A weights file is missing or another.
    """
    starts = starts_of(settings)
    return cls(settings, versions, {n: s.sha256 for n, s in starts.items()})

  def check_same(self, settings: Settings, run_dir: Path) -> None:
    """Checks that a search with these settings is the same.

    Args:
      settings: Complete.
      run_dir: The run folder, for the error.

    Raises:
      ConfigError: A setting or a weights file is another.
    """
    there = dataclasses.asdict(self.settings)
    for name, here in dataclasses.asdict(settings).items():
      # An older version had random weights, and no setting that says so.
      values = {there[name], here}
      same = len(values) == 1 or (name == "weights" and values <= {"", NONE})
      if name not in FREE and not same:
        raise ConfigError(
          f"--run_dir={run_dir} holds a search with other settings:"
          f" --{name} is {there[name]!r} there, {here!r} here"
        )
    self.check_starts(starts_of(settings), run_dir)

  def check_starts(self, starts: Mapping[str, Start], run_dir: Path) -> None:
    """Checks that weights files are those with which the search began.

    Args:
      starts: By family.
      run_dir: The run folder, for the error.

    Raises:
      ConfigError: A file is another.
    """
    for family, start in starts.items():
      there = self.first_weights.get(family)
      if start.sha256 != there:
        raise ConfigError(
          f"--run_dir={run_dir} holds a search that began with another weights"
          f" file: its SHA-256 is {there} there, {start.sha256} here"
          f" ({start.path})"
        )
