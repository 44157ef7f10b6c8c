"""Accuracy against cost."""

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path

from elite_tf.report.drawing import ACCENT, MUTED, SECOND, THIRD, Drawing
from elite_tf.report.facts import Run
from elite_tf.report.pareto import front
from elite_tf.runs.results import ChampionResult

PUBLISHED = Path(__file__).parent / "published_models.csv"

# The published models were measured on ImageNet.
IMAGENET_CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class Point:
  """A network in a figure: name, cost and accuracy (0 to 1)."""

  name: str
  cost: float
  accuracy: float


@dataclasses.dataclass(frozen=True)
class Cost:
  """A kind of cost.

  Attributes:
    key: Short name.
    label: Label of the axis.
    of_candidate: Function from a run and a name to the planned or predicted
      cost, None if not known.
    of_champion: Function from a champion to the planned or measured cost, None
      if not known.
  """

  key: str
  label: str
  of_candidate: Callable[[Run, str], float | None]
  of_champion: Callable[[ChampionResult], float | None]


def _predicted_arena(run: Run, name: str) -> float | None:
  memory = run.memory.get(name)
  return memory.arena_bytes_host / 1024 if memory else None


def _measured_arena(champion: ChampionResult) -> float | None:
  arena = champion.arena_bytes
  return None if arena is None else arena / 1024


COSTS = (
    Cost(
        "params", "parameters, millions",
        lambda run, name: run.networks[name].params / 1e6,
        lambda champion: champion.params / 1e6,
    ),
    Cost(
        "macs", "multiply-accumulates, millions",
        lambda run, name: run.networks[name].macs / 1e6,
        lambda champion: champion.macs / 1e6,
    ),
    Cost("arena", "arena, KiB", _predicted_arena, _measured_arena),
)  # fmt: skip


def same_epoch_points(run: Run, cost: Cost) -> list[Point]:
  """Returns the candidates at the end of the first round.

  At that point all have been trained for the same number of epochs. Arenas are
  predicted for int8 networks, so there are no points if champions are others.
  """
  if cost.key == "arena" and any(
    champion.result.kind != "int8" for champion in run.champions
  ):
    return []
  epochs = run.settings.round_epochs
  points = []
  for name, history in run.histories.items():
    spent = cost.of_candidate(run, name) if name in run.networks else None
    if spent is not None and len(history) >= epochs:
      points.append(Point(name, spent, history[epochs - 1].val_accuracy))
  return points


def champion_points(run: Run, cost: Cost) -> list[Point]:
  """Returns the champions with their final validation accuracy."""
  points = [
    Point(c.name, cost.of_champion(c.result), c.result.val_accuracy)
    for c in run.champions
  ]
  return [point for point in points if point.cost is not None]


def draw_costs(run: Run) -> list[str]:
  """Draws accuracy against each cost that has points."""
  pictures = []
  for cost in COSTS:
    all_, champions = same_epoch_points(run, cost), champion_points(run, cost)
    if all_ or champions:
      pictures.append(_draw(cost, all_, champions))
  return pictures


def _draw(cost: Cost, all_: list[Point], champions: list[Point]) -> str:
  drawn = Drawing()
  _scatter(drawn, all_, MUTED, 30, ":")
  _scatter(drawn, champions, ACCENT, 64, "-", marker="D")
  axes = drawn.axes
  axes.locator_params(axis="x", nbins=5)
  axes.set_xlabel(cost.label)
  axes.set_ylabel("validation accuracy, %")
  label = (
    f"Validation accuracy against {cost.label}: {len(all_)} candidates after"
    f" the first round and {len(champions)} champions at the end."
  )
  return drawn.to_svg(f"cost-{cost.key}", label)


def _scatter(
  drawn: Drawing,
  points: list[Point],
  colour: str,
  size: float,
  line: str,
  marker: str = "o",
) -> None:
  """Draws points and the Pareto front among them."""
  if not points:
    return
  axes = drawn.axes
  best = [points[n] for n in front([(p.cost, p.accuracy) for p in points])]
  if len(best) > 1:
    axes.plot(
      [p.cost for p in best],
      [100 * p.accuracy for p in best],
      line,
      color=colour,
      linewidth=1.5,
      zorder=1,
    )
  marks = axes.scatter(
    [p.cost for p in points],
    [100 * p.accuracy for p in points],
    s=size,
    c=colour,
    marker=marker,
    linewidths=0,
    zorder=2,
  )
  drawn.tell(marks, [_words(point) for point in points])


def _words(point: Point) -> str:
  return f"{point.name}: {100 * point.accuracy:.2f} % for {point.cost:.4g}"


@dataclasses.dataclass(frozen=True)
class Published:
  """A published model: a row of `published_models.csv`.

  Attributes:
    name: Name of the model.
    family: "elite", "hf" or "other".
    params: Parameters, in millions.
    macs: Multiply-accumulates of one inference, in millions.
    top1: Top-1 accuracy on ImageNet, in percent.
  """

  name: str
  family: str
  params: float
  macs: float
  top1: float


def load_published(path: Path = PUBLISHED) -> list[Published]:
  """Returns the models of Table 5 of the paper."""
  with open(path, encoding="utf-8", newline="") as file:
    return [
      Published(
        row["name"],
        row["family"],
        float(row["params_M"]),
        float(row["macs_M"]),
        float(row["top1"]),
      )
      for row in csv.DictReader(file)
    ]


def draw_published(run: Run) -> list[str]:
  """Draws champions among published models, if there are 1000 classes."""
  if run.classes != IMAGENET_CLASSES or not run.champions:
    return []
  return [_draw_published(run, cost) for cost in COSTS[:2]]


def _draw_published(run: Run, cost: Cost) -> str:
  drawn = Drawing(height=300)
  styles = {"other": (MUTED, "o"), "elite": (SECOND, "s"), "hf": (THIRD, "^")}
  models = load_published()
  for family, (colour, marker) in styles.items():
    points = [
      Point(model.name, getattr(model, cost.key), model.top1 / 100)
      for model in models
      if model.family == family
    ]
    _scatter(drawn, points, colour, 24, ":", marker)
  points = [
    Point(c.name, cost.of_champion(c.result), c.result.test_accuracy_float)
    for c in run.champions
  ]
  _scatter(drawn, points, ACCENT, 64, "-", "D")
  axes = drawn.axes
  axes.set_xlabel(cost.label)
  axes.set_ylabel("top-1, %")
  label = (
    f"Test accuracy of champions and published models against {cost.label}."
  )
  return drawn.to_svg(f"published-{cost.key}", label)
