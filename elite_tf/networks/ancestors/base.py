"""`Ancestor`: a trained network from which candidates inherit weights."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
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
    reader: `module:function` of this room, a function of a file's path -> the
      weights of the layers that have any; raises ConfigError for a file that is
      not of this network. It is imported when a file is read.
    begins: First bytes of its files.
    source: What has the weights, for errors.
    file: Name of the weights file, as published.
    package: Python package that holds the file; empty if Keras downloads it.
    sha256: Of the package's file.
  """

  name: str
  family: str
  heirs: tuple[str, ...]
  reader: str
  begins: tuple[bytes, ...]
  source: str
  file: str
  package: str = ""
  sha256: str = ""

  def installed(self) -> Path | None:
    """Returns the weights file of the package, None without the package."""
    found = importlib.util.find_spec(self.package) if self.package else None
    return Path(found.origin).parent / self.file if found else None

  def found(self) -> Path | None:
    """Returns the weights file of the package or of Keras's downloads."""
    if self.package:
      return self.installed()
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    path = Path(home) / "models" / self.file
    return path if path.is_file() else None

  def read(self, path: Path) -> Weights:
    """Returns the weights of all layers, as a file has them.

    Raises:
      ConfigError: The file cannot be read, or is of another network.
    """
    module, _, name = self.reader.partition(":")
    room = __name__.rpartition(".")[0]
    return getattr(importlib.import_module(f"{room}.{module}"), name)(path)
