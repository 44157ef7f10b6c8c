"""A candidate's training on disk: one file, whole or not there.

The one before it is kept until the next is written, should it be damaged.
"""

import dataclasses
import hashlib
import io
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from elite_tf.system.atomic_files import previous, write_file
from elite_tf.types import Epoch

logger = logging.getLogger(__name__)

_DIGEST_BYTES = hashlib.sha256().digest_size
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
  """Writes the file beside its place and moves it there; durable on return.

  An uncompressed .npz and its SHA-256: the checksums inside a zip file cover
  the arrays, but not the directory that says which there are.

  Raises:
    OSError: It cannot be written; nothing is left behind.
  """
  rows = [
    [getattr(epoch, name) for name in _FIELDS] for epoch in checkpoint.epochs
  ]
  epochs = np.array(rows, np.float64).reshape(len(rows), len(_FIELDS))
  file = io.BytesIO()
  np.savez(file, epochs=epochs, **checkpoint.arrays)
  with file.getbuffer() as body:
    digest = hashlib.sha256(body).digest()
  file.write(digest)
  write_file(path, file.getbuffer(), keep=previous(path))


def load(path: Path) -> Checkpoint | None:
  """Returns the checkpoint, None if there is none.

  Raises:
    ValueError: The file is damaged.
    OSError: It is there and cannot be read.
  """
  try:
    data = path.read_bytes()
  except FileNotFoundError:
    return None
  body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
  if hashlib.sha256(body).digest() != digest:
    raise ValueError(f"{path}: damaged checkpoint")
  with np.load(io.BytesIO(body), allow_pickle=False) as file:
    arrays = {name: file[name] for name in file.files}
  epochs = tuple(
    Epoch(int(row[0]), *(float(value) for value in row[1:]))
    for row in arrays.pop("epochs")
  )
  return Checkpoint(arrays, epochs)


def load_last(path: Path) -> Checkpoint | None:
  """Returns the last checkpoint that is whole, None if there is none.

  A damaged one is removed where the one before it is whole: the next must not
  push that out.

  Raises:
    OSError: It is there and cannot be read.
  """
  damaged, found = [], None
  for place in (path, previous(path)):
    try:
      found = load(place)
    except ValueError as error:
      damaged.append(str(error))
    if found is not None:
      break
  if damaged:
    if found:
      path.unlink()
    remedy = (
      f"goes on from the one before it, epoch {len(found.epochs)}"
      if found
      else "this candidate is trained anew"
    )
    logger.warning(f"{'; '.join(damaged)}; {remedy}")
  return found


def check_shapes(
  path: Path,
  checkpoint: Checkpoint,
  expected: Mapping[str, tuple[int, ...]],
) -> None:
  """Checks that a checkpoint is of the network at hand.

  Args:
    path: Its file, named in the error.
    checkpoint: As loaded.
    expected: Shapes of the arrays by name.

  Raises:
    ValueError: An array is missing, or of another shape.
  """
  found = {name: array.shape for name, array in checkpoint.arrays.items()}
  for name, shape in expected.items():
    if found.get(name) != shape:
      raise ValueError(
        f"{path}: checkpoint of another network: {name} must be of shape"
        f" {shape}. Received: {found.get(name, 'nothing')}"
      )
