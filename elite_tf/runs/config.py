"""config.json: what a search began with, and whether another is the same."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from elite_tf.data.augment import FLIPPING
from elite_tf.data.crop import CROP_EIGHTHS
from elite_tf.data.sources import Dataset, Store
from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors import NONE, Start
from elite_tf.runs.fingerprint import (
  Fingerprint,
  check_same,
  fingerprint_of,
)
from elite_tf.runs.settings import FREE, Settings
from elite_tf.runs.starts import starts_of
from elite_tf.system.records import OMIT_EMPTY, Record
from elite_tf.system.text import one_line


@dataclasses.dataclass(frozen=True)
class Config(Record):
  """Contents of config.json.

  Attributes:
    settings: All settings as resolved. A setting that an older version did not
      have has its default.
    versions: Versions of the packages, by name.
    data: Which images the search began with; None in a folder of an older
      version.
    crop_eighths: How many eighths of a photograph's short side evaluation sees;
      0 in a folder of an older version, where it depended on the input size.
    teacher: SHA-256 of the file of `--teacher`; empty without one.
    first_weights: SHA-256 of the weights file from which the candidates of a
      family start, by family; none for random weights.
  """

  settings: Settings
  versions: dict[str, str]
  data: Fingerprint | None = None
  teacher: str = ""
  crop_eighths: int = 0
  first_weights: dict[str, str] = dataclasses.field(
    default_factory=dict, metadata=OMIT_EMPTY
  )


def begun_with(
  settings: Settings, versions: dict[str, str], data: Fingerprint | None
) -> Config:
  """Returns the contents for a search that begins.

  Args:
    settings: Complete.
    versions: Of the packages.
    data: Which images it has.

  Raises:
    ConfigError: A file that a setting names is missing or another.
  """
  return Config(
    settings,
    versions,
    data,
    teacher=teacher_hash(settings),
    crop_eighths=CROP_EIGHTHS,
    first_weights={n: s.sha256 for n, s in starts_of(settings).items()},
  )


def check_same_settings(
  path: Path, config: Config, written: Iterable[str], settings: Settings
) -> None:
  """Checks that settings are those that a search began with.

  Args:
    path: The run folder, for the message.
    config: What stands in it.
    written: Names of the settings that its file has.
    settings: As given now, complete.

  Raises:
    ConfigError: One that decides results differs, or is unknown.
  """
  there = dataclasses.asdict(config.settings)
  written = set(written)
  for name in sorted(written):
    if name not in there:
      version = config.versions.get("elite-tf", "unknown")
      raise ConfigError(
        f"--run_dir={path} was written by elite-tf {version}, whose"
        f" setting --{name} this version does not have"
      )
  if "flip" not in written and settings.flip != "auto":
    # Before there was this setting, the augmentation alone decided.
    there["flip"] = "always" if there["augment"] in FLIPPING else "never"
  if "recipe" not in written and settings.recipe:
    there["recipe"] = "paper"  # Before there was another one.
  if "weights" not in written and settings.weights:
    there["weights"] = NONE  # Before there were any.
  for name, here in dataclasses.asdict(settings).items():
    if name not in FREE and there[name] != here:
      raise ConfigError(
        f"--run_dir={path} holds a search with other settings:"
        f" --{name} is {there[name]!r} there, {here!r} here"
      )


def teacher_hash(settings: Settings) -> str:
  """Returns the SHA-256 of the teacher's file; empty without a teacher.

  Raises:
    ConfigError: The file cannot be read.
  """
  if not settings.teacher:
    return ""
  try:
    with open(settings.teacher, "rb") as file:
      return hashlib.file_digest(file, "sha256").hexdigest()
  except OSError as error:
    raise ConfigError(
      f"--teacher={settings.teacher} cannot be read ({one_line(error)})"
    ) from error


def check_same_teacher(path: Path, config: Config, settings: Settings) -> None:
  """Checks that the teacher is the network that a search began with.

  Raises:
    ConfigError: Its file has changed, or cannot be read.
  """
  if teacher_hash(settings) != config.teacher:
    raise ConfigError(
      f"--teacher={settings.teacher} has changed since the search in"
      f" --run_dir={path} began"
    )


def check_same_starts(
  path: Path, config: Config, starts: Mapping[str, Start]
) -> None:
  """Checks that weights files are those with which a search began.

  Args:
    path: The run folder, for the message.
    config: What stands in it.
    starts: By family.

  Raises:
    ConfigError: A file is another.
  """
  for family, start in starts.items():
    there = config.first_weights.get(family)
    if start.sha256 != there:
      raise ConfigError(
        f"--run_dir={path} holds a search that began with another weights"
        f" file: its SHA-256 is {there} there, {start.sha256} here"
        f" ({start.path})"
      )


def check_same_crop(path: Path, config: Config, photographs: bool) -> None:
  """Checks that photographs are evaluated as they were when a search began.

  Raises:
    ConfigError: They are not: accuracies before and after would be of different
      pictures.
  """
  if photographs and config.crop_eighths != CROP_EIGHTHS:
    raise ConfigError(
      f"--run_dir={path} was written by elite-tf {_version(config)}, which"
      f" evaluates photographs on another crop than {CROP_EIGHTHS}/8; name"
      " another --run_dir"
    )


def check_same_training(path: Path, config: Config, images: int) -> None:
  """Checks that epochs to come are trained as those before were.

  Args:
    path: The run folder, for the message.
    config: What stands in it.
    images: Number of all images; more than half of them are for training.

  Raises:
    ConfigError: In the version that began the search the seed did not decide
      dropout, or fewer images than a batch had the learning rate of a batch.
  """
  there = config.settings
  if config.crop_eighths == 0 and (there.seed or images < 2 * there.batch_size):
    raise ConfigError(
      f"--run_dir={path} was written by elite-tf {_version(config)}, which"
      " trains other networks with this seed or so few images; name another"
      " --run_dir"
    )


def _version(config: Config) -> str:
  return config.versions.get("elite-tf", "unknown")


def check_same_data(
  path: Path, config: Config, settings: Settings, store: Store, data: Dataset
) -> None:
  """Checks that a data set is the one that a search began with.

  Nothing is checked if the search did not record it, or if other data are given
  than those of the search.

  Args:
    path: The run folder, for the message.
    config: What stands in it.
    settings: As given now, `data` and `seed`.
    store: With which the data were loaded.
    data: As loaded.

  Raises:
    ConfigError: The images differ, or the way they are cropped.
  """
  check_same_crop(path, config, data.description.photographs)
  there = config.data
  if there is None or settings.data != config.settings.data:
    return
  from elite_tf.data.sources import hashes

  here = fingerprint_of(settings.data, store, hashes.hashed(data))
  if settings.seed != config.settings.seed:
    # The parts are others; what is known without the images can be compared.
    here = dataclasses.replace(here, content="")
  check_same(str(path), there, here)
