"""A firmware project: from a champion and its images to a folder of files."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.firmware.targets import Project, Target
from elite_tf.runs.find_champion import data_settings, find_champion
from elite_tf.runs.folder import RunFolder, store_of
from elite_tf.runs.settings import Settings
from elite_tf.system.atomic_files import replace_folder


@dataclasses.dataclass(frozen=True)
class Source:
  """The source of a network and its images.

  Attributes:
    model: Path of the .tflite file.
    labels: Names of the classes; empty if they are not known.
    data: Specification of the data set, as in `--data`; empty for none.
    settings: Settings of the search, with the place of decoded pictures.
  """

  model: Path
  labels: tuple[str, ...]
  data: str
  settings: Settings = Settings()


def find_source(model: str, run_dir: str, champion: str, data: str) -> Source:
  """Returns the source of the network that the flags name.

  Args:
    model: `--model`.
    run_dir: `--run_dir`.
    champion: `--champion`.
    data: `--data`; empty means the data set of `run_dir`.

  Raises:
    ConfigError: The flags do not name exactly one network, or the network does
      not exist.
  """
  if bool(model) == bool(run_dir):
    raise ConfigError(
      "either --model or --run_dir must be given."
      f" Received: --model={model} --run_dir={run_dir}"
    )
  if model:
    if champion:
      raise ConfigError(
        f"--champion needs --run_dir. Received: --champion={champion}"
      )
    path = Path(model)
    if not path.is_file():
      raise ConfigError(f"--model={model}: no such file")
    return Source(path, (), data)
  folder, found = find_champion(RunFolder(Path(run_dir)), champion)
  path, names = folder / "model_int8.tflite", folder / "labels.txt"
  if not path.is_file():
    raise ConfigError(
      f"--run_dir={run_dir}: {folder.name} has no int8 network, {path.name}"
    )
  labels = tuple(names.read_text().splitlines()) if names.is_file() else ()
  settings = data_settings(RunFolder(Path(run_dir)))
  return Source(path, labels, data or found, settings)


def make_project(
  target: Target, source: Source, count: int, tflm_root: str
) -> Project:
  """Returns the files of a network and the inputs that check it.

  Args:
    target: Target of the sources.
    source: Source of the network and its images.
    count: Number of test images to classify.
    tflm_root: `--tflm_root`; may be empty.

  Raises:
    ConfigError: The target cannot run the network, or the data set does not fit
      the network.
  """
  # NumPy and the data sets are loaded only after the flags have been checked.
  from elite_tf.data import sources
  from elite_tf.data.preprocess import crops
  from elite_tf.firmware import vectors
  from elite_tf.firmware.generate import generate

  model = source.model.read_bytes()
  pictures = None
  if source.data:
    data = sources.load(source.data, store=store_of(source.settings))
    pictures = vectors.Pictures(
      data.test.images, data.test.labels, crops(data.description)
    )
  generated = (target.generate or generate)(
    model,
    source.labels,
    origin=f"Made by elite_tf of {source.model.name}. Do not edit.",
    crop=pictures is not None and pictures.crop,
  )
  files = {name: text.encode() for name, text in generated.files.items()}
  files["vectors.bin"] = vectors.vectors_file(model, pictures)
  if count:
    files["images.bin"] = vectors.images_file(model, pictures, count)
  return Project(
    model=model,
    files=files,
    layers=generated.layers,
    constant_bytes=generated.constant_bytes,
    buffer_bytes=generated.buffer_bytes,
    tflm_root=tflm_root,
  )


def write_folder(out: Path, files: Mapping[str, bytes]) -> None:
  """Writes a folder with all of its files, or not at all.

  Args:
    out: Path of a new or empty folder.
    files: Contents by path in the folder.
  """
  with replace_folder(out) as beside:
    for name, data in files.items():
      path = beside / name
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_bytes(data)
