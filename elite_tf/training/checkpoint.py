"""A candidate's training on disk: one file, whole or not there."""

import dataclasses
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from elite_tf.spec import Epoch

_FIELDS = [field.name for field in dataclasses.fields(Epoch)]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """Everything from which a training goes on.

  Attributes:
    arrays: Flat vectors by name of `elite_tf.training.steps.State`'s fields.
    epochs: The epochs done.
  """

  arrays: Mapping[str, np.ndarray]
  epochs: tuple[Epoch, ...]


def save(path: Path, checkpoint: Checkpoint) -> None:
  """Writes the file beside its place and moves it there.

  The file is an uncompressed .npz, which holds a checksum of every array.

  Raises:
    OSError: It cannot be written; nothing is left behind.
  """
  rows = [
      [getattr(epoch, name) for name in _FIELDS] for epoch in checkpoint.epochs
  ]
  epochs = np.array(rows, np.float64).reshape(len(rows), len(_FIELDS))
  path.parent.mkdir(parents=True, exist_ok=True)
  beside = path.with_name(f".{path.name}.{os.getpid()}")
  try:
    with open(beside, "wb") as file:
      np.savez(file, epochs=epochs, **checkpoint.arrays)
      file.flush()
      os.fsync(file.fileno())
    os.replace(beside, path)
  finally:
    beside.unlink(missing_ok=True)


def load(path: Path) -> Checkpoint | None:
  """Returns the checkpoint, None if there is none.

  Raises:
    ValueError: The file is damaged.
  """
  try:
    with np.load(path, allow_pickle=False) as file:
      arrays = {name: file[name] for name in file.files}
  except FileNotFoundError:
    return None
  except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as e:
    raise ValueError(f"{path}: damaged checkpoint ({e})") from e
  epochs = tuple(
      Epoch(int(row[0]), *(float(value) for value in row[1:]))
      for row in arrays.pop("epochs")
  )
  return Checkpoint(arrays, epochs)
