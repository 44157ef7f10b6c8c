"""Classes that a champion confuses: figure, list and images."""

import base64
import collections
import dataclasses
import io

from matplotlib.patches import Rectangle

from elite_tf.data import preprocess
from elite_tf.report.drawing import ACCENT, INK, MUTED, SECOND, Drawing
from elite_tf.report.facts import Champion

# Most classes for which the counts are written into the matrix, and for which
# the matrix is drawn at all; with more classes, the list of pairs tells more.
MOST_WRITTEN = 12
MOST_DRAWN = 60

PAIRS = 10


@dataclasses.dataclass(frozen=True)
class Pair:
  """A class answered instead of another.

  Attributes:
    truth: The true class.
    answer: The class answered.
    count: Number of such answers.
    images: Number of images of the true class.
  """

  truth: str
  answer: str
  count: int
  images: int


@dataclasses.dataclass(frozen=True)
class Mistake:
  """An image with a wrong answer.

  Attributes:
    source: The image, as a data URI.
    truth: The true class.
    answer: The class answered.
    probability: Probability of the answer, 0 to 1.
    position: Position of the image in the test split, from 0.
  """

  source: str
  truth: str
  answer: str
  probability: float
  position: int


def label_of(champion: Champion, number: int) -> str:
  """Returns the name of a class, or its number if the name is not known."""
  labels = champion.labels
  return labels[number] if number < len(labels) else str(number)


def worst_pairs(champion: Champion, count: int = PAIRS) -> list[Pair]:
  """Returns the most frequent confusions, the most frequent one first."""
  found, images = _wrong_answers(champion)
  worst = sorted(found.items(), key=lambda pair: (-pair[1], *pair[0]))[:count]
  return [
    Pair(
      label_of(champion, truth), label_of(champion, answer), n, images[truth]
    )
    for (truth, answer), n in worst
  ]


def _wrong_answers(
  champion: Champion,
) -> tuple[dict[tuple[int, int], int], dict[int, int]]:
  """Returns counts by (true class, answer), and images by true class."""
  if champion.confusion:
    rows = dict(enumerate(champion.confusion))
    found = {
      (truth, answer): n
      for truth, row in rows.items()
      for answer, n in enumerate(row)
      if n and truth != answer
    }
    return found, {truth: sum(row) for truth, row in rows.items()}
  kept = champion.predictions
  if kept is None:
    return {}, {}
  # With many classes there are single answers only.
  pairs = zip(kept.labels.tolist(), kept.answers.tolist())
  found = collections.Counter(pair for pair in pairs if pair[0] != pair[1])
  return found, collections.Counter(kept.labels.tolist())


def worst_mistakes(champion: Champion) -> list[Mistake]:
  """Returns the wrong answers with the highest probability, with images."""
  kept = champion.predictions
  if kept is None:
    return []
  return [
    Mistake(
      _data_uri(image),
      label_of(champion, int(kept.labels[position])),
      label_of(champion, int(kept.answers[position])),
      float(kept.probabilities[position]),
      position,
    )
    for position, image in zip(kept.mistakes.tolist(), kept.images)
  ]


def _data_uri(image) -> str:
  """Returns an image, uint8 (height, width, channels), as a data URI."""
  out = io.BytesIO()
  small = image.shape[0] <= 32
  options = {"format": "PNG"} if small else {"format": "JPEG", "quality": 85}
  preprocess.to_picture(image).save(out, **options)
  kind = options["format"].lower()
  return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"


def draw_confusion(champion: Champion, name: str) -> str | None:
  """Draws a confusion matrix; returns None if there are too many classes.

  A row is a true class; the strength of a cell is its share of the row.

  Args:
    champion: The champion.
    name: Name of the figure, unique on the page.
  """
  matrix = champion.confusion
  classes = len(matrix)
  if not classes or classes > MOST_DRAWN:
    return None
  written = classes <= MOST_WRITTEN
  drawn = Drawing(360 if classes <= 20 else 520, 340 if classes <= 20 else 500)
  axes = drawn.axes
  axes.set_xlim(0, classes)
  axes.set_ylim(classes, 0)
  axes.set_aspect("equal")
  axes.grid(visible=False)
  for spine in axes.spines.values():
    spine.set_visible(False)
  for truth, row in enumerate(matrix):
    for answer, count in enumerate(row):
      if count:
        _cell(drawn, champion, truth, answer, count, sum(row), written)
  _ticks(axes, champion, classes, written)
  label = (
    f"Confusion matrix of {champion.name}: {sum(map(sum, matrix))} test"
    f" images of {classes} classes, rows are true classes, columns answers."
  )
  return drawn.to_svg(name, label)


def _cell(drawn, champion, truth, answer, count, images, written) -> None:
  axes, share = drawn.axes, count / images
  right = truth == answer
  cell = Rectangle(
      (answer + 0.03, truth + 0.03), 0.94, 0.94, linewidth=0,
      facecolor=ACCENT if right else SECOND,
      alpha=(0.1 if right else 0.2) + (0.45 if right else 0.7) * share,
  )  # fmt: skip
  axes.add_patch(cell)
  drawn.tell(
    cell,
    [
      f"{label_of(champion, truth)} answered as"
      f" {label_of(champion, answer)}: {count} of {images}"
    ],
  )
  if written:
    axes.text(
        answer + 0.5, truth + 0.5, str(count), ha="center", va="center",
        color=INK, fontsize=8.5 if count > 999 else 9.5,
    )  # fmt: skip


def _ticks(axes, champion, classes, written) -> None:
  places = [number + 0.5 for number in range(classes)]
  shown = [_shortened(label_of(champion, n)) for n in range(classes)]
  size = 9.5 if written else max(4.5, 9.5 - classes / 12)
  turn = 0 if max(map(len, shown)) <= 2 else 90
  axes.set_xticks(places, shown, fontsize=size, rotation=turn)
  axes.set_yticks(places, shown, fontsize=size)
  axes.set_xlabel("answer", color=MUTED)
  axes.set_ylabel("true class", color=MUTED)


def _shortened(label: str) -> str:
  return label if len(label) <= 14 else f"{label[:13]}\N{HORIZONTAL ELLIPSIS}"
