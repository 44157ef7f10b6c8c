"""The child process that reads TensorFlow Datasets.

    python -m elite_tf.data.sources.tfds_worker DESCRIPTOR PARENT

The answer to a `Request` is an `Info`. After that, the answer to the name of a
part is its pictures as stored, a few per message, and an empty message at the
end. The answer to anything that fails is a `ConfigError`.
"""

import dataclasses
import itertools
import sys
from collections.abc import Iterator

from elite_tf.data.sources import pictures
from elite_tf.errors import ConfigError
from elite_tf.system.processes import connection_to_parent
from elite_tf.system.text import one_line

_SAMPLE = 50

_BATCH = 16


@dataclasses.dataclass(frozen=True)
class Request:
  """The first message to this process.

  Attributes:
    name: Name of the data set.
    data_dir: Folder of the prepared data; empty means the package's default.
    download: Whether to download and prepare data that are not there.
  """

  name: str
  data_dir: str
  download: bool


@dataclasses.dataclass(frozen=True)
class Info:
  """What is known of a data set.

  Attributes:
    class_names: Names of the classes, in the order of the labels.
    channels: 1 or 3; 0 if pictures may be either.
    splits: Part (train, val, test) -> (name of the split, number of pictures).
    headers: (height, width, whether grey) of the first training pictures.
  """

  class_names: tuple[str, ...]
  channels: int
  splits: dict[str, tuple[str, int]]
  headers: tuple[tuple[int, int, bool], ...]


@dataclasses.dataclass(frozen=True)
class Pictures:
  """Some pictures; none after the last one.

  Attributes:
    pictures: (label, encoded bytes) of each.
  """

  pictures: tuple[tuple[int, bytes], ...]


class Reader:
  """A data set of TensorFlow Datasets."""

  def __init__(self, request: Request):
    """Finds the data set.

    Raises:
      ConfigError: The data set is unknown, not prepared, or has no pictures with
        one label each.
    """
    self._name = f"--data=tfds:{request.name}"
    self._builder = _builder(request, self._name)
    self._image, self._label = self._keys()
    self._splits = self._choose_splits()

  def info(self) -> Info:
    """Returns what is known of the data set."""
    features = self._builder.info.features
    first = itertools.islice(self._examples("train"), _SAMPLE)
    headers = []
    with pictures.pillow():
      for _, encoded in first:
        try:
          headers.append(pictures.header(encoded))
        except pictures.Broken:
          continue
    if not headers:
      raise ConfigError(f"{self._name}: none of its pictures can be read")
    sizes = self._builder.info.splits
    return Info(
      tuple(features[self._label].names),
      # Four channels: transparency is put on white.
      {1: 1, 3: 3, 4: 3}.get(features[self._image].shape[-1], 0),
      {p: (s, sizes[s].num_examples) for p, s in self._splits.items()},
      tuple(headers),
    )

  def batches(self, part: str) -> Iterator[Pictures]:
    """Yields the pictures of a part, and an empty message at the end."""
    examples = self._examples(part)
    while batch := tuple(itertools.islice(examples, _BATCH)):
      yield Pictures(batch)
    yield Pictures(())

  def _keys(self) -> tuple[str, str]:
    """Returns the names of the features of the picture and of its class."""
    import tensorflow_datasets as tfds

    info = self._builder.info
    known = dict(info.features) if hasattr(info.features, "keys") else {}
    keys = info.supervised_keys or [
      name
      for kind in (tfds.features.Image, tfds.features.ClassLabel)
      for name, feature in known.items()
      if isinstance(feature, kind)
    ]
    pair = [known.get(key) for key in keys]
    image, label = pair if len(pair) == 2 else (None, None)
    if (
      not isinstance(image, tfds.features.Image)
      or not isinstance(label, tfds.features.ClassLabel)
      or image.np_dtype not in ("uint8", "uint16")
    ):
      kinds = [f"{name}: {type(f).__name__}" for name, f in known.items()]
      raise ConfigError(
        f"{self._name} must be pictures with one class each. Received:"
        f" {', '.join(kinds) or type(info.features).__name__}"
      )
    return tuple(keys)

  def _choose_splits(self) -> dict[str, str]:
    """Returns the split of each part."""
    there = {n for n, s in self._builder.info.splits.items() if s.num_examples}
    if "train" not in there:
      raise ConfigError(
        f"{self._name} has no split 'train'. Received:"
        f" {', '.join(sorted(there)) or 'none'}"
      )
    self._splits = {name: name for name in there}
    held = [
      name
      for name in ("test", "validation")
      # Competitions publish test images without their labels.
      if name in there and next(self._examples(name))[0] >= 0
    ]
    chosen = {"train": "train"}
    if held:
      chosen["test"] = held[0]
    if held[1:]:
      chosen["val"] = held[1]
    return chosen

  def _examples(self, part: str) -> Iterator[tuple[int, bytes]]:
    """Yields (label, encoded bytes), always in the same order."""
    import tensorflow_datasets as tfds

    dataset = self._builder.as_dataset(
      split=self._splits[part],
      decoders=tfds.decode.PartialDecoding(
        {self._image: True, self._label: True},
        {self._image: tfds.decode.SkipDecoding()},
      ),
      shuffle_files=False,
      read_config=tfds.ReadConfig(try_autocache=False),
    )
    for example in dataset.as_numpy_iterator():
      yield int(example[self._label]), example[self._image]


def _builder(request: Request, name: str):
  """Returns the builder of a data set, prepared."""
  import tensorflow_datasets as tfds

  if not request.download:
    tfds.disable_progress_bar()
    # Otherwise the package asks the network even for the name of a data set.
    tfds.core.utils.gcs_utils._is_gcs_disabled = True
  try:
    builder = tfds.builder(request.name, data_dir=request.data_dir or None)
  except tfds.core.DatasetNotFoundError as error:
    raise ConfigError(
      f"{name} is unknown to TensorFlow Datasets"
      + (f" and not in --tfds_dir={request.data_dir}" * bool(request.data_dir))
    ) from error
  if builder.is_prepared():
    return builder
  if not request.download:
    raise ConfigError(
      f"{name} is not prepared in {builder.data_path.parent}; give its folder by"
      " --tfds_dir, or download it by --download"
    )
  builder.download_and_prepare()
  return builder


def main(arguments: list[str]) -> None:
  """Answers requests until the connection is closed.

  Args:
    arguments: Descriptor of the connection, number of the parent process.
  """
  with connection_to_parent(arguments) as connection:
    request = connection.recv()
    try:
      reader = Reader(request)
      connection.send(reader.info())
      while True:
        for batch in reader.batches(connection.recv()):
          connection.send(batch)
    except (EOFError, BrokenPipeError):
      return
    except ConfigError as error:
      connection.send(error)
    except Exception as error:
      # From the package, the data set's own code, or the network.
      connection.send(
        ConfigError(
          f"--data=tfds:{request.name} cannot be read"
          f" ({one_line(error, with_type=True)})"
        )
      )


if __name__ == "__main__":
  # Imported by its name, so that the parent knows the classes of messages.
  from elite_tf.data.sources import tfds_worker as this

  this.main(sys.argv[1:])
