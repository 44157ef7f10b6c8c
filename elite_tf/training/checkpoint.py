"""A candidate's training on disk: one file, written as a whole.

The previous checkpoint is kept, in case the last one is damaged.
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
  """Everything that is needed to resume a training.

  Attributes:
    arrays: Flat vectors, by the names of the fields of
      `elite_tf.training.steps.State`.
    epochs: The epochs done.
  """

  arrays: Mapping[str, np.ndarray]
  epochs: tuple[Epoch, ...]


def save(path: Path, checkpoint: Checkpoint) -> None:
  """Writes a checkpoint as a whole; it is durable when this returns.

  The file is an uncompressed .npz followed by its SHA-256: the checksums inside
  a zip file cover the arrays, but not the list of arrays.

  Raises:
    OSError: The file cannot be written; nothing is left behind.
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
    OSError: The file is there and cannot be read.
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
  """Returns the last undamaged checkpoint, None if there is none.

  A damaged checkpoint is removed if the previous one is undamaged: otherwise
  saving the next one would replace the undamaged one.

  Raises:
    OSError: A file is there and cannot be read.
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
  """Checks that a checkpoint belongs to a network.

  Args:
    path: The checkpoint's file, for the message.
    checkpoint: The checkpoint.
    expected: Shapes of the network's arrays by name.

  Raises:
    ValueError: An array is missing, or has another shape.
  """
  found = {name: array.shape for name, array in checkpoint.arrays.items()}
  for name, shape in expected.items():
    if found.get(name) != shape:
      raise ValueError(
        f"{path}: checkpoint of another network: {name} must be of shape"
        f" {shape}. Received: {found.get(name, 'nothing')}"
      )
