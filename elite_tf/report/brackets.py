"""The tournament of a group as a bracket."""

from elite_tf.report.drawing import ACCENT, GRID, INK, MUTED, SECOND, Drawing
from elite_tf.report.facts import Group

# Pixels that a candidate and a round take.
ROW = 22
COLUMN = 128

# Where a score ends and the way to the next round begins, in columns.
SCORE = 0.83


def standings(group: Group) -> list[list[tuple[str, float | None]]]:
  """Returns round by round who played, best first, each with its score.

  Those who failed, without a score, come last. The one that a last column
  would hold alone is the champion.
  """
  columns = []
  for played in group.rounds:
    names = sorted(
        played.scores,
        key=lambda name: (
            name in played.eliminated,
            -(played.scores[name] or 0.0),
        ),
    )
    columns.append([(name, played.scores[name]) for name in names])
  return columns


def draw_bracket(group: Group, prefix: str) -> str:
  """Returns the picture of a group's tournament.

  Args:
    group: Whose.
    prefix: Of the names, left out here.
  """
  columns = standings(group) or [[(name, None) for name in group.candidates]]
  last = [(name, None) for name in group.alive]
  if group.rounds and last:
    columns.append(last)
  rows = max(map(len, columns))
  drawn = Drawing(COLUMN * max(3, len(columns)), ROW * (rows + 1.2), bare=True)
  axes = drawn.axes
  axes.set_xlim(0, max(3, len(columns)))
  axes.set_ylim(rows + 0.2, -1)
  places = [{name: row for row, (name, _) in enumerate(c)} for c in columns]
  for number, column in enumerate(columns):
    axes.text(number, -0.75, _heading(group, number), color=MUTED, va="center")
    for row, (name, score) in enumerate(column):
      _connect(axes, number, row, places, name)
      _name(axes, group, number, row, name, score, prefix)
  label = f"Bracket of group {group.number}: " + "; ".join(
      f"round {played.round} eliminates {', '.join(played.eliminated)}"
      for played in group.rounds
  )
  return drawn.to_svg(f"bracket-{group.number}", label)


def _heading(group: Group, number: int) -> str:
  if number < len(group.rounds):
    return f"round {group.rounds[number].round}"
  if not group.rounds and not group.champion:
    return "begins"
  return "champion" if group.champion else "goes on"


def _name(axes, group, number, row, name, score, prefix) -> None:
  """Writes a candidate with its score, and what became of it."""
  played = group.rounds[number] if number < len(group.rounds) else None
  out = played is not None and name in played.eliminated
  failed = name in group.failures and (out or played is None)
  colour = SECOND if failed else MUTED if out else INK
  weight = "normal"
  if name == group.champion:
    colour, weight = ACCENT, "bold"
  style = {"color": colour, "fontweight": weight, "va": "center"}
  axes.text(number, row, name.removeprefix(prefix), **style)
  if played is not None:
    shown = "failed" if score is None else f"{100 * score:.1f}"
    axes.text(number + SCORE, row, shown, ha="right", **style)


def _connect(axes, number, row, places, name) -> None:
  """Draws the way from here to the next round."""
  if number + 1 == len(places) or name not in places[number + 1]:
    return
  there = places[number + 1][name]
  axes.plot(
      [number + SCORE + 0.025, number + SCORE + 0.065,
       number + 0.945, number + 0.985],
      [row, row, there, there],
      color=ACCENT if len(places[number + 1]) == 1 else GRID,
      linewidth=1.6,
      solid_capstyle="round",
  )  # fmt: skip
