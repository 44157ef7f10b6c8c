"""`Ancestor`: a trained network from which candidates inherit weights."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  import numpy as np

# Layer name -> its arrays, in the order and layout of its Keras layer.
Weights = Mapping[str, tuple["np.ndarray", ...]]

# Of ImageNet; all ancestors tell these apart.
CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class Ancestor:
  """A published network, trained on ImageNet.

  Attributes:
    name: As it is published.
    family: The family whose network of width, depth and resolution 1 it is.
    heirs: Families that inherit from it, `family` among them.
    module: Its `read` makes a file's path into the weights of all layers that
      have any, and raises ConfigError for a file that is not of this network.
      It is imported when a file is read.
    begins: First bytes of its files.
    source: What has the weights, for errors.
    package: Python package that holds them; empty for none.
    file: Weights file, relative to the package.
    sha256: Of that file.
  """

  name: str
  family: str
  heirs: tuple[str, ...]
  module: str
  begins: bytes
  source: str
  package: str = ""
  file: str = ""
  sha256: str = ""

  def installed(self) -> Path | None:
    """Returns the weights file of the package, None without the package."""
    found = importlib.util.find_spec(self.package) if self.package else None
    return Path(found.origin).parent / self.file if found else None

  def read(self, path: Path) -> Weights:
    """Returns the weights of all layers, as a file has them.

    Raises:
      ConfigError: The file cannot be read, or is of another network.
    """
    return importlib.import_module(self.module).read(path)
