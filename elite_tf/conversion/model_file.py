"""A trained network from its .keras file, checked for what is done with it."""

from pathlib import Path

from elite_tf.data.sources import Description
from elite_tf.errors import ConfigError
from elite_tf.networks.families import get_families
from elite_tf.networks.from_keras import read_layers
from elite_tf.runs.settings import Settings
from elite_tf.system.text import one_line


def check_file(path: Path, flag: str = "model") -> None:
  """Checks that a file is there, before anything is loaded for it.

  Args:
    path: The .keras file.
    flag: Flag that names the file, for the message.

  Raises:
    ConfigError: It is not.
  """
  if not path.is_file():
    raise ConfigError(f"--{flag}={path}: no such file")


def load_model(path: Path, pool: str = "elite", flag: str = "model"):
  """Returns the keras.Model of a .keras file.

  Args:
    path: The file.
    pool: `--pool` of the search, where it is known; the module of a custom
      family may define layers that the file names.
    flag: Flag that names the file, for the message.

  Raises:
    ConfigError: The file is missing or is not a .keras file.
  """
  import keras

  check_file(path, flag)
  for family in get_families(pool):
    family.import_code()
  try:
    return keras.saving.load_model(path, compile=False)
  except Exception as error:
    # What Keras raises for a damaged file has many types.
    raise ConfigError(
      f"--{flag}={path} cannot be loaded ({one_line(error)})"
    ) from error


def check_shape(
  path: Path, model, description: Description, flag: str = "model"
) -> None:
  """Checks that a network takes images and has classes as a data set does.

  Args:
    path: File of the network, for the message.
    model: keras.Model.
    description: Of the data set.
    flag: Flag that names the file, for the message.

  Raises:
    ConfigError: The input or the number of classes differs from the data.
  """
  shape, outputs = model.input_shape, model.output_shape
  if (
    len(shape) != 4
    or shape[1] is None
    or shape[1] != shape[2]
    or shape[3] != description.channels
  ):
    raise ConfigError(
      f"--{flag}={path} must take square images of {description.channels}"
      f" channels, as --data has them. Received: input {shape}"
    )
  if outputs != (None, description.classes):
    raise ConfigError(
      f"--{flag}={path} must have an output for each of the"
      f" {description.classes} classes of --data. Received: output {outputs}"
    )


def check_model(
  path: Path,
  model,
  description: Description,
  quantize: str,
  pool: str = "elite",
) -> None:
  """Checks that a network suits a data set and the way it is quantized.

  Args:
    path: File of the network, for the message.
    model: keras.Model.
    description: Of the data set.
    quantize: How the network will be quantized.
    pool: `--pool` of the search. Networks of a custom family may have any
      layers, except for quantization-aware training.

  Raises:
    ConfigError: The input or the number of classes differs from the data, or
      a layer is not supported.
  """
  check_shape(path, model, description)
  has_layers = all(each.has_layers for each in get_families(pool))
  if not has_layers and quantize != "qat":
    return
  try:
    read_layers(model)
  except ConfigError as error:
    flag = "" if has_layers else "--quantize=qat, "
    raise ConfigError(f"{flag}--model={path}: {error}") from error


def load_for(path: Path, description: Description, settings: Settings):
  """Returns the keras.Model of a file, checked against data and settings.

  Raises:
    ConfigError: As `load_model` and `check_model`.
  """
  model = load_model(path, settings.pool)
  check_model(path, model, description, settings.quantize, settings.pool)
  return model
