"""Replays tournaments over recorded learning curves, by every criterion.

    python tools/replay_criteria.py curves/            # a folder of .npz files
    python tools/replay_criteria.py runs/all --group_size=4 --format=json

Draws random groups, plays each group to its champion by the rules of the search,
and compares the champion's final accuracy (the mean of its last 5 % of epochs)
with the best final accuracy of its group. All criteria play the same groups.
Every champion is trained to the end, so that all criteria spend the same epochs.
Curves that were not recorded to the end and networks that learnt nothing are left
out.

Groups are drawn in two ways. `random`: members are drawn from all configurations.
`size` (only if the source has sizes): configurations for eight groups are drawn,
sorted by size and split into groups as in a search; one of these groups plays.

Standard errors describe the draws: other draws from the same curves, not other
networks.
"""

import argparse
import dataclasses
import json
import math
import sys
from collections.abc import Sequence

import curves as sources
import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.tournament.criteria import (
  CRITERIA,
  Criterion,
  candidate_epochs,
  get_criterion,
  rounds_needed,
  survivors,
)
from elite_tf.tournament.noise_ratio import nu

# Groups that a pool is split into by size, as in the paper.
POOL_GROUPS = 8

# Groups in which nu is measured: enough for a median.
NU_GROUPS = 200

# A difference is clear if it is larger than so many standard errors.
CLEAR = 3


@dataclasses.dataclass(frozen=True)
class Setting:
  """The tournaments of one comparison.

  Attributes:
    curves: Learning curves that are replayed.
    grouping: `random` or `size`.
    group_size: Candidates per group.
    round_epochs: Epochs per round.
  """

  curves: sources.Curves
  grouping: str
  group_size: int
  round_epochs: int


