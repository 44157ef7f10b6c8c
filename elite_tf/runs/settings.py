"""The settings of a search: one frozen record, checked once."""

import dataclasses
from collections.abc import Mapping

from elite_tf.data.augment import check_augment
from elite_tf.errors import ConfigError
from elite_tf.hardware import boards
from elite_tf.hardware.boards import Limits
from elite_tf.tournament.criteria import get_criterion, rounds_needed
from elite_tf.training.recipe import CLASS_WEIGHTS


@dataclasses.dataclass(frozen=True)
class Settings:
  """Everything that decides what a search computes, and where it writes.

  The names are those of the command's flags.

  Attributes:
    data: Data set, `scheme:argument` (see `elite_tf.data.sources`).
    cache_dir: Folder of the decoded pictures; empty means the run's `cache`.
    tfds_dir: Where TensorFlow Datasets' data lie; empty means its default.
    download: Whether data of `tfds:` that are not there may be fetched.
    run_dir: Folder of the run; empty means `runs/<data>-<pool>`.
    pool: Family that the candidates are drawn from, or `module:function` of the
      user's own (`elite_tf.networks.custom`).
    levels: Coefficients per axis.
    base_resolution: Input size at r = 1, in pixels; 0 means by the data.
    activation: Activation of stem, blocks and head; empty means the family's.
    stem_stride: Step of the first convolution, 1 or 2 pixels; 0 means by the
      base resolution: 1 below 64 pixels.
    board: Only candidates that fit this board are trained: a name of
      `elite_tf.hardware.boards` or the path of a file; empty means any.
    flash: Flash that a network may take, as `1MB`; empty means the board's.
    sram: Memory that its arena may take, as `256KB`; empty means the board's.
    include: Shell patterns on candidates' names, comma separated.
    group_size: Candidates a group.
    round_epochs: Epochs a round.
    epochs: Epochs of a champion in all.
    criterion: What a round is decided by.
    batch_size: Images a training step.
    augment: How training images are changed, a name in `elite_tf.data.augment`;
      empty means by the data.
    class_weights: How much an image of each class counts in the training loss:
      `none` (all alike) or `balanced` (all classes alike).
    slices: Whether champions are exported with their widest maps computed by
      slices of channels: the same numbers, a smaller arena.
    quantize: How champions are quantized, or `none`.
    calibration_images: Training images that calibrate the quantization.
    calibration_balance: Whether every class has the same share of them.
    max_drop: Percentage points of validation accuracy that `auto` lets int8
      lose.
    qat_epochs: Epochs of quantization-aware training, at most.
    runner: Where candidates train.
    workers: How many train at a time; 0 means one a core, fewer where memory is
      short, or with Ray as many as the cluster has room for.
    ray_address: Cluster of the runner `ray`, `host:port` or `auto`; empty
      starts one on this machine.
    cpus_per_candidate: Processor cores that a candidate takes on a cluster; a
      part of one lets several share it.
    gpus_per_candidate: The same of GPUs.
    epoch_timeout: Seconds without the end of an epoch after which a worker is
      taken to hang; 0 means never.
    keep_checkpoints: Whether those of eliminated candidates are kept.
    tensorboard: Whether the search is written for TensorBoard, too.
    seed: Decides first weights, order of images, dropout and the val split.
  """

  data: str = "digits"
  cache_dir: str = ""
  tfds_dir: str = ""
  download: bool = False
  run_dir: str = ""
  pool: str = "elite"
  levels: int = 4
  base_resolution: int = 0
  activation: str = ""
  stem_stride: int = 0
  board: str = ""
  flash: str = ""
  sram: str = ""
  include: str = ""
  group_size: int = 8
  round_epochs: int = 10
  epochs: int = 350
  criterion: str = "average"
  batch_size: int = 100
  augment: str = ""
  class_weights: str = "none"
  slices: bool = False
  quantize: str = "int8"
  calibration_images: int = 256
  calibration_balance: bool = False
  max_drop: float = 1.0
  qat_epochs: int = 4
  runner: str = "local"
  workers: int = 0
  ray_address: str = ""
  cpus_per_candidate: float = 1.0
  gpus_per_candidate: float = 0.0
  epoch_timeout: int = 0
  keep_checkpoints: bool = False
  tensorboard: bool = False
  seed: int = 0


