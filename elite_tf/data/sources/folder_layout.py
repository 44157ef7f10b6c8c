"""Which picture of a folder belongs to which part and class.

`folder` documents the layout. Only names are read here.
"""

import collections
import dataclasses
import os
import re
from collections.abc import Iterator

from elite_tf.data.sources import class_names, part_folders
from elite_tf.data.sources import paths as files
from elite_tf.errors import ConfigError

# The folder is what macOS adds to archives.
_HIDDEN = (".", "__MACOSX")

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp")


@dataclasses.dataclass(frozen=True)
class Layout:
  """The pictures of a folder.

  Attributes:
    folder: Path of the folder.
    class_names: Names of the class folders, sorted.
    parts: Paths of the pictures below `folder`, sorted, by part (train, val,
      test) and class.
    left_out: Notes about other files, one line each.
    understood: Notes about which folders are parts and which are classes.
  """

  folder: str
  class_names: tuple[str, ...]
  parts: dict[str, dict[str, list[str]]]
  left_out: tuple[str, ...]
  understood: tuple[str, ...] = ()

  def pictures(self) -> Iterator[tuple[str, int, str]]:
    """Yields (part, label, path below the folder) for every picture."""
    for part, classes in self.parts.items():
      for label, name in enumerate(self.class_names):
        for path in classes[name]:
          yield part, label, path


def scan(folder: str) -> Layout:
  """Lists all pictures of a folder.

  Raises:
    ConfigError: The folder cannot be read, or its layout is wrong.
  """
  reader = _Reader(folder)
  tops = reader.folders("")
  if not tops:
    raise ConfigError(
      "--data=folder: the folder must hold a subfolder for each class."
      f" Received: {folder!r}, with {reader.told_outside()}"
    )
  where = part_folders.find_parts(folder, tops, reader.folders_in)
  parts = {}
  for part in ("train", "val", "test"):
    if part in where:
      names = tops if where[part] == "" else reader.folders(where[part])
      parts[part] = {
        name: reader.pictures(os.path.join(where[part], name)) for name in names
      }
  names = tuple(sorted(parts["train"]))
  images = {part: sum(map(len, c.values())) for part, c in parts.items()}
  layout = Layout(
    folder,
    names,
    parts,
    reader.left_out(),
    tuple(map(readable, part_folders.notes(where, tops, images))),
  )
  _check_classes(layout, where)
  for part, classes in parts.items():
    counts = {name: len(paths) for name, paths in classes.items()}
    check_counts(layout, part, counts, f"({', '.join(EXTENSIONS)})")
  return layout


