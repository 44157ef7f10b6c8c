"""Converts the champions of a search that could not be converted in it."""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import keras

from elite_tf.conversion.champion import add_conversions
from elite_tf.conversion.search_data import load_data
from elite_tf.data.sources import Description
from elite_tf.errors import EliteError
from elite_tf.runs import plan as planning
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.results import ChampionResult, figures_of
from elite_tf.runs.settings import Settings, limits_of
from elite_tf.system import lock

logger = logging.getLogger(__name__)


def unfinished(folder: RunFolder, champion: str) -> list[str]:
  """Returns the names of the champions without .tflite files.

  Args:
    folder: Folder of a finished search.
    champion: Name of the only champion to look at; "" means all.

  Raises:
    ConfigError: result.json is damaged.
  """
  return [
    found.name
    for found in folder.read_result().champions
    if found.tflite_bytes is None and champion in ("", found.name)
  ]


def finish(
  folder: RunFolder,
  names: list[str],
  settings: Settings,
  load: Callable[[Path, Description], keras.Model],
) -> None:
  """Converts, verifies and writes champions of a search.

  Each champion is complete, in its folder and in result.json, before the next
  one begins, and is logged in one line. A champion that fails keeps none of the
  others from their conversion.

  Args:
    folder: Folder of a finished search.
    names: Names of the champions.
    settings: Settings of the search.
    load: Function that loads a model file and checks that the model suits a
      data set.

  Raises:
    ConfigError: A model cannot be loaded or does not suit the data, these are
      not those of the search, or a search is at work in the folder.
    VerificationFailed: A .tflite file gives other outputs in TensorFlow Lite
      Micro.
    OSError: The folder cannot be written.
  """
  plan, description = planning.plan_for_data(settings)
  data = load_data(settings, folder)
  failed: list[EliteError] = []
  with lock.hold(folder.lock):
    for name in names:
      position = plan.position(name)
      try:
        model = load(folder.champion(name) / "model.keras", description)
        metrics = add_conversions(
          folder.champion(name),
          model,
          plan.candidates[position],
          data,
          settings,
        )
      except EliteError as error:
        logger.warning(f"{name}: {error}")
        failed.append(error)
        continue
      champion = _record(folder, name, metrics)
      logger.info(
        f"{folder.champion(name)}: {champion.tflite_bytes:,} bytes, arena"
        f" {champion.arena_bytes:,} bytes, equal to TensorFlow Lite Micro"
      )
      needs = plan.needs[position]
      misfit = champion.misfit(needs and needs.memory, limits_of(settings))
      if misfit:
        logger.warning(f"{name} {misfit}")
  for error in failed:
    raise error


def _record(folder: RunFolder, name: str, metrics: Metrics) -> ChampionResult:
  """Adds the figures of a conversion to result.json; returns the champion."""
  result = folder.read_result()
  (before,) = [c for c in result.champions if c.name == name]
  champion = dataclasses.replace(
    before,
    **figures_of(metrics),
    files=tuple(folder.champion_files(name)),
  )
  dataclasses.replace(
    result,
    champions=tuple(
      champion if known is before else known for known in result.champions
    ),
    unverified={
      known: reason
      for known, reason in result.unverified.items()
      if known != name
    },
    convert_seconds=result.convert_seconds + metrics.seconds,
  ).write(folder.result)
  return champion