# Where a search may run, or be continued, without computing something else.
FREE = frozenset(
    {
        "cache_dir", "tfds_dir", "download", "run_dir", "runner", "workers",
        "ray_address", "cpus_per_candidate", "gpus_per_candidate",
        "epoch_timeout", "keep_checkpoints", "tensorboard",
    }
)  # fmt: skip

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
    "levels": 4,
    "group_size": 8,
    "round_epochs": 10,
    "epochs": 350,
    "criterion": "average",
    "batch_size": 100,
    "augment": "imagenet",
  },
}

_AT_LEAST = {
  "levels": 1,
  "base_resolution": 0,
  "stem_stride": 0,
  "group_size": 1,
  "round_epochs": 1,
  "epochs": 1,
  "batch_size": 2,
  "calibration_images": 1,
  "max_drop": 0,
  "qat_epochs": 1,
  "workers": 0,
  "cpus_per_candidate": 0.01,
  "gpus_per_candidate": 0,
  "epoch_timeout": 0,
  "seed": 0,
}

_AT_MOST = {
  "cpus_per_candidate": 1024,  # NaN is not.
  "gpus_per_candidate": 1024,
  "max_drop": 100,
  "stem_stride": 2,
  "seed": 2**32 - 1,  # What NumPy's and Keras's generators take.
}


def resolve(given: Mapping[str, object], preset: str = "") -> Settings:
  """Returns the settings: what was given, over the preset, over the defaults.

  Args:
    given: Settings by name, only those that were given.
    preset: Name in `PRESETS`, or empty.

  Raises:
    ConfigError: A name or a value is not one that a search can run with.
  """
  if preset and preset not in PRESETS:
    raise ConfigError(
      f"--preset must be one of {', '.join(sorted(PRESETS))}."
      f" Received: {preset!r}"
    )
  names = {field.name for field in dataclasses.fields(Settings)}
  for name in given:
    if name not in names:
      raise ConfigError(
        f"unknown setting {name!r}; known are {', '.join(sorted(names))}"
      )
  settings = Settings(**{**PRESETS.get(preset, {}), **given})
  check(settings)
  return settings


def check(settings: Settings) -> None:
  """Checks every setting that can be checked alone.

  Raises:
    ConfigError: A value is of the wrong type or out of its range.
  """
  for field in dataclasses.fields(Settings):
    value = getattr(settings, field.name)
    kind = type(field.default)
    if type(value) not in {float: (float, int)}.get(kind, (kind,)):
      raise ConfigError(
        f"--{field.name} must be of type {kind.__name__}. Received: {value!r}"
      )
  for name, least in _AT_LEAST.items():
    if getattr(settings, name) < least:
      raise ConfigError(
        f"--{name} must be at least {least}."
        f" Received: {getattr(settings, name)}"
      )
  for name, most in _AT_MOST.items():
    if not getattr(settings, name) <= most:
      raise ConfigError(
        f"--{name} must be at most {most}. Received: {getattr(settings, name)}"
      )
  get_criterion(settings.criterion)
  check_augment(settings.augment)
  if settings.class_weights not in CLASS_WEIGHTS:
    raise ConfigError(
      f"--class_weights must be one of {', '.join(CLASS_WEIGHTS)}."
      f" Received: {settings.class_weights!r}"
    )


def check_rounds(settings: Settings, largest_group: int) -> None:
  """Checks that the rounds fit into the epochs of a champion.

  Args:
    settings: Epochs and epochs a round.
    largest_group: Candidates in the largest group.

  Raises:
    ConfigError: They do not.
  """
  rounds = rounds_needed(largest_group)
  needed = rounds * settings.round_epochs
  if needed > settings.epochs:
    raise ConfigError(
      f"--epochs must be at least {needed}: a group of {largest_group} takes"
      f" {rounds} rounds of --round_epochs={settings.round_epochs}."
      f" Received: {settings.epochs}"
    )


def limits_of(settings: Settings) -> Limits:
  """Returns the limits that the settings set.

  Raises:
    ConfigError: They are wrong, or contradict one another.
  """
  limits = boards.limits(settings.board, settings.flash, settings.sram)
  if limits != Limits() and settings.quantize not in ("int8", "qat"):
    raise ConfigError(
      "--board, --flash and --sram are limits of an int8 network."
      f" Received: --quantize={settings.quantize}"
    )
  return limits