def draw_groups(setting: Setting, repeats: int, seed: int) -> np.ndarray:
  """Returns the members of the drawn groups, heaviest first.

  Args:
    setting: Curves, group size and how groups are drawn.
    repeats: Number of groups.
    seed: Seed of the draws.

  Returns:
    Positions of configurations, int64 (repeats, group_size).
  """
  rng = np.random.default_rng(seed)
  count, size = len(setting.curves.names), setting.group_size
  pool = size
  if setting.grouping == "size":
    pool = min(POOL_GROUPS, count // size) * size
  drawn = rng.random((repeats, count)).argsort(axis=1)[:, :pool]
  if setting.curves.sizes is not None:
    order = np.argsort(-setting.curves.sizes[drawn], axis=1, kind="stable")
    drawn = np.take_along_axis(drawn, order, axis=1)
  starts = size * rng.integers(pool // size, size=repeats)
  return np.take_along_axis(drawn, starts[:, None] + np.arange(size), axis=1)


def champion(
  histories: Sequence[Sequence[float]],
  members: Sequence[int],
  criterion: Criterion,
  round_epochs: int,
) -> int:
  """Plays one group's tournament by the rules of the search.

  Args:
    histories: Accuracies of every configuration.
    members: Positions of the group's configurations, heaviest first.
    criterion: Criterion that decides each round.
    round_epochs: Epochs per round.

  Returns:
    The champion's position.
  """
  order = {str(member): member for member in members}
  epochs = 0
  while len(order) > 1:
    epochs += round_epochs
    scores = criterion({n: histories[m][:epochs] for n, m in order.items()})
    kept = survivors(scores, list(order))
    order = {name: m for name, m in order.items() if name in kept}
  return next(iter(order.values()))


def replay(
  setting: Setting, criteria: Sequence[str], repeats: int, seed: int
) -> dict:
  """Returns the figures of every criterion in one setting, as JSON has them."""
  groups = draw_groups(setting, repeats, seed)
  histories = setting.curves.values.tolist()
  finals = setting.curves.finals
  best = finals[groups].max(axis=1)
  reached = {}
  for name in criteria:
    criterion = get_criterion(name)
    champions = [
      champion(histories, members, criterion, setting.round_epochs)
      for members in groups.tolist()
    ]
    reached[name] = finals[champions]
  epochs = len(histories[0])
  spent = candidate_epochs(setting.group_size, setting.round_epochs, epochs)
  return {
    "data": setting.curves.name,
    "configurations": len(setting.curves.names),
    "unfinished": setting.curves.unfinished,
    "collapsed": setting.curves.collapsed,
    "grouping": setting.grouping,
    "group_size": setting.group_size,
    "round_epochs": setting.round_epochs,
    "epochs": epochs,
    "candidate_epochs": spent,
    "share_of_epochs": spent / (setting.group_size * epochs),
    "nu": _nus(setting, histories, groups),
    "criteria": {
      name: {
        "best": _mean(values == best),
        "regret": _mean(best - values),
        "against": {
          other: _pair(values, reached[other])
          for other in criteria
          if other != name
        },
      }
      for name, values in reached.items()
    },
  }


def _nus(setting: Setting, histories, groups) -> list[float | None]:
  """Returns the median of nu over the groups, after each round.

  Every round uses all members, so that nu does not depend on a criterion.
  """
  medians = []
  for played in range(1, rounds_needed(setting.group_size) + 1):
    epochs = played * setting.round_epochs
    found = [
      nu([histories[member][:epochs] for member in members])
      for members in groups[:NU_GROUPS].tolist()
    ]
    known = [value for value in found if value is not None]
    medians.append(float(np.median(known)) if known else None)
  return medians


def _mean(values: np.ndarray) -> dict[str, float]:
  error = np.std(values, ddof=1) / math.sqrt(len(values))
  return {"mean": float(np.mean(values)), "se": float(error)}


def _pair(ours: np.ndarray, theirs: np.ndarray) -> dict:
  """Returns how often one's champion is better, and by how much on average."""
  return {
    "better": float(np.mean(ours > theirs)),
    "worse": float(np.mean(ours < theirs)),
    "difference": _mean(ours - theirs),
  }


def settings_of(
  curves: sources.Curves, group_size: int, lengths: str, grouping: str
) -> list[Setting]:
  """Returns the settings in which a source is replayed.

  Args:
    curves: The source.
    group_size: Candidates per group.
    lengths: Epochs per round, comma separated; a number with a point is a share
      of the curves' epochs, rounded, at least one epoch.
    grouping: `random`, `size` or `both`.

  Raises:
    ConfigError: There are fewer curves than a group needs, or the rounds are
      longer than the curves.
  """
  if not 2 <= group_size <= len(curves.names):
    raise ConfigError(
      f"--group_size must be 2 to {len(curves.names)}, the curves of"
      f" {curves.name}. Received: {group_size}"
    )
  epochs = curves.values.shape[1]
  found = []
  for text in lengths.split(","):
    try:
      number = float(text)
      chosen = max(1, round(number * epochs)) if "." in text else int(text)
    except ValueError:
      chosen = 0
    if not 1 <= chosen * rounds_needed(group_size) <= epochs:
      raise ConfigError(
        f"--round_epochs: {rounds_needed(group_size)} rounds must take 1 to"
        f" {epochs} epochs, those of {curves.name}. Received: {text!r}"
      )
    ways = ("random", "size") if grouping == "both" else (grouping,)
    for way in ways:
      if way == "size" and curves.sizes is None:
        continue
      setting = Setting(curves, way, group_size, chosen)
      if setting not in found:
        found.append(setting)
  return found


def clear_wins(results: Sequence[dict], name: str, other: str) -> int:
  """Returns in how many settings one's champions are clearly better."""
  differences = [
    result["criteria"][name]["against"][other]["difference"]
    for result in results
  ]
  return sum(d["mean"] > CLEAR * d["se"] for d in differences)


def to_text(results: Sequence[dict]) -> str:
  """Returns the results as a table, a line for each criterion."""
  lines = []
  first = next(iter(results[0]["criteria"]))
  for result in results:
    lines.append(
      f"{result['data']}: {result['configurations']} curves"
      f" ({result['unfinished']} unfinished, {result['collapsed']} collapsed"
      f" left out), groups of {result['group_size']} by {result['grouping']},"
      f" {result['round_epochs']} of {result['epochs']} epochs per round,"
      f" {result['candidate_epochs']} epochs"
      f" ({result['share_of_epochs']:.0%}), nu after each round "
      + " ".join("?" if x is None else f"{x:.2f}" for x in result["nu"])
    )
    lines.append(
      f"  {'':12} {'best of group':>16} {'regret':>16}"
      f"   than {first}: better  worse"
    )
    for name, figures in result["criteria"].items():
      best, regret = figures["best"], figures["regret"]
      pair = figures["against"].get(first)
      against = f"{pair['better']:12.1%} {pair['worse']:6.1%}" if pair else ""
      lines.append(
        f"  {name:12} {best['mean']:8.1%} ±{best['se']:6.1%}"
        f" {regret['mean']:8.4f} ±{regret['se']:7.4f} {'':12}{against}"
      )
  lines.append(
    f"Settings (of {len(results)}) in which the criterion of the line is better"
    f" than the criterion of the column by more than {CLEAR} standard errors:"
  )
  names = list(results[0]["criteria"])
  lines.append("  " + " " * 12 + "".join(f"{name:>13}" for name in names))
  for name in names:
    cells = [
      "" if other == name else str(clear_wins(results, name, other))
      for other in names
    ]
    lines.append(f"  {name:12}" + "".join(f"{cell:>13}" for cell in cells))
  return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    "sources", nargs="+", help="an .npz file, a folder of them, or a run folder"
  )
  parser.add_argument("--criteria", default=",".join(sorted(CRITERIA)))
  parser.add_argument("--group_size", type=int, default=8)
  parser.add_argument(
      "--round_epochs", default="0.05,0.1,0.2",
      help="comma separated; with a decimal point: share of the curves' epochs",
  )  # fmt: skip
  parser.add_argument(
    "--grouping", choices=("both", "random", "size"), default="both"
  )
  parser.add_argument(
    "--repeats", type=int, default=2000, help="number of groups to draw"
  )
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--format", choices=("text", "json"), default="text")
  flags = parser.parse_args(arguments)
  try:
    criteria = flags.criteria.split(",")
    for name in criteria:
      get_criterion(name)
    if flags.repeats < 2:
      raise ConfigError(
        f"--repeats must be at least 2. Received: {flags.repeats}"
      )
    results = [
      replay(setting, criteria, flags.repeats, flags.seed)
      for path in sources.find(flags.sources)
      for setting in settings_of(
        sources.read(path),
        flags.group_size,
        flags.round_epochs,
        flags.grouping,
      )
    ]
    if not results:
      raise ConfigError("--grouping=size: no source has sizes")
  except ConfigError as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  print(json.dumps(results) if flags.format == "json" else to_text(results))
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
