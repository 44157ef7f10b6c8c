"""The settings of a search: one frozen record, checked once.

To add a setting, add a field to `Settings`: the flags, the checks and
docs/settings.md come from it.
"""

import dataclasses

from elite_tf.data import augment as augmentations
from elite_tf.errors import ConfigError
from elite_tf.hardware import boards
from elite_tf.hardware.boards import Limits
from elite_tf.hardware.latency import parse_duration
from elite_tf.networks.families.efficientnet import ACTIVATIONS
from elite_tf.runs.setting_field import facts_of, setting
from elite_tf.tournament.criteria import CRITERIA, rounds_needed
from elite_tf.training.recipe import CLASS_WEIGHTS, RECIPES


@dataclasses.dataclass(frozen=True)
class Settings:
  """Everything that decides what a search computes, and where it writes.

  Every field is a flag of `elite_tf.search` and an argument of
  `elite_tf.run_search`. The help text of a field is its documentation;
  `docs/settings.md` lists them all.
  """

  data: str = setting(
    "digits",
    "Data set: digits (included), folder:DIR (one subfolder per class, or"
    " train/, val/ and test/ with such subfolders), tfds:NAME (TensorFlow"
    " Datasets), idx:DIR (the file format of MNIST) or npz:FILE (x_train,"
    " y_train, x_test, y_test, or x, y; and x_val, y_val if there are any).",
  )
  cache_dir: str = setting(
    "",
    "Folder for the decoded images, which several searches may share. Empty:"
    " the folder cache/ of the run.",
    free=True,
    conversion=True,
  )
  tfds_dir: str = setting(
    "",
    "Folder with the data of TensorFlow Datasets. Empty: the default of"
    " TensorFlow Datasets.",
    free=True,
    conversion=True,
  )
  download: bool = setting(
    False,
    "Allow TensorFlow Datasets to download missing data.",
    free=True,
    conversion=True,
  )
  run_dir: str = setting(
    "",
    "Folder of the run. The same command again continues the search. Empty:"
    " runs/<data>-<pool>.",
    free=True,
  )
  pool: str = setting(
    "",
    "Families of the candidates, separated by commas: edge, elite, hf, lite,"
    " mobilenet_v2. Or module:function for a custom family, your function"
    " (width, depth, resolution, classes) -> keras.Model. Empty: lite for"
    " photographs, if its weights are installed; else elite, under a limit edge."
    " Under a limit with --fill and, on a board, --latency=1s.",
  )
  levels: int = setting(
    4, "Coefficients per axis; the paper has 4.", at_least=1
  )
  base_resolution: int = setting(
    0,
    "Input size at r = 1, in pixels. 0: chosen by the size of the images, and"
    " for photographs by their number and the memory of the board.",
    at_least=0,
  )
  activation: str = setting(
    "",
    "Activation of stem, blocks and head: swish, hard_swish or relu6. Empty:"
    " the activation of the family.",
    choices=ACTIVATIONS,
  )
  stem_stride: int = setting(
    0,
    "Stride of the first convolution, 1 or 2. 0: 1 if the base resolution is"
    " below 64 pixels, otherwise 2.",
    at_least=0,
    at_most=2,
  )
  board: str = setting(
    "",
    "Train only candidates that fit this board: the name of a board, or a CSV"
    " file that describes your own. `list` prints the boards.",
  )
  flash: str = setting(
    "",
    "Flash that a network may use, for example 1MB. Empty: the flash of the"
    " board.",
  )
  sram: str = setting(
    "",
    "Memory that the arena of a network may use, for example 256KB. Empty: the"
    " memory of the board.",
  )
  latency: str = setting(
    "",
    "Longest time of one inference on the board, for example 100ms, as"
    " estimated. Empty: no limit.",
  )
  fill: bool = setting(
    False,
    "Under a limit, take for every depth and resolution the largest width that"
    " fits, in sixteenths: candidates then differ in shape at the same price."
    " Otherwise widths are those of the levels.",
  )
  include: str = setting(
    "",
    "Shell patterns, separated by commas: only candidates with a matching name"
    " take part. Empty: all candidates.",
    many=True,
  )
  group_size: int = setting(8, "Candidates per group.", at_least=1)
  round_epochs: int = setting(10, "Epochs per round.", at_least=1)
  epochs: int = setting(350, "Epochs of a champion in total.", at_least=1)
  criterion: str = setting(
    "average",
    "Score that decides a round, computed from the validation accuracy of each"
    " epoch: average (of all epochs so far, as in the paper), best (of any"
    " epoch), current (of the last epoch), exponential (average with more"
    " weight on late epochs), last_half (average of the later half) or median"
    " (best, minus the median of the averages of the other candidates).",
    choices=CRITERIA,
  )
  recipe: str = setting(
    "",
    "Training recipe: paper (Section 5.1) or small (longer steps, no dropout,"
    " for networks below a million parameters or with inherited first weights)."
    " Empty: small if all candidates are such.",
    choices=RECIPES,
  )
  learning_rate: float = setting(
    0.0,
    "Peak learning rate for a batch of 4,096 images; it is scaled with the"
    " batch size. 0: that of the recipe.",
    at_least=0,
  )
  weight_decay: float = setting(
    -1.0,
    "Factor of half the squared weights in the loss. -1: that of the recipe.",
    at_least=0,
    at_most=1,
  )
  dropout: float = setting(
    -1.0,
    "Rate of dropout before the classifier, and of stochastic depth at the"
    " last block. -1: that of the recipe.",
    at_least=0,
    at_most=0.9,
  )
  teacher: str = setting(
    "",
    "A trained network, FILE.keras: champions learn from its answers, too, in"
    " their training to the end (distillation). Empty: from labels alone.",
  )
  batch_size: int = setting(
    0,
    "Images per training step; the learning rate is in proportion to it. 0:"
    " chosen by the number of images, 100 (the paper's) from 1,600 images on.",
    at_least=2,
  )
  augment: str = setting(
    "",
    "Augmentation of the training images: none, light, cifar10, svhn or"
    " imagenet (as in the paper). Empty: chosen by the images.",
    choices=augmentations.NAMES,
  )
  flip: str = setting(
    "auto",
    "Whether half of the training images are mirrored left and right: always,"
    " never, or auto (with --augment=cifar10 and imagenet, unless most classes"
    " are called by digits or single letters, or one by left or right).",
    choices=augmentations.FLIPS,
  )
  weights: str = setting(
    "",
    "First weights: none (random), imagenet (inherited from a network trained on"
    " ImageNet) or a weights file of such a network. Empty: imagenet if the"
    " images have 64 pixels or more and a package with weights for the family is"
    " installed.",
  )
  class_weights: str = setting(
    "none",
    "Weight of each image in the training loss: none (all images count the"
    " same) or balanced (all classes count the same).",
    choices=CLASS_WEIGHTS,
  )
  slices: bool = setting(
    False,
    "Compute the widest feature maps in slices of channels: the same numbers"
    " in a smaller arena, with a few percent more operators.",
  )
  quantize: str = setting(
    "int8",
    "Quantization: int8 (after training), qat (quantization-aware training),"
    " int16x8 (16-bit activations), auto (the first of these that loses no"
    " more accuracy than --max_drop) or none (floating point).",
    choices=("int8", "qat", "int16x8", "auto", "none"),
    conversion=True,
  )
  calibration_images: int = setting(
    256,
    "Training images that calibrate the quantization.",
    at_least=1,
    conversion=True,
  )
  calibration_balance: bool = setting(
    False,
    "Calibrate with the same number of images from every class.",
    conversion=True,
  )
  max_drop: float = setting(
    1.0,
    "Percentage points of validation accuracy that a quantized network may"
    " lose before --quantize=auto tries the next method.",
    at_least=0,
    at_most=100,
    conversion=True,
  )
  qat_epochs: int = setting(
    4,
    "Epochs of quantization-aware training, at most.",
    at_least=1,
    conversion=True,
  )
  runner: str = setting(
    "local",
    "Where candidates train: local (processes on this machine) or ray (a Ray"
    " cluster).",
    choices=("local", "ray"),
    free=True,
  )
  workers: int = setting(
    0,
    "Number of candidates that train at the same time. 0: one per core, fewer"
    " if memory is short; with --runner=ray as many as the cluster can hold.",
    at_least=0,
    free=True,
  )
  ray_address: str = setting(
    "",
    "Cluster for --runner=ray: host:port of its head node, or auto. Empty:"
    " start Ray on this machine.",
    free=True,
  )
  cpus_per_candidate: float = setting(
    1.0,
    "Cores per candidate on a cluster; with 0.5, two candidates share a core.",
    at_least=0.01,
    at_most=1024,
    free=True,
  )
  gpus_per_candidate: float = setting(
    0.0,
    "GPUs per candidate on a cluster, for example 0.25.",
    at_least=0,
    at_most=1024,
    free=True,
  )
  epoch_timeout: int = setting(
    0,
    "Stop a worker that has finished no epoch for this many seconds; the first"
    " epoch includes the tracing of the network. 0: never.",
    at_least=0,
    free=True,
  )
  keep_checkpoints: bool = setting(
    False, "Keep the checkpoints of eliminated candidates.", free=True
  )
  tensorboard: bool = setting(
    False,
    "Also write curves and scores for TensorBoard: tensorboard --logdir"
    " RUN_DIR.",
    free=True,
  )
  seed: int = setting(
    0,
    "Seed of everything random: first weights, order of the images, dropout,"
    " validation split and calibration images.",
    at_least=0,
    at_most=2**32 - 1,  # The largest seed of NumPy and Keras.
    conversion=True,
  )


