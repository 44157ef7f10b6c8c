"""The tournament of a group, drawn as a bracket."""

from elite_tf.report.drawing import ACCENT, GRID, INK, MUTED, SECOND, Drawing
from elite_tf.report.facts import Group

# Pixels: height of a candidate, width of a letter of its name, width of its
# score, and distance to the next round.
ROW = 22
LETTER = 7
SCORE = 44
WAY = 22


def standings(group: Group) -> list[list[tuple[str, float | None]]]:
  """Returns (name, score) of the candidates of each round, best first.

  Failed candidates have no score and come last.
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
  """Draws the tournament of a group.

  Args:
    group: The group.
    prefix: Prefix of the names that is left out.
  """
  columns = standings(group) or [[(name, None) for name in group.candidates]]
  last = [(name, None) for name in group.alive]
  if group.rounds and last:
    columns.append(last)
  rows = max(map(len, columns))
  longest = max(len(name.removeprefix(prefix)) for name in group.candidates)
  column = LETTER * longest + SCORE + WAY
  # The last column has no scores.
  width = column * (max(3, len(columns)) - 0.3)
  drawn = Drawing(width, ROW * (rows + 1.2), bare=True)
  axes = drawn.axes
  axes.set_xlim(0, width)
  axes.set_ylim(rows + 0.2, -1)
  places = [{name: row for row, (name, _) in enumerate(c)} for c in columns]
  for number, entries in enumerate(columns):
    left, right = number * column, (number + 1) * column - WAY
    heading = _heading(group, number)
    axes.text(left, -0.75, heading, color=MUTED, va="center")
    for row, (name, score) in enumerate(entries):
      look = {**_look(group, number, name), "va": "center"}
      axes.text(left, row, name.removeprefix(prefix), **look)
      if number < len(group.rounds):
        axes.text(right, row, _shown(score), ha="right", **look)
      for following in places[number + 1 : number + 2]:
        _connect(axes, right, row, following, name)
  label = f"Bracket of group {group.group}: " + "; ".join(
    f"round {played.round} eliminates {', '.join(played.eliminated)}"
    for played in group.rounds
  )
  return drawn.to_svg(f"bracket-{group.group}", label)


def _heading(group: Group, number: int) -> str:
  if number < len(group.rounds):
    return f"round {group.rounds[number].round}"
  if not group.rounds and not group.champion:
    return "start"
  return "champion" if group.champion else "remaining"


def _shown(score: float | None) -> str:
  return "failed" if score is None else f"{100 * score:.1f}"


def _look(group: Group, number: int, name: str) -> dict[str, str]:
  """Returns colour and weight of a candidate's name in a round."""
  played = group.rounds[number] if number < len(group.rounds) else None
  out = played is not None and name in played.eliminated
  if name == group.champion:
    return {"color": ACCENT, "fontweight": "bold"}
  if name in group.failures and (out or played is None):
    return {"color": SECOND}
  return {"color": MUTED if out else INK}


def _connect(axes, end, row, following, name) -> None:
  """Draws a line to the next round if the candidate is in it."""
  if name not in following:
    return
  there = following[name]
  axes.plot(
    [end + 4, end + 8, end + WAY - 8, end + WAY - 4],
    [row, row, there, there],
    color=ACCENT if len(following) == 1 else GRID,
    linewidth=1.6,
    solid_capstyle="round",
  )
