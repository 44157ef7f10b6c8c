"""meta.json: what a folder of the decoded cache holds, and whether it is whole.

Separate from `cache`, so that describing a data set loads no NumPy.
"""

import dataclasses
import json
from pathlib import Path

from elite_tf.data.sources.types import Description

# Part of every key: with another number, existing folders are not read.
FORMAT = 2

FILE = "meta.json"


@dataclasses.dataclass(frozen=True)
class Meta:
  """What a folder of the decoded cache holds.

  Attributes:
    description: Description of the data set; broken pictures are not counted.
    parts: Number of pictures by part, in the order of the files.
    broken: Number of pictures that could not be decoded.
    first_broken: Name and reason of the first of them.
    fingerprint: Digest of the source's files; empty if the key contains it.
    sizes: Size of each other file in the folder, in bytes.
    pixels: Smallest and greatest pixel of all pictures.
    coloured: Number of pictures in colour that were made grey.
  """

  description: Description
  parts: dict[str, int]
  broken: int
  first_broken: tuple[tuple[str, str], ...]
  fingerprint: str
  sizes: dict[str, int]
  pixels: tuple[int, int] = (0, 255)
  coloured: int = 0

  def to_json(self) -> str:
    """Returns the text of meta.json."""
    entries = {
      "format": FORMAT,
      "description": dataclasses.asdict(self.description),
      "parts": self.parts,
      "broken": {"count": self.broken, "first": self.first_broken},
      "fingerprint": self.fingerprint,
      "sizes": self.sizes,
      "pixels": self.pixels,
      "coloured": self.coloured,
    }
    return json.dumps(entries, indent=2) + "\n"

  @classmethod
  def from_json(cls, text: str) -> "Meta":
    """Reads the text of meta.json.

    Raises:
      ValueError: The text is damaged, or of another format.
    """
    entries = json.loads(text)
    try:
      if entries["format"] != FORMAT:
        raise ValueError(f"format {entries['format']}")
      stored = entries["description"]
      names = ("class_names", "notes", "class_images")
      tuples = {name: tuple(stored[name]) for name in names}
      return cls(
        Description(**{**stored, **tuples}),
        entries["parts"],
        entries["broken"]["count"],
        tuple(map(tuple, entries["broken"]["first"])),
        entries["fingerprint"],
        entries["sizes"],
        tuple(entries["pixels"]),
        entries["coloured"],
      )
    except (KeyError, TypeError) as error:
      raise ValueError(f"damaged ({error})") from error


def read(folder: Path) -> Meta | None:
  """Returns what a folder holds; None if not all of its bytes are there."""
  try:
    meta = Meta.from_json((folder / FILE).read_text("utf-8"))
    sizes = {name: (folder / name).stat().st_size for name in meta.sizes}
  except (OSError, ValueError, TypeError):
    return None
  return meta if sizes == meta.sizes else None


def describe(root: Path, pattern: str) -> tuple[Description, str] | None:
  """Returns description and fingerprint of a data set in the cache, or None.

  Args:
    root: Folder of the cache.
    pattern: Shell pattern of the key.
  """
  for meta in map(read, sorted(root.glob(pattern))):
    if meta is not None:
      # The number of pictures before decoding, as the source describes it.
      images = meta.broken + meta.description.images
      described = dataclasses.replace(meta.description, images=images)
      return described, meta.fingerprint
  return None
