"""From a .keras file to a verified .tflite file."""

import dataclasses
import logging
import typing
from pathlib import Path

from elite_tf.conversion.model_file import check_file, load_for
from elite_tf.data import sources
from elite_tf.runs.folder import store_of
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.settings import Settings
from elite_tf.system import backend
from elite_tf.system.atomic_files import write_file

if typing.TYPE_CHECKING:  # Loads Keras.
  from elite_tf.conversion.converted import Conversion

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Converted:
  """A network that was converted.

  Attributes:
    conversion: The one that was written: quantized, unless --quantize=none.
    metrics: Of the network and all of its conversions, as in metrics.json.
  """

  conversion: "Conversion"
  metrics: Metrics


def convert_file(path: Path, out: Path, settings: Settings) -> Converted:
  """Converts a trained network, verifies it and writes the .tflite file.

  Args:
    path: The .keras file.
    out: The .tflite file; replaced if it is there.
    settings: Data set and its place, family, quantization and seed.

  Raises:
    ConfigError: The data set or the network is wrong.
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

  model = load_for(path, description, settings)
  if not settings.base_resolution:
    settings = dataclasses.replace(
      settings, base_resolution=model.input_shape[1]
    )
  data = sources.load(settings.data, settings.seed, store_of(settings))
  for note in data.notes:
    logger.info(note)
  conversions = convert(model, data, settings)
  *_, name = conversions  # The quantized one, if there is one.
  write_file(out, conversions[name].model)
  return Converted(conversions[name], metrics_of(model, data, conversions))