# Settings by name, in the order of the fields.
FIELDS = {field.name: field for field in dataclasses.fields(Settings)}

# A search may be continued with other values of these: they change where and
# how it runs, but not what it computes.
FREE = frozenset(n for n, field in FIELDS.items() if facts_of(field).free)

# Settings of `elite_tf.convert`.
CONVERSION = tuple(n for n, f in FIELDS.items() if facts_of(f).conversion)


def check_rounds(settings: Settings, largest_group: int) -> None:
  """Checks that a champion has enough epochs for all rounds.

  Args:
    settings: `epochs` and `round_epochs`.
    largest_group: Number of candidates in the largest group.

  Raises:
    ConfigError: `epochs` is too small.
  """
  rounds = rounds_needed(largest_group)
  needed = rounds * settings.round_epochs
  if needed > settings.epochs:
    raise ConfigError(
      f"--epochs must be at least {needed}: a group of {largest_group} needs"
      f" {rounds} rounds of --round_epochs={settings.round_epochs}."
      f" Received: {settings.epochs}"
    )


def limits_of(settings: Settings) -> Limits:
  """Returns the limits of flash and memory that the settings set.

  Raises:
    ConfigError: A limit is wrong, or is set for a network that is not int8.
  """
  limits = boards.limits(settings.board, settings.flash, settings.sram)
  if limits != Limits() and settings.quantize not in ("int8", "qat"):
    raise ConfigError(
      "--board, --flash and --sram are limits of an int8 network and need"
      " --quantize=int8 or qat."
      f" Received: --quantize={settings.quantize}"
    )
  if not settings.latency:
    return limits
  if limits.board is None:
    raise ConfigError(
      "--latency is estimated for a --board. Received: no board"
    )
  return dataclasses.replace(limits, seconds=parse_duration(settings.latency))
