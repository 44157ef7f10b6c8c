"""Reads learning curves for the tools that compare criteria. Not a command.

A source is a run folder (`candidates/*/history.csv`) or an .npz file. The file
has the array `curves` (configurations x epochs, NaN after the end of a run that
stopped early; higher is better) and may have `size` (one number per
configuration, for grouping).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.system.text import one_line

# A final accuracy is the mean of this last share of a curve's epochs: a single
# epoch depends on chance.
FINAL_SHARE = 0.05

# A network has collapsed if its final accuracy is in this lowest part of the range
# from the worst accuracy of all curves (chance level) to the best final accuracy.
COLLAPSED = 0.25


@dataclasses.dataclass(frozen=True)
class Curves:
  """Curves of equal length from one source.

  Attributes:
    name: Name of the source.
    names: Names of its configurations.
    values: float64 (configurations, epochs), without NaN; higher is better.
    sizes: (configurations,); None if unknown.
    unfinished: Number of configurations left out because they were not trained
      to the end: their final accuracy is unknown.
    collapsed: Number of configurations left out because they learnt nothing.
  """

  name: str
  names: tuple[str, ...]
  values: np.ndarray
  sizes: np.ndarray | None
  unfinished: int = 0
  collapsed: int = 0

  @property
  def finals(self) -> np.ndarray:
    """The final accuracy of each configuration, (configurations,)."""
    return final_accuracies(self.values)


def final_accuracies(values: np.ndarray) -> np.ndarray:
  """Returns the mean of the last `FINAL_SHARE` of the epochs, at least one.

  Args:
    values: (configurations, epochs).
  """
  last = max(1, round(FINAL_SHARE * values.shape[1]))
  return values[:, -last:].mean(axis=1)


def read(path: Path) -> Curves:
  """Returns the curves of a source without unfinished and collapsed ones.

  Raises:
    ConfigError: The source cannot be read, or fewer than two curves are left.
  """
  return _judged(_read_npz(path) if path.suffix == ".npz" else _read_run(path))


def _read_npz(path: Path) -> Curves:
  try:
    with np.load(path, allow_pickle=False) as file:
      values = np.asarray(file["curves"], np.float64)
      sizes = np.asarray(file["size"], np.float64) if "size" in file else None
  except (OSError, ValueError, KeyError) as error:
    raise ConfigError(
      f"{path}: no learning curves ({one_line(error)})"
    ) from error
  if values.ndim != 2 or not values.size:
    raise ConfigError(
      f"{path}: curves must be configurations x epochs."
      f" Received: {values.shape}"
    )
  if sizes is not None and sizes.shape != values.shape[:1]:
    raise ConfigError(
      f"{path}: size must hold one number for each of {len(values)}"
      f" configurations. Received: {sizes.shape}"
    )
  names = tuple(f"{number}" for number in range(len(values)))
  return Curves(path.stem, names, values, sizes)


def _read_run(path: Path) -> Curves:
  histories = RunFolder(path).read_histories()
  epochs = max(map(len, histories.values()), default=0)
  if not epochs:
    raise ConfigError(f"{path}: holds no candidates/*/history.csv with epochs")
  values = np.full((len(histories), epochs), np.nan)
  for row, history in zip(values, histories.values()):
    row[: len(history)] = [epoch.val_accuracy for epoch in history]
  return Curves(path.resolve().name, tuple(histories), values, None)


def _judged(curves: Curves) -> Curves:
  """Returns the curves that reach the end and learnt something."""
  finished = np.isfinite(curves.values).all(axis=1)
  left = _kept(curves, finished)
  learnt = np.zeros(0, bool)
  if finished.any():
    worst, best = left.values.min(), left.finals.max()
    learnt = left.finals >= worst + COLLAPSED * (best - worst)
  left = _kept(left, learnt)
  if len(left.names) < 2:
    raise ConfigError(
      f"{curves.name}: {len(left.names)} of {len(curves.names)} curves are"
      " trained to the end and have not collapsed; two are needed"
    )
  return dataclasses.replace(
    left,
    unfinished=int((~finished).sum()),
    collapsed=int((~learnt).sum()),
  )


def _kept(curves: Curves, which: np.ndarray) -> Curves:
  return dataclasses.replace(
    curves,
    names=tuple(np.asarray(curves.names)[which].tolist()),
    values=curves.values[which],
    sizes=None if curves.sizes is None else curves.sizes[which],
  )


def find(paths: Sequence[str]) -> list[Path]:
  """Returns the sources that paths name; a folder may hold .npz files.

  Raises:
    ConfigError: A path does not exist.
  """
  found = []
  for path in map(Path, paths):
    if not path.exists():
      raise ConfigError(f"{path}: no such file or folder")
    found += sorted(path.glob("*.npz")) if path.is_dir() else []
    if path.is_file() or not list(path.glob("*.npz")):
      found.append(path)
  return found
