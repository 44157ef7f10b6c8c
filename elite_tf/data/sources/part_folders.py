"""Which folders at the top are parts of a data set, and which are classes."""

import re
from collections.abc import Callable, Iterable, Mapping

from elite_tf.errors import ConfigError

# Usual names -> part of the data set.
_PARTS = {
  "train": "train",
  "training": "train",
  "val": "val",
  "valid": "val",
  "validation": "val",
  "dev": "val",
  "test": "test",
  "testing": "test",
  "eval": "test",
  "evaluation": "test",
}

# As in seg_train, images-test, training_set and val2017.
_NAME = re.compile(
  rf"(?:[^\W_]+[_ -])?({'|'.join(_PARTS)})"
  r"(?:[_ -]?(?:set|data|images|pictures|split))?(?:[_ -]?\d+)?",
  re.IGNORECASE,
)

# Names that need no explanation.
_PLAIN = frozenset({"train", "val", "valid", "validation", "test"})


def part_of(name: str) -> str | None:
  """Returns the part (train, val, test) that a folder's name stands for."""
  found = _NAME.fullmatch(name)
  return _PARTS[found[1].lower()] if found else None


def find_parts(
  folder: str, tops: Iterable[str], below: Callable[[str], list[str]]
) -> dict[str, str]:
  """Returns the folder of each part; '' if the class folders lie at the top.

  Args:
    folder: Path of the data set.
    tops: Names of the folders in it.
    below: Returns the names of the folders in one of them.

  Raises:
    ConfigError: The folders at the top may be classes or parts.
  """
  tops = list(tops)
  parts = {name: part_of(name) for name in tops}
  # A class may be called `train`, too: then it holds pictures, not folders.
  split = [name for name in tops if parts[name] and below(name)]
  if not split:
    _check_classes(folder, tops, parts)
    _check_not_alike(folder, tops, below)
    return {"train": ""}
  others = [name for name in tops if not parts[name]]
  if others:
    raise ConfigError(
      f"--data=folder: {folder!r} must hold class folders, or parts such as"
      f" train/ and test/, not both. Received: {split[0]!r}, which looks like a"
      f" part and holds folders, beside {others[0]!r}"
    )
  where: dict[str, str] = {}
  for name, part in parts.items():
    if part in where:
      raise ConfigError(
        f"--data=folder: {folder!r} must hold one {part} folder."
        f" Received: {where[part]!r} and {name!r}"
      )
    where[part] = name
  if "train" not in where:
    raise ConfigError(
      f"--data=folder: {folder!r} lacks train/. Received: only"
      f" {' and '.join(f'{name}/' for name in tops)}"
    )
  return where


def _check_classes(
  folder: str, tops: list[str], parts: Mapping[str, str | None]
) -> None:
  """Checks that class folders are not called by two different parts."""
  first = next((name for name in tops if parts[name]), None)
  if first is None:
    return
  for name in tops:
    if parts[name] not in (None, parts[first]):
      raise ConfigError(
        f"--data=folder: {folder!r} must hold a folder for each class, at the"
        f" top or in parts such as train/ and test/. Received: {first!r} and"
        f" {name!r}, which look like parts but hold no folders"
      )


def _check_not_alike(
  folder: str, tops: list[str], below: Callable[[str], list[str]]
) -> None:
  """Checks that not every folder holds the same two or more folders."""
  first, *others = tops
  names = below(first)
  # Most data end here: a class folder that holds pictures alone.
  if others and len(names) > 1 and all(below(n) == names for n in others):
    raise ConfigError(
      f"--data=folder: {folder!r} must hold one folder per class, or train/ and"
      f" test/ with such folders. Received: {first!r} and {others[0]!r} hold the"
      f" same folders ({', '.join(map(repr, names[:3]))}), as parts do"
    )


def notes(
  where: Mapping[str, str],
  tops: Iterable[str],
  images: Mapping[str, int],
) -> list[str]:
  """Returns what a person should know about how the folders were understood.

  Args:
    where: As `find_parts` returns it.
    tops: Names of the folders at the top.
    images: Number of pictures by part.
  """
  if where["train"]:
    if all(name.lower() in _PLAIN for name in where.values()):
      return []
    texts = [
      f"{part} is {name}/ ({images[part]:,})" for part, name in where.items()
    ]
    return [f"parts: {', '.join(texts)}"]
  named = [name for name in tops if part_of(name)]
  if not named:
    return []
  return [
    f"{name!r} holds pictures and counts as a class; as a part of the data it"
    " would have to hold a folder for each class"
    for name in named
  ]
