"""Width, depth and resolution of the champions and of their competitors."""

import dataclasses

from matplotlib.patches import Rectangle

from elite_tf.report.drawing import ACCENT, GRID, INK, MUTED, WIDTH, Drawing
from elite_tf.report.facts import Run
from elite_tf.runs.plan_json import PlannedCandidate

ROW = 25


@dataclasses.dataclass(frozen=True)
class Axis:
  """One way of scaling.

  Attributes:
    name: Field of `PlannedCandidate` that holds the coefficient.
    level: Field of `PlannedCandidate` that holds the level.
  """

  name: str
  level: str


AXES = (
  Axis("width", "w"),
  Axis("depth", "d"),
  Axis("resolution", "r"),
)


def stages(run: Run) -> list[tuple[str, list[PlannedCandidate]]]:
  """Returns (title, remaining candidates) of each stage of the search."""
  known = run.networks
  names = [name for group in run.groups for name in group.candidates]
  found = [("all", names)]
  rounds = max((len(group.rounds) for group in run.groups), default=0)
  for number in range(rounds):
    left = []
    for group in run.groups:
      out = {n for r in group.rounds[: number + 1] for n in r.eliminated}
      left += [name for name in group.candidates if name not in out]
    found.append((f"after round {number + 1}", left))
  champions = [group.champion for group in run.groups if group.champion]
  if champions:
    found.append(("champions", champions))
  return [(title, [known[n] for n in names]) for title, names in found]


def ratios_to_group(run: Run, axis: Axis) -> list[float]:
  """Returns each champion's coefficient divided by the mean of its group.

  Above 1, the champion has more than its competitors of similar cost. Empty if
  all candidates have the same level.
  """
  if len({getattr(n, axis.level) for n in run.networks.values()}) < 2:
    return []
  ratios = []
  for group in run.groups:
    if group.champion is None or len(group.candidates) < 2:
      continue
    members = [getattr(run.networks[n], axis.name) for n in group.candidates]
    own = getattr(run.networks[group.champion], axis.name)
    ratios.append(own * len(members) / sum(members))
  return ratios


def draw_levels(run: Run, axis: Axis) -> str:
  """Draws how many candidates of each level remained at each stage."""
  table = stages(run)
  levels = sorted(
    {(getattr(n, axis.level), getattr(n, axis.name)) for n in table[0][1]}
  )
  drawn = Drawing(WIDTH, ROW * (len(table) + 2), bare=True)
  axes = drawn.axes
  axes.set_xlim(-1.25, len(levels))
  axes.set_ylim(len(table) + 0.1, -1.9)
  axes.text(-1.25, -1.4, axis.name, color=INK, va="center", fontweight="bold")
  for column, (_, value) in enumerate(levels):
    axes.text(
      column + 0.5,
      -0.5,
      f"{value:.4g}",
      color=MUTED,
      ha="center",
      va="center",
    )
  for row, (title, networks) in enumerate(table):
    axes.text(-1.25, row + 0.5, title, color=MUTED, va="center")
    for column, level in enumerate(levels):
      count = sum(
        (getattr(n, axis.level), getattr(n, axis.name)) == level
        for n in networks
      )
      share = count / max(1, len(networks))
      cell = Rectangle(
          (column + 0.03, row + 0.06), 0.94, 0.88,
          facecolor=ACCENT, alpha=0.06 + 0.5 * share, linewidth=0,
      )  # fmt: skip
      axes.add_patch(cell)
      axes.text(column + 0.5, row + 0.5, str(count), ha="center", va="center")
  label = f"Number of candidates by {axis.name}: " + "; ".join(
    f"{title}: {len(networks)}" for title, networks in table
  )
  return drawn.to_svg(f"levels-{axis.name}", label)


def draw_ratios(run: Run) -> str:
  """Draws the coefficients of champions compared with their groups."""
  found = {axis.name: ratios_to_group(run, axis) for axis in AXES}
  found = {title: ratios for title, ratios in found.items() if ratios}
  drawn = Drawing(WIDTH, 60 + 30 * len(found))
  axes = drawn.axes
  axes.axvline(0, color=MUTED, linewidth=1)
  for row, ratios in enumerate(found.values()):
    values = [100 * (ratio - 1) for ratio in ratios]
    marks = axes.scatter(
      values, [row] * len(values), s=34, c=ACCENT, alpha=0.55, linewidths=0
    )
    drawn.tell(marks, [f"{value:+.1f} %" for value in values])
    mean = sum(values) / len(values)
    axes.plot([mean, mean], [row - 0.3, row + 0.3], color=INK, linewidth=2.5)
  axes.set_yticks(range(len(found)), list(found))
  axes.set_ylim(len(found) - 0.5, -0.5)
  axes.grid(axis="y", visible=False)
  axes.spines["left"].set_visible(False)
  axes.set_xlabel("champion compared with the mean of its group, %")
  axes.tick_params(axis="y", colors=INK)
  axes.spines["bottom"].set_color(GRID)
  label = (
    "Width, depth and resolution of champions compared with the means of their"
    " groups"
  )
  return drawn.to_svg("ratios", label)
