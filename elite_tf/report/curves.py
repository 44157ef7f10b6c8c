"""Learning curves of the candidates of a group."""

from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

from elite_tf.report.drawing import (
  ACCENT,
  FOURTH,
  GRID,
  MUTED,
  SECOND,
  THIRD,
  Drawing,
)
from elite_tf.report.facts import Group, Run

# Colour and dashes by the round that eliminated a candidate. The dashes differ
# too, so that curves can be told apart without colours.
BY_ROUND = (
  (MUTED, (1, 1.6)),
  (THIRD, (4, 1.6)),
  (SECOND, (7, 1.8)),
  (FOURTH, (4, 1.4, 1, 1.4)),
)


def draw_curves(run: Run, group: Group) -> str:
  """Draws the validation accuracy of a group by epoch."""
  drawn = Drawing()
  axes = drawn.axes
  longest = 1
  for name in group.candidates:
    history = run.histories.get(name, ())
    if not history:
      continue
    longest = max(longest, len(history))
    out = group.out_in(name)
    colour, dashes, width = _look(group, name, out)
    (line,) = axes.plot(
      [epoch.epoch for epoch in history],
      [100 * epoch.val_accuracy for epoch in history],
      color=colour,
      linewidth=width,
      marker="x" if out and name != group.champion else "o",
      markersize=3.5,
      markevery=[-1],
      zorder=2 + (name == group.champion),
    )
    if dashes:
      line.set_dashes(dashes)
    drawn.tell(line, [f"{name}: {_fate(group, name, out)}"])
  rounds = [played.round * run.settings.round_epochs for played in group.rounds]
  for epoch in rounds:
    axes.axvline(epoch, color=GRID, linewidth=1.2, zorder=0)
  _epochs(axes, longest, rounds)
  axes.set_ylabel("validation accuracy, %")
  label = (
    f"Validation accuracy by epoch of the candidates of group {group.group}"
  )
  return drawn.to_svg(f"curves-{group.group}", label)


def _look(group: Group, name: str, out: int | None):
  if name == group.champion:
    return ACCENT, None, 2.2
  if out is None:
    return SECOND if name in group.rejected else ACCENT, None, 1.2
  colour, dashes = BY_ROUND[(out - 1) % len(BY_ROUND)]
  return colour, dashes, 1.3


def _fate(group: Group, name: str, out: int | None) -> str:
  if name == group.champion:
    return "champion"
  if name in group.failures:
    return "failed"
  if name in group.rejected:
    return "does not fit"
  return f"eliminated in round {out}" if out else "remaining"


def _epochs(axes, longest: int, rounds: list[int]) -> None:
  """Sets the axis of the epochs: logarithmic if the rounds are short."""
  if rounds and longest > 4 * rounds[-1]:
    axes.set_xscale("log")
    axes.set_xticks([*rounds, longest])
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("epoch (logarithmic)")
  else:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.set_xlabel("epoch")
