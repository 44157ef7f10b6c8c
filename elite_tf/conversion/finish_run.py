"""Finishes the folder of a search whose machine could not convert."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import keras

from elite_tf.conversion import champion as champions
from elite_tf.conversion.quantize import Options
from elite_tf.data import sources
from elite_tf.data.sources import Description
from elite_tf.hardware import fit
from elite_tf.hardware.boards import Limits
from elite_tf.runs import plan as planning
from elite_tf.runs.folder import RunFolder, store_of
from elite_tf.runs.settings import Settings, limits_of
from elite_tf.system.atomic_files import write_file

logger = logging.getLogger(__name__)


def unfinished(folder: RunFolder, champion: str) -> list[str]:
  """Returns the names of the champions that were not converted.

  Args:
    folder: Of a search that has ended.
    champion: Only this one; empty means all.
  """
  return [
    row["name"]
    for row in folder.read_result()["champions"]
    if row["tflite_bytes"] is None and champion in ("", row["name"])
  ]


def finish(
  folder: RunFolder,
  names: list[str],
  settings: Settings,
  load: Callable[[Path, Description], keras.Model],
) -> None:
  """Converts, verifies and writes champions that a search left as they were.

  Each is complete, in its folder and in result.json, before the next begins;
  logs in one line what became of it.

  Args:
    folder: Of a search that has ended.
    names: Of the champions.
    settings: Of the search.
    load: Model file and description of the data -> the model, which suits them.

  Raises:
    ConfigError: A model cannot be loaded, or does not suit the data.
    VerificationFailed: A conversion does not compute the same on a board.
    OSError: The folder cannot be written.
  """
  plan, description = planning.plan_for_data(settings)
  data = sources.load(settings.data, settings.seed, store_of(settings))
  for name in names:
    path = folder.champion(name) / "model.keras"
    model = load(path, description)
    position = plan.position(name)
    metrics = champions.write_champion(
      folder.champion(name),
      model,
      data,
      settings.quantize,
      settings.calibration_images,
      settings.seed,
      champions.exported_form(plan.candidates[position], settings.slices),
      Options.of(settings),
    )
    result = folder.read_result()
    (row,) = [r for r in result["champions"] if r["name"] == name]
    row |= champions.measured(metrics)
    row["files"] = folder.champion_files(name)
    result["convert_seconds"] += metrics["seconds"]
    write_file(folder.result, json.dumps(result, indent=2) + "\n")
    logger.info(
      f"{path.parent}: {row['tflite_bytes']:,} bytes, arena"
      f" {row['arena_bytes']:,} bytes, equal to TensorFlow Lite Micro"
    )
    limits = limits_of(settings)
    if limits != Limits():
      missing = fit.measured_shortfall(
        plan.needs[position],
        limits,
        row["tflite_bytes"],
        row["arena_bytes"],
      )
      if missing != (0, 0):
        logger.warning(
          f"{name} does not fit: {missing.flash_bytes} bytes of flash and"
          f" {missing.sram_bytes} of memory are missing, as measured"
        )
