"""From a .keras file to a verified .tflite file."""

import dataclasses
import logging
from pathlib import Path

from elite_tf.conversion.model_file import check_file, load_for
from elite_tf.conversion.search_data import load_data
from elite_tf.data import sources
from elite_tf.hardware import boards
from elite_tf.hardware.boards import Limits
from elite_tf.hardware.fit import measured_shortfall
from elite_tf.hardware.memory import predict
from elite_tf.networks.families import get_families
from elite_tf.networks.from_keras import read_layers
from elite_tf.runs.folder import RunFolder, store_of
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.results import shortfall_text
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.system.atomic_files import write_file

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Converted:
  """A network that was converted.

  Attributes:
    model: Contents of the .tflite file that was written: quantized, unless
      --quantize=none.
    metrics: Of the network and all of its conversions, as in metrics.json.
  """

  model: bytes
  metrics: Metrics


def convert_file(
  path: Path, out: Path, settings: Settings, folder: RunFolder | None = None
) -> Converted:
  """Converts a trained network, verifies it and writes the .tflite file.

  Args:
    path: The .keras file.
    out: The .tflite file; replaced if it is there.
    settings: Data set and its place, family, slices, quantization, seed and
      limits. That the network does not fit the limits is logged.
    folder: Of the search that trained the network; None if it is not known. If
      the data are those of the search, so are its training, validation and test
      images, whatever the seed is.

  Raises:
    ConfigError: The data set or the network is wrong, or the data have changed
      since the search.
    VerificationFailed: The conversion computes something else on a
      microcontroller.
    OSError: The file cannot be written.
  """
  description = sources.describe(settings.data, store_of(settings))
  check_file(path)
  # TensorFlow is loaded only when network and data set are known to be there.
  backend.load_keras()
  from elite_tf.conversion.champion_metrics import metrics_of
  from elite_tf.conversion.converted import convert
  from elite_tf.conversion.tflite.sliced import slice_model

  model = load_for(path, description, settings)
  if not settings.base_resolution:
    settings = dataclasses.replace(
      settings, base_resolution=model.input_shape[1]
    )
  data = load_data(settings, folder)
  for note in data.notes:
    logger.info(note)
  exported = (
    slice_model(model, read_layers(model)) if settings.slices else model
  )
  conversions = convert(exported, data, settings)
  metrics = metrics_of(model, data, conversions)
  misfit = _misfit(exported, metrics, settings)
  if misfit:
    logger.warning(f"{out} {misfit}")
  *_, name = conversions  # The quantized one, if there is one.
  write_file(out, conversions[name].model)
  return Converted(conversions[name].model, metrics)


def _misfit(exported, metrics: Metrics, settings: Settings) -> str:
  """Returns why the network does not fit the limits; "" if it does."""
  limits = boards.limits(settings.board, settings.flash, settings.sram)
  if limits == Limits():
    return ""
  memory = None
  if metrics.kind == "int8" and all(
    family.has_layers for family in get_families(settings.pool)
  ):
    memory = predict(read_layers(exported))
  made = metrics.deployed
  return shortfall_text(
    measured_shortfall(memory, limits, made.tflite_bytes, made.arena_bytes)
  )