class _Reader:
  """Walks through folders and counts the files that it leaves out."""

  def __init__(self, folder: str):
    self._folder = folder
    self._ignored: collections.Counter = collections.Counter()
    self._outside = 0
    self._loops = 0

  def folders(self, below: str) -> list[str]:
    """Returns the names of the folders in a folder; counts its files."""
    names = []
    for entry in self._entries(below):
      if entry.is_dir():
        names.append(entry.name)
      elif not self._is_picture(entry.name):
        self._ignore(entry.name)
      else:
        self._outside += 1
    return names

  def folders_in(self, below: str) -> list[str]:
    """Returns the names of the folders in a folder; counts nothing."""
    return [entry.name for entry in self._entries(below) if entry.is_dir()]

  def pictures(self, below: str) -> list[str]:
    """Returns the paths of all pictures below a folder; follows links."""
    found, left, seen = [], [below], set()
    while left:
      here = left.pop()
      status = os.stat(os.path.join(self._folder, here))
      if (status.st_dev, status.st_ino) in seen:
        self._loops += 1
        continue
      seen.add((status.st_dev, status.st_ino))
      for entry in self._entries(here):
        if entry.is_dir():
          left.append(os.path.join(here, entry.name))
        elif _is_pipe(entry):
          self._ignored["pipe"] += 1
        elif self._is_picture(entry.name):
          found.append(os.path.join(here, entry.name))
        else:
          self._ignore(entry.name)
    return sorted(found)

  def told_outside(self) -> str:
    """Returns how many pictures lie at the top, in words."""
    return f"{self._outside} pictures" if self._outside else "none"

  def left_out(self) -> tuple[str, ...]:
    """Returns notes about what was left out, one line each."""
    lines = []
    if self._ignored:
      kinds = ", ".join(f"{k} {n}" for k, n in self._ignored.most_common(5))
      lines.append(
        f"left out: {self._ignored.total():,} files without a picture's"
        f" extension ({kinds})"
      )
    if self._outside:
      lines.append(
        f"left out: {self._outside:,} pictures outside the class folders"
      )
    if self._loops:
      lines.append(
        f"left out: {self._loops} links to folders that were read already"
      )
    return tuple(lines)

  def _entries(self, below: str) -> list[os.DirEntry]:
    """Returns the entries of a folder sorted by name, without hidden ones."""
    path = os.path.join(self._folder, below) if below else self._folder
    try:
      with os.scandir(path) as entries:
        shown = [e for e in entries if not e.name.startswith(_HIDDEN)]
    except OSError as error:
      raise files.unreadable(path, error) from error
    return sorted(shown, key=lambda entry: entry.name)

  def _is_picture(self, name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)

  def _ignore(self, name: str) -> None:
    # An extension can be any bytes, and long.
    extension = os.path.splitext(name)[1].lower()
    self._ignored[readable(extension)[:12] or "no extension"] += 1


def _is_pipe(entry: os.DirEntry) -> bool:
  """Returns whether an entry is no file: to read a pipe can wait forever."""
  # A broken link is not there; decoding reports it.
  return not entry.is_file() and os.path.exists(entry.path)


def _check_classes(layout: Layout, where: dict[str, str]) -> None:
  """Checks that there are at least two classes, the same in every part."""
  train = layout.parts["train"].keys()
  if len(train) < 2:
    received = f"only {min(train)!r}" if train else "none"
    raise ConfigError(
      f"--data=folder: {os.path.join(layout.folder, where['train'])!r} must"
      f" hold at least two class folders. Received: {received}"
    )
  for part, classes in layout.parts.items():
    for one, other, name in (
      (train - classes.keys(), where["train"], where[part]),
      (classes.keys() - train, where[part], where["train"]),
    ):
      if one:
        some = ", ".join(map(repr, sorted(one)[:5]))
        raise ConfigError(
          f"--data=folder: {layout.folder!r} must have the same classes in"
          f" {where['train']}/ and {where[part]}/. Received: {some} in"
          f" {other}/ but not in {name}/"
        )
  class_names.check_labels(
    {name: readable(name) for name in layout.class_names}, layout.folder
  )


def check_counts(
  layout: Layout, part: str, counts: dict[str, int], what: str
) -> None:
  """Checks that each class has a picture for each part that is cut from one.

  Args:
    layout: What lies in the folder.
    part: train, val or test.
    counts: Number of pictures of each class in the part.
    what: Which pictures were counted, for the message.

  Raises:
    ConfigError: A class has fewer pictures.
  """
  needed = 1
  if part == "train":
    needed += ("val" not in layout.parts) + ("test" not in layout.parts)
  name = min(counts, key=lambda name: (counts[name], name))
  if counts[name] < needed:
    each = (
      "at least 1 picture" if needed == 1 else f"at least {needed} pictures"
    )
    raise ConfigError(
      f"--data=folder: {layout.folder!r} must hold {each} {what} of every class"
      f" for {part} and the parts cut from it. Received: {counts[name]} of"
      f" {name!r}"
    )


def readable(name: str) -> str:
  """Returns a file name as text on one line, whatever bytes it has."""
  text = os.fsencode(name).decode("utf-8", errors="replace")
  return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)
